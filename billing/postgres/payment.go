package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/tenancy"
)

// Due implements payment.Store: what is owed in the currency of the oldest.
func (s *Store) Due(ctx context.Context, id tenancy.ID) (payment.Due, error) {
	list, err := s.unpaid(ctx, id)
	return dueOf(list), err
}

func dueOf(list []outbox.Entry) (d payment.Due) {
	for _, e := range list {
		if d.Currency == "" {
			d.Currency = e.Bill.Currency
		}
		if e.Bill.Currency == d.Currency {
			d.Amount, d.Decline = d.Amount+e.Bill.Total, e.Decline
		}
	}
	return d
}

// Payments implements payment.Store.
func (s *Store) Payments(ctx context.Context, id tenancy.ID, after string, limit int) (list []payment.Payment, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		found, err := entries(ctx, tx, `where e.tenant_id = $1 and ($2 = '' or (e.created_at, e.id) < (select b.created_at, b.id from payment_entries b where b.tenant_id = $1 and b.invoice_id = $2))
order by e.created_at desc, e.id desc limit $3`, id, after, limit)
		for _, e := range found {
			list = append(list, payment.Payment{
				Tenant: e.Tenant, Bill: e.Bill, State: e.Payment, Charges: e.Charges, Decline: e.Decline, Reference: e.Reference, CreatedAt: e.CreatedAt, PaidAt: e.PaidAt,
			})
		}
		return err
	})
	return list, err
}

// Debtors implements payment.Store.
func (s *Store) Debtors(ctx context.Context, limit int) (list []payment.Debtor, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
select `+accountColumns+`, coalesce((select t.name from tenants t where t.id = a.tenant_id), a.customer_name)
from payment_accounts a where standing <> 'good' order by past_due_since, tenant_id limit $1`, limit)
		if err != nil {
			return fmt.Errorf("list who owes: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d payment.Debtor, err error) {
			d.Account, err = scanAccount(row, &d.TenantName)
			return d, err
		})
		if err != nil {
			return fmt.Errorf("list who owes: %w", err)
		}
		for i := range list {
			unpaid, err := entries(ctx, tx, "where e.tenant_id = $1 and e.payment = 'failed' order by e.created_at limit 100", list[i].Tenant)
			if err != nil {
				return err
			}
			list[i].Due = dueOf(unpaid)
		}
		return nil
	})
	return list, err
}

// Events implements payment.Store.
func (s *Store) Events(ctx context.Context, unknown bool, limit int) (list []payment.Event, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
select event_id, coalesce(tenant_id, ''), type, object, created_at, received_at, outcome from payment_events
where not $1 or tenant_id is null order by received_at desc, event_id limit $2`, unknown, limit)
		if err != nil {
			return fmt.Errorf("list events: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e payment.Event, err error) {
			err = row.Scan(&e.ID, &e.Tenant, &e.Type, &e.Object, &e.CreatedAt, &e.ReceivedAt, &e.Outcome)
			e.CreatedAt, e.ReceivedAt = e.CreatedAt.UTC(), e.ReceivedAt.UTC()
			return e, err
		})
		return err
	})
	return list, err
}

func time0(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func timeN(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// inTenant runs f in a transaction that sees one tenant's rows.
func (s *Store) inTenant(ctx context.Context, id tenancy.ID, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := become(ctx, tx, id); err != nil {
			return err
		}
		return f(tx)
	})
}

// onPlatform runs f in a transaction that sees what operators see.
func (s *Store) onPlatform(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('millwright.platform', 'on', true)"); err != nil {
			return fmt.Errorf("see the platform: %w", err)
		}
		return f(tx)
	})
}
