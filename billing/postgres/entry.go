package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/tenancy"
)

const entryColumns = `e.id, e.tenant_id, e.bill, e.state, e.step, e.attempts, e.failure, e.reference, e.payment, e.charges, e.decline, e.card, e.created_at, e.paid_at,
(select w.due_at from payment_work w where w.object_id = e.id)`

func scanEntry(row pgx.CollectableRow) (e outbox.Entry, err error) {
	var paid, due *time.Time
	err = row.Scan(&e.ID, &e.Tenant, &e.Bill, &e.State, &e.Step, &e.Attempts, &e.Failure, &e.Reference, &e.Payment, &e.Charges, &e.Decline, &e.CardTried, &e.CreatedAt, &paid, &due)
	e.CreatedAt, e.PaidAt, e.DueAt = e.CreatedAt.UTC(), time0(paid), time0(due)
	return e, err
}

func entries(ctx context.Context, tx pgx.Tx, rest string, args ...any) ([]outbox.Entry, error) {
	rows, err := tx.Query(ctx, "select "+entryColumns+" from payment_entries e "+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	return list, nil
}

// Entry implements outbox.Store.
func (s *Store) Entry(ctx context.Context, id tenancy.ID, entry string) (e outbox.Entry, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		list, err := entries(ctx, tx, "where e.tenant_id = $1 and e.id = $2", id, entry)
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("there is no entry %s: %w", entry, tenancy.ErrNotFound)
		}
		if err == nil {
			e = list[0]
		}
		return err
	})
	return e, err
}

// unpaid returns the tenant's entries whose payment failed.
func (s *Store) unpaid(ctx context.Context, id tenancy.ID) (list []outbox.Entry, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		list, err = entries(ctx, tx, "where e.tenant_id = $1 and e.payment = 'failed' order by e.created_at limit 100", id)
		return err
	})
	return list, err
}

const keepEntry = `
update payment_entries set state = @state, step = @step, attempts = @attempts, failure = @failure, reference = @reference,
  payment = case when payment = 'paid' then payment else @payment end, charges = @charges, decline = @decline, card = @card, paid_at = @paid
where id = @id and tenant_id = @tenant`

// Keep implements outbox.Store.
func (s *Store) Keep(ctx context.Context, w outbox.Work, e outbox.Entry) error {
	return s.underLease(ctx, w, func(tx pgx.Tx) error { return keep(ctx, tx, e) })
}

// Settle implements outbox.Store.
func (s *Store) Settle(ctx context.Context, w outbox.Work, e outbox.Entry, due time.Time) error {
	return s.underLease(ctx, w, func(tx pgx.Tx) error {
		if err := keep(ctx, tx, e); err != nil {
			return err
		}
		return release(ctx, tx, w, due)
	})
}

// standing is how an invoice stands by its payment; what is settled stays so.
var standing = map[payment.State]struct{ status, from string }{
	payment.Paid: {"paid", "open,past_due,uncollectible"}, payment.Failed: {"past_due", "open"}, payment.Void: {"uncollectible", "open,past_due"},
}

const keepInvoice = `
update invoices set payment_reference = @reference,
  status = case when status = any(string_to_array(@from, ',')) then @status else status end,
  status_at = case when status = any(string_to_array(@from, ',')) then @at else status_at end
where id = @invoice and tenant_id = @tenant`

func keep(ctx context.Context, tx pgx.Tx, e outbox.Entry) error {
	_, err := tx.Exec(ctx, keepEntry, pgx.NamedArgs{
		"id": e.ID, "tenant": e.Tenant, "state": e.State, "step": e.Step, "attempts": e.Attempts, "failure": e.Failure, "reference": e.Reference,
		"payment": e.Payment, "charges": e.Charges, "decline": e.Decline, "card": e.CardTried, "paid": timeN(e.PaidAt),
	})
	if err != nil {
		return fmt.Errorf("keep payment %s: %w", e.ID, err)
	}
	to := standing[e.Payment]
	_, err = tx.Exec(ctx, keepInvoice, pgx.NamedArgs{
		"invoice": e.Bill.Invoice, "tenant": e.Tenant, "reference": e.Reference, "status": to.status, "from": to.from, "at": time.Now().UTC(),
	})
	if err != nil {
		return fmt.Errorf("keep how invoice %s stands: %w", e.Bill.Invoice, err)
	}
	return nil
}

// Outbox returns entries for operators: those that wait for one first, then those under way, then the newest.
func (s *Store) Outbox(ctx context.Context, id tenancy.ID, parked bool, limit int) (list []outbox.Entry, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		list, err = entries(ctx, tx, `where ($1 = '' or e.tenant_id = $1) and (not $2 or e.state = 'parked')
order by case e.state when 'parked' then 0 when 'working' then 1 when 'awaiting' then 2 else 3 end, e.created_at desc limit $3`, id, parked, limit)
		return err
	})
	return list, err
}

const retryEntry = `
update payment_entries set state = case when step = 'payment' then 'awaiting' else 'working' end,
  step = case when step in ('items', 'finalize') then 'invoice' else step end, attempts = 0
where id = $1 and state <> 'done'`

// Retry takes an entry up again at once: all that was made for it is looked up at the provider, and what is not there is sent under another key.
func (s *Store) Retry(ctx context.Context, entry string, now time.Time) (e outbox.Entry, err error) {
	var id tenancy.ID
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "select tenant_id from payment_entries where id = $1", entry).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("there is no entry %s: %w", entry, tenancy.ErrNotFound)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, retryEntry, entry)
		if err != nil {
			return fmt.Errorf("retry payment %s: %w", entry, err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("entry %s is done: there is nothing to retry: %w", entry, tenancy.ErrConflict)
		}
		if _, err := tx.Exec(ctx, "update payment_requests set doubtful = true, result = null where entry_id = $1", entry); err != nil {
			return fmt.Errorf("retry requests of payment %s: %w", entry, err)
		}
		if _, err := tx.Exec(ctx, queueWork, pgx.NamedArgs{"object": entry, "tenant": id, "kind": "entry", "now": now}); err != nil {
			return fmt.Errorf("queue payment %s: %w", entry, err)
		}
		list, err := entries(ctx, tx, "where e.id = $1", entry)
		if err == nil {
			e = list[0]
		}
		return err
	})
	return e, err
}
