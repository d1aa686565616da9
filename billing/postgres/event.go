package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/payment"
)

const insertEvent = `
insert into payment_events (event_id, tenant_id, type, object, created_at, received_at, outcome)
values (@id, nullif(@tenant, ''), @type, @object, @created, @received, @outcome) on conflict do nothing`

// RecordEvent notes what the payment provider told us and makes due what follows from it, in one transaction. What follows is always to look at
// the provider again, so that the order of events is of no account. fresh is false for an event that was noted before.
func (s *Store) RecordEvent(ctx context.Context, e payment.Event) (fresh bool, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "select tenant_id from payment_accounts where customer = $1 and customer <> ''", e.Customer).Scan(&e.Tenant)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("find customer %s: %w", e.Customer, err)
		}
		known := err == nil
		e.Outcome = "nobody here is this customer: nothing was done"
		if known {
			if err := become(ctx, tx, e.Tenant); err != nil {
				return err
			}
			e.Outcome = "the account is looked at again"
			if e.Entry != "" {
				e.Outcome = "the invoice is looked at again"
			}
		}
		tag, err := tx.Exec(ctx, insertEvent, pgx.NamedArgs{
			"id": e.ID, "tenant": e.Tenant, "type": e.Type, "object": e.Object, "created": e.CreatedAt, "received": e.ReceivedAt, "outcome": e.Outcome,
		})
		if err != nil {
			return fmt.Errorf("note event %s: %w", e.ID, err)
		}
		if fresh = tag.RowsAffected() == 1; !fresh || !known {
			return nil
		}
		return follow(ctx, tx, e)
	})
	return fresh, err
}

// follow makes due what an event is about.
func follow(ctx context.Context, tx pgx.Tx, e payment.Event) error {
	if e.CardEntered {
		if _, err := tx.Exec(ctx, "update payment_accounts set adopt_card = true where tenant_id = $1", e.Tenant); err != nil {
			return fmt.Errorf("note an entered card: %w", err)
		}
	}
	args := pgx.NamedArgs{"object": accountObject(e.Tenant), "tenant": e.Tenant, "kind": "account", "now": e.ReceivedAt}
	if e.Entry != "" {
		var there bool
		const query = "select exists (select from payment_entries where id = $1 and tenant_id = $2 and state <> 'parked')"
		if err := tx.QueryRow(ctx, query, e.Entry, e.Tenant).Scan(&there); err != nil {
			return fmt.Errorf("find entry %s: %w", e.Entry, err)
		}
		if !there {
			return nil
		}
		args["object"], args["kind"] = e.Entry, "entry"
	}
	if _, err := tx.Exec(ctx, queueWork, args); err != nil {
		return fmt.Errorf("queue what event %s is about: %w", e.ID, err)
	}
	return nil
}
