package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/billing/subscription"
	"github.com/millwright-io/millwright/tenancy"
)

// Facts implements invoice.Store.
func (s *Store) Facts(ctx context.Context, id tenancy.ID, period rating.Period) (f invoice.Facts, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.pool, moment, func(tx pgx.Tx) error {
		if err := become(ctx, tx, id); err != nil {
			return err
		}
		f, err = s.facts(ctx, tx, id, period)
		return err
	})
	return f, err
}

// facts reads all that a month's bill follows from.
func (s *Store) facts(ctx context.Context, tx pgx.Tx, id tenancy.ID, period rating.Period) (f invoice.Facts, err error) {
	f.Period = period
	if f.Subscription, err = subscriptionOf(ctx, tx, id, period); err != nil {
		return f, err
	}
	if f.Earlier, err = earlier(ctx, tx, id, period); err != nil {
		return f, err
	}
	start := period.Start
	for _, e := range f.Earlier {
		if e.Terms.Period.Start.Before(start) {
			start = e.Terms.Period.Start
		}
	}
	if f.Hours, err = usageOf(ctx, tx, id, start, period.End); err != nil {
		return f, err
	}
	if f.Adjustments, err = openAdjustments(ctx, tx, id); err != nil {
		return f, err
	}
	if f.Coupons, err = couponsOf(ctx, tx, id, period); err != nil {
		return f, err
	}
	credits, err := creditsOf(ctx, tx, id)
	for _, c := range credits {
		f.Credits = append(f.Credits, invoice.Credit{ID: c.ID, Currency: c.Currency, Left: c.Left, ExpiresAt: c.ExpiresAt})
	}
	if err != nil {
		return f, err
	}
	f.Tax, err = s.taxes.Percent(f.Subscription, period)
	return f, err
}

const selectSubscription = `
select t.name, t.created_at, t.plan, t.delete_requested_at, coalesce(c.region, '')
from tenants t left join cells c on c.name = t.cell
where t.id = $1`

// subscriptionOf is what a tenant pays by in the month of a period.
func subscriptionOf(ctx context.Context, tx pgx.Tx, id tenancy.ID, period rating.Period) (subscription.Subscription, error) {
	s := subscription.Subscription{Tenant: id, Currency: subscription.DefaultCurrency}
	var until *time.Time
	err := tx.QueryRow(ctx, selectSubscription, id).Scan(&s.Name, &s.Since, &s.Plan, &until, &s.Region)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, fmt.Errorf("there is no organisation %s: %w", id, tenancy.ErrNotFound)
	}
	if err != nil {
		return s, fmt.Errorf("read what tenant %s pays by: %w", id, err)
	}
	s.Since = s.Since.UTC()
	if until != nil {
		s.Until = until.UTC()
	}
	rows, err := tx.Query(ctx, `select plan, effective_at, requested_at, requested_by, applied from plan_changes
		where tenant_id = $1 order by effective_at`, id)
	if err != nil {
		return s, fmt.Errorf("read plans of tenant %s: %w", id, err)
	}
	s.History, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c subscription.Change, err error) {
		err = row.Scan(&c.Plan, &c.EffectiveAt, &c.RequestedAt, &c.RequestedBy, &c.Applied)
		c.EffectiveAt, c.RequestedAt = c.EffectiveAt.UTC(), c.RequestedAt.UTC()
		return c, err
	})
	if err != nil {
		return s, fmt.Errorf("read plans of tenant %s: %w", id, err)
	}
	err = underContract(ctx, tx, &s, period)
	return s, err
}

const selectEarlier = `
select i.id, i.number, i.terms, i.subtotal_minor,
  coalesce((select sum(a.amount_minor) from billing_adjustments a where a.tenant_id = i.tenant_id and a.of_invoice = i.id), 0)::bigint
from invoices i
where i.tenant_id = @tenant and i.period_start >= @from and i.period_start < @start and i.status <> 'void'
order by i.period_start`

// earlier are the invoices of the months before a period that are still corrected.
func earlier(ctx context.Context, tx pgx.Tx, id tenancy.ID, period rating.Period) ([]invoice.Earlier, error) {
	rows, err := tx.Query(ctx, selectEarlier, pgx.NamedArgs{
		"tenant": id, "from": period.Start.AddDate(0, -invoice.LateMonths, 0), "start": period.Start,
	})
	if err != nil {
		return nil, fmt.Errorf("read earlier invoices of tenant %s: %w", id, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e invoice.Earlier, err error) {
		var terms []byte
		if err := row.Scan(&e.ID, &e.Number, &terms, &e.Subtotal, &e.Corrected); err != nil {
			return e, err
		}
		if err := json.Unmarshal(terms, &e.Terms); err != nil {
			return e, fmt.Errorf("read terms of invoice %s: %w", e.Number, err)
		}
		return e, nil
	})
}

func openAdjustments(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]invoice.Adjustment, error) {
	rows, err := tx.Query(ctx, `select id, currency, amount_minor, reason, coalesce(of_invoice, '') from billing_adjustments
		where tenant_id = $1 and invoice_id is null order by id limit 1000`, id)
	if err != nil {
		return nil, fmt.Errorf("read adjustments of tenant %s: %w", id, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a invoice.Adjustment, err error) {
		err = row.Scan(&a.ID, &a.Currency, &a.Amount, &a.Reason, &a.Of)
		return a, err
	})
}
