package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/metering"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	unmetered = `
select tenant_id from payment_accounts
where customer <> '' and coalesce(metered_until, date_trunc('hour', intended_at at time zone 'UTC') at time zone 'UTC') < $1
order by metered_until nulls first, tenant_id limit $2`
	// The account's row is held, so that two processes do not freeze the same hours: the second finds nothing left.
	freezeHours = `
with account as (
  select tenant_id, coalesce(metered_until, date_trunc('hour', intended_at at time zone 'UTC') at time zone 'UTC') as since
  from payment_accounts where tenant_id = @tenant for update)
insert into payment_meter_events (identifier, tenant_id, meter, hour, amount)
select u.tenant_id || '/' || u.meter || '/' || to_char(u.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24'), u.tenant_id, u.meter, u.hour, sum(u.value)
from usage_totals u, account a
where u.tenant_id = a.tenant_id and u.hour >= a.since and u.hour < @through and u.meter = any(@meters)
group by u.tenant_id, u.meter, u.hour having sum(u.value) > 0
on conflict do nothing`
	setMetered = "update payment_accounts set metered_until = greatest(metered_until, $2) where tenant_id = $1"
)

// FreezeHours implements metering.Store.
func (s *Store) FreezeHours(ctx context.Context, through time.Time, meters []billing.Meter, accounts int) (n int, err error) {
	var ids []tenancy.ID
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, unmetered, through, accounts)
		if err != nil {
			return fmt.Errorf("find hours that have ended: %w", err)
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[tenancy.ID])
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, freezeHours, pgx.NamedArgs{"tenant": id, "through": through, "meters": meters})
			if err != nil {
				return fmt.Errorf("freeze hours of tenant %s: %w", id, err)
			}
			n += int(tag.RowsAffected())
			if _, err := tx.Exec(ctx, setMetered, id, through); err != nil {
				return fmt.Errorf("note frozen hours of tenant %s: %w", id, err)
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

const unsentEvents = `
select e.tenant_id, e.meter, a.customer, e.identifier, e.amount, e.hour, e.intended_at
from payment_meter_events e join payment_accounts a on a.tenant_id = e.tenant_id
where e.sent_at is null and e.failure = '' order by e.hour, e.identifier limit $1`

// UnsentEvents implements metering.Store.
func (s *Store) UnsentEvents(ctx context.Context, limit int) (list []metering.Event, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, unsentEvents, limit)
		if err != nil {
			return fmt.Errorf("read unsent usage: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e metering.Event, err error) {
			var meter billing.Meter
			var intended *time.Time
			err = row.Scan(&e.Tenant, &meter, &e.Customer, &e.Identifier, &e.Amount, &e.Hour, &intended)
			e.Meter, e.Hour, e.IntendedAt = metering.Name(meter), e.Hour.UTC(), time0(intended)
			return e, err
		})
		return err
	})
	return list, err
}

// IntendEvent implements metering.Store.
func (s *Store) IntendEvent(ctx context.Context, e metering.Event, at time.Time) error {
	return s.changeEvent(ctx, e, "update payment_meter_events set intended_at = coalesce(intended_at, $2) where identifier = $1", at)
}

// SettleEvent implements metering.Store.
func (s *Store) SettleEvent(ctx context.Context, e metering.Event, at time.Time, failure string) error {
	return s.changeEvent(ctx, e, "update payment_meter_events set sent_at = case when $3 = '' then $2::timestamptz end, failure = left($3, 1000) where identifier = $1 and sent_at is null", at, failure)
}

func (s *Store) changeEvent(ctx context.Context, e metering.Event, statement string, args ...any) error {
	return s.inTenant(ctx, e.Tenant, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, statement, append([]any{e.Identifier}, args...)...); err != nil {
			return fmt.Errorf("note usage %s: %w", e.Identifier, err)
		}
		return nil
	})
}
