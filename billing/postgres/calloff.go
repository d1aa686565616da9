package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/tenancy"
)

// lockCharged locks an invoice and what is on its way to the payment provider for it, in the order in which those do who send it. The
// lock of the entry lets others refer to it: who records a request does, while holding the invoice.
func lockCharged(ctx context.Context, tx pgx.Tx, id tenancy.ID, reference string) error {
	for _, lock := range []string{
		`select from payment_entries where tenant_id = $1 and invoice_id in
			(select i.id from invoices i where i.tenant_id = $1 and (i.id = $2 or i.number = $2)) for no key update`,
		"select from invoices where tenant_id = $1 and (id = $2 or number = $2) for update",
	} {
		if _, err := tx.Exec(ctx, lock, id, reference); err != nil {
			return fmt.Errorf("lock invoice %s: %w", reference, err)
		}
	}
	return nil
}

// An entry may be charged once the request to finalize was recorded, unless the provider refused it for good, or has voided the invoice.
const mayBeCharged = `
select e.id, e.payment <> 'void' and (e.step = 'payment' or (e.state <> 'parked' and
  exists (select from payment_requests r where r.entry_id = e.id and r.step = 'finalize')))
from payment_entries e where e.tenant_id = $1 and e.invoice_id = $2`

// callOff sees to it that an invoice which is about to be void is not charged, and refuses where it may have been: a process that is
// sending it finds it void before its next request; one that waits for an operator is done.
func callOff(ctx context.Context, tx pgx.Tx, i invoice.Invoice) error {
	var entry string
	var charged bool
	err := tx.QueryRow(ctx, mayBeCharged, i.Tenant, i.ID).Scan(&entry, &charged)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("see whether invoice %s is charged: %w", i.Number, err)
	case charged:
		return fmt.Errorf("invoice %s is being charged: wait until it is paid, when a credit note corrects the next bill, or void it at the payment provider first: %w",
			i.Number, tenancy.ErrConflict)
	}
	const park = "update payment_entries set state = 'done', payment = 'void', failure = $3 where tenant_id = $1 and id = $2 and state = 'parked'"
	if _, err := tx.Exec(ctx, park, i.Tenant, entry, outbox.ErrTakenBack.Error()); err != nil {
		return fmt.Errorf("call off the payment of invoice %s: %w", i.Number, err)
	}
	return nil
}
