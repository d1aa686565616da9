package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/reconciliation"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// arriving is how long after a note its totals may still be on their way, noting how long after an hour its notes may.
	arriving = 5 * time.Minute
	noting   = 3 * time.Hour
)

// Tenants implements reconciliation.Store.
func (s *Store) Tenants(ctx context.Context) ([]tenancy.ID, error) {
	rows, err := s.pool.Query(ctx, "select tenant_id from placements order by tenant_id")
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[tenancy.ID])
}

// What differs: see reconciliation.Kind. A total of 0 is not sent. An hour that a program began which did not count device hours, or what was
// accepted, has none of them.
const selectDifferences = `
with notes as (
  select hour, cell, partition, meter, version, counted, stored, noted_at from usage_notes where tenant_id = @tenant and hour >= @since),
totals as (
  select hour, cell, partition, meter, version, value from usage_totals where tenant_id = @tenant and hour >= @since),
sides as (
  select coalesce(n.hour, t.hour) as hour, coalesce(n.cell, t.cell) as cell, coalesce(n.partition, t.partition) as partition,
    coalesce(n.meter, t.meter) as meter, n.hour is not null as noted, n.counted, n.stored, n.noted_at, n.version as noted_version,
    coalesce(t.value, 0) as value, coalesce(t.version, 0) as version
  from notes n full join (select * from totals where meter in ('events', 'points', 'bytes', 'device_hours', 'dead_letters')) t
    using (hour, cell, partition, meter)),
sums as (
  select hour, cell, partition, coalesce(sum(value) filter (where meter = 'accepted'), 0)::bigint as accepted,
    coalesce(sum(value) filter (where meter in ('events', 'duplicates', 'dead_letters')), 0)::bigint as others
  from totals group by hour, cell, partition)
select hour, cell, partition, meter, 'rows' as kind, value, counted, stored from sides where noted and counted <> stored
union all
select hour, cell, partition, meter, 'ledger', value, counted, stored from sides
where noted and value <> counted and noted_at < @now::timestamptz - case when version > noted_version then @noting::interval else @arriving::interval end
union all
select hour, cell, partition, meter, 'unnoted', value, 0, 0 from sides s
where not noted and value > 0 and hour < @now::timestamptz - @noting::interval and exists (select from notes n where n.hour = s.hour and n.cell = s.cell)
  and not (meter = 'device_hours' and exists (select from notes n where n.hour = s.hour and n.cell = s.cell and n.partition = s.partition))
union all
select hour, cell, partition, 'accepted', 'sum', others, accepted, 0 from sums where accepted > 0 and accepted <> others
order by hour, cell, partition, meter, kind`

const (
	upsertMismatch = `
insert into usage_mismatches as m (tenant_id, hour, cell, partition, meter, kind, ledger, counted, stored, found_at)
values (@tenant, @hour, @cell, @partition, @meter, @kind, @ledger, @counted, @stored, @now)
on conflict (tenant_id, hour, cell, partition, meter, kind) do update
set ledger = excluded.ledger, counted = excluded.counted, stored = excluded.stored,
  found_at = case when m.resolved_at is null then m.found_at else excluded.found_at end, resolved_at = null
returning found_at = @now`
	resolveMismatches = `
update usage_mismatches m set resolved_at = @now
where tenant_id = @tenant and resolved_at is null and hour >= @since and not exists (
  select from unnest(@hours::timestamptz[], @cells::text[], @partitions::integer[], @meters::text[], @kinds::text[]) as f(hour, cell, partition, meter, kind)
  where f.hour = m.hour and f.cell = m.cell and f.partition = m.partition and f.meter = m.meter and f.kind = m.kind)`
)

// mostMismatches is how many are remembered of one look: a cell that counts wrong does so everywhere.
const mostMismatches = 1000

// Reconcile implements reconciliation.Store.
func (s *Store) Reconcile(ctx context.Context, id tenancy.ID, since, now time.Time) (found []reconciliation.Mismatch, err error) {
	now = now.UTC().Truncate(time.Microsecond)
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectDifferences, pgx.NamedArgs{"tenant": id, "since": since, "now": now, "arriving": arriving, "noting": noting})
		if err != nil {
			return fmt.Errorf("reconcile usage of tenant %s: %w", id, err)
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m reconciliation.Mismatch, err error) {
			m.Tenant, m.FoundAt = id, now
			err = row.Scan(&m.Hour, &m.Cell, &m.Partition, &m.Meter, &m.Kind, &m.Ledger, &m.Counted, &m.Stored)
			m.Hour = m.Hour.UTC()
			return m, err
		})
		if err != nil {
			return fmt.Errorf("reconcile usage of tenant %s: %w", id, err)
		}
		list = list[:min(len(list), mostMismatches)]
		if found, err = remember(ctx, tx, id, list, now); err != nil {
			return err
		}
		return resolve(ctx, tx, id, list, since, now)
	})
	return found, err
}

