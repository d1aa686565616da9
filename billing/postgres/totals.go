package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/reconciliation"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	nameTenant  = "select set_config('millwright.tenant', $1, true)"
	upsertTotal = `
insert into usage_totals (tenant_id, hour, cell, partition, meter, value, version)
select $1, hour, $2, partition, meter, value, version
from unnest($3::timestamptz[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[]) as t(hour, partition, meter, value, version)
on conflict (tenant_id, hour, cell, partition, meter) do update
set value = excluded.value, version = excluded.version
where usage_totals.version < excluded.version`
	upsertNote = `
insert into usage_notes (tenant_id, hour, cell, partition, meter, version, counted, stored, noted_at)
select $1, hour, $2, partition, meter, version, counted, stored, noted_at
from unnest($3::timestamptz[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::timestamptz[])
  as n(hour, partition, meter, version, counted, stored, noted_at)
on conflict (tenant_id, hour, cell, partition, meter) do update
set version = excluded.version, counted = excluded.counted, stored = excluded.stored, noted_at = excluded.noted_at
where usage_notes.noted_at < excluded.noted_at`
)

// Record implements collect.Ledger. All statements of a message go to the database together. Measured by BenchmarkRecord.
func (s *Store) Record(ctx context.Context, cell string, totals []billing.Total, notes []reconciliation.Note) (refused []error, err error) {
	m := newMessage(cell, totals, notes)
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		homes, err := homesOf(ctx, tx, m.ids)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		for _, id := range m.ids {
			if err := livesIn(homes, id, cell); err != nil {
				refused = append(refused, err)
				continue
			}
			m.queue(b, id)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("record usage of cell %s: %w", cell, err)
		}
		return nil
	})
	return refused, err
}

// message is what came together, by tenant.
type message struct {
	cell   string
	ids    []tenancy.ID
	totals map[tenancy.ID][]billing.Total
	notes  map[tenancy.ID][]reconciliation.Note
}

// place is what a row of either table is found by, within a tenant and cell.
type place struct {
	hour      int64
	partition uint32
	meter     billing.Meter
}

// newMessage leaves out all but the newest of one place: a statement may change a row only once.
func newMessage(cell string, totals []billing.Total, notes []reconciliation.Note) *message {
	m := &message{cell: cell, totals: map[tenancy.ID][]billing.Total{}, notes: map[tenancy.ID][]reconciliation.Note{}}
	for _, t := range totals {
		m.totals[t.Tenant] = append(m.totals[t.Tenant], t)
	}
	for _, n := range notes {
		m.notes[n.Tenant] = append(m.notes[n.Tenant], n)
	}
	for id, list := range m.totals {
		m.ids = append(m.ids, id)
		m.totals[id] = newest(list, func(t billing.Total) place { return place{t.Hour.Unix(), t.Partition, t.Meter} },
			func(a, b billing.Total) bool { return a.Version < b.Version })
	}
	for id, list := range m.notes {
		if m.totals[id] == nil {
			m.ids = append(m.ids, id)
		}
		m.notes[id] = newest(list, func(n reconciliation.Note) place { return place{n.Hour.Unix(), n.Partition, n.Meter} },
			func(a, b reconciliation.Note) bool { return a.At.Before(b.At) })
	}
	// In one order for all: two that record the same tenants at once then cannot wait for each other. The same holds for rows.
	slices.Sort(m.ids)
	return m
}

func newest[T any](list []T, at func(T) place, before func(a, b T) bool) []T {
	slices.SortStableFunc(list, func(a, b T) int { return comparePlaces(at(a), at(b)) })
	kept := list[:0]
	for _, item := range list {
		if n := len(kept); n > 0 && at(kept[n-1]) == at(item) {
			if before(kept[n-1], item) {
				kept[n-1] = item
			}
			continue
		}
		kept = append(kept, item)
	}
	return kept
}

func comparePlaces(a, b place) int {
	switch {
	case a.hour != b.hour:
		return int(a.hour - b.hour)
	case a.partition != b.partition:
		return int(a.partition) - int(b.partition)
	case a.meter < b.meter:
		return -1
	case a.meter > b.meter:
		return 1
	}
	return 0
}

// queue adds a tenant's statements.
func (m *message) queue(b *pgx.Batch, id tenancy.ID) {
	b.Queue(nameTenant, string(id))
	if list := m.totals[id]; len(list) > 0 {
		n := len(list)
		hours, partitions, meters, values, versions := make([]time.Time, n), make([]int64, n), make([]string, n), make([]int64, n), make([]int64, n)
		for i, t := range list {
			hours[i], partitions[i], meters[i] = t.Hour, int64(t.Partition), string(t.Meter)
			values[i], versions[i] = int64(t.Value), int64(t.Version) //nolint:gosec // the collector bounds them
		}
		b.Queue(upsertTotal, id, m.cell, hours, partitions, meters, values, versions)
	}
	if list := m.notes[id]; len(list) > 0 {
		n := len(list)
		hours, partitions, meters, at := make([]time.Time, n), make([]int64, n), make([]string, n), make([]time.Time, n)
		versions, counted, stored := make([]int64, n), make([]int64, n), make([]int64, n)
		for i, note := range list {
			hours[i], partitions[i], meters[i], at[i] = note.Hour, int64(note.Partition), string(note.Meter), note.At
			versions[i], counted[i], stored[i] = int64(note.Version), int64(note.Counted), int64(note.Stored) //nolint:gosec // the collector bounds them
		}
		b.Queue(upsertNote, id, m.cell, hours, partitions, meters, versions, counted, stored, at)
	}
}

// homesOf returns in which cells tenants live.
func homesOf(ctx context.Context, tx pgx.Tx, ids []tenancy.ID) (map[tenancy.ID]string, error) {
	rows, err := tx.Query(ctx, "select tenant_id, cell from placements where tenant_id = any($1)", ids)
	if err != nil {
		return nil, fmt.Errorf("find cells of tenants: %w", err)
	}
	homes := make(map[tenancy.ID]string, len(ids))
	var id tenancy.ID
	var cell string
	if _, err := pgx.ForEachRow(rows, []any{&id, &cell}, func() error { homes[id] = cell; return nil }); err != nil {
		return nil, fmt.Errorf("find cells of tenants: %w", err)
	}
	return homes, nil
}

// livesIn is nil when the tenant lives in that cell, else an ErrInvalid that says where.
func livesIn(homes map[tenancy.ID]string, id tenancy.ID, cell string) error {
	switch home, ok := homes[id]; {
	case !ok:
		return fmt.Errorf("there is no tenant %s: %w", id, tenancy.ErrInvalid)
	case home != cell:
		return fmt.Errorf("tenant %s lives in cell %s, not in %s: %w", id, home, cell, tenancy.ErrInvalid)
	}
	return nil
}

const selectTotals = `
select hour, cell, partition, meter, value, version from usage_totals
where tenant_id = @tenant and hour >= @start and hour < @end
order by hour, cell, partition, meter`

// Totals returns the totals of the hours that begin in [start, end).
func (s *Store) Totals(ctx context.Context, id tenancy.ID, start, end time.Time) (list []billing.Total, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectTotals, pgx.NamedArgs{"tenant": id, "start": start, "end": end})
		if err != nil {
			return fmt.Errorf("read totals: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t billing.Total, err error) {
			t.Tenant = id
			err = row.Scan(&t.Hour, &t.Cell, &t.Partition, &t.Meter, &t.Value, &t.Version)
			t.Hour = t.Hour.UTC()
			return t, err
		})
		return err
	})
	return list, err
}