func remember(ctx context.Context, tx pgx.Tx, id tenancy.ID, list []reconciliation.Mismatch, now time.Time) (found []reconciliation.Mismatch, err error) {
	for _, m := range list {
		fresh := false
		err := tx.QueryRow(ctx, upsertMismatch, pgx.NamedArgs{
			"tenant": id, "hour": m.Hour, "cell": m.Cell, "partition": int64(m.Partition), "meter": m.Meter, "kind": m.Kind,
			"ledger": m.Ledger, "counted": m.Counted, "stored": m.Stored, "now": now,
		}).Scan(&fresh)
		if err != nil {
			return nil, fmt.Errorf("remember what does not reconcile of tenant %s: %w", id, err)
		}
		if fresh {
			found = append(found, m)
		}
	}
	return found, nil
}

func resolve(ctx context.Context, tx pgx.Tx, id tenancy.ID, list []reconciliation.Mismatch, since, now time.Time) error {
	n := len(list)
	hours, cells, partitions, meters, kinds := make([]time.Time, n), make([]string, n), make([]int64, n), make([]string, n), make([]string, n)
	for i, m := range list {
		hours[i], cells[i], partitions[i], meters[i], kinds[i] = m.Hour, m.Cell, int64(m.Partition), string(m.Meter), string(m.Kind)
	}
	_, err := tx.Exec(ctx, resolveMismatches, pgx.NamedArgs{
		"tenant": id, "now": now, "since": since, "hours": hours, "cells": cells, "partitions": partitions, "meters": meters, "kinds": kinds,
	})
	if err != nil {
		return fmt.Errorf("resolve what reconciles again of tenant %s: %w", id, err)
	}
	return nil
}

// OpenMismatches implements reconciliation.Store.
func (s *Store) OpenMismatches(ctx context.Context) (open map[reconciliation.Kind]int, err error) {
	open = map[reconciliation.Kind]int{}
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select kind, count(*) from usage_mismatches where resolved_at is null group by kind")
		if err != nil {
			return fmt.Errorf("count mismatches: %w", err)
		}
		var kind reconciliation.Kind
		var n int
		_, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error { open[kind] = n; return nil })
		return err
	})
	return open, err
}

const selectMismatches = `
select tenant_id, hour, cell, partition, meter, kind, ledger, counted, stored, found_at, coalesce(resolved_at, '-infinity'::timestamptz) > '-infinity', coalesce(resolved_at, found_at)
from usage_mismatches where (@tenant = '' or tenant_id = @tenant) and (@resolved or resolved_at is null)
order by resolved_at is not null, found_at desc, tenant_id, hour, cell, partition, meter, kind limit @limit`

// Mismatches returns a tenant's, open ones first, the newest first.
func (s *Store) Mismatches(ctx context.Context, id tenancy.ID, resolved bool, limit int) (list []reconciliation.Mismatch, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		list, err = mismatches(ctx, tx, id, resolved, limit)
		return err
	})
	return list, err
}

// AllMismatches returns those of a tenant, or of all, for operators.
func (s *Store) AllMismatches(ctx context.Context, id tenancy.ID, resolved bool, limit int) (list []reconciliation.Mismatch, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		list, err = mismatches(ctx, tx, id, resolved, limit)
		return err
	})
	return list, err
}

func mismatches(ctx context.Context, tx pgx.Tx, id tenancy.ID, resolved bool, limit int) ([]reconciliation.Mismatch, error) {
	rows, err := tx.Query(ctx, selectMismatches, pgx.NamedArgs{"tenant": string(id), "resolved": resolved, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("list mismatches: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m reconciliation.Mismatch, err error) {
		var done bool
		var at time.Time
		err = row.Scan(&m.Tenant, &m.Hour, &m.Cell, &m.Partition, &m.Meter, &m.Kind, &m.Ledger, &m.Counted, &m.Stored, &m.FoundAt, &done, &at)
		m.Hour, m.FoundAt = m.Hour.UTC(), m.FoundAt.UTC()
		if done {
			m.ResolvedAt = at.UTC()
		}
		return m, err
	})
}
