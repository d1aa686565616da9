// Package postgres keeps the usage ledger. Every statement runs in a transaction that names the tenant to the database's
// row-level security. It is this module's only home of pgx.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/tenancy"
)

// Store is the ledger. It implements collect.Ledger and rpc.Ledger.
type Store struct{ pool *pgxpool.Pool }

// New returns the ledger in a pool whose connections have the application's role.
func New(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

const upsertTotal = `
insert into usage_totals (tenant_id, hour, cell, partition, meter, value, version)
values (@tenant, @hour, @cell, @partition, @meter, @value, @version)
on conflict (tenant_id, hour, cell, partition, meter) do update
set value = excluded.value, version = excluded.version
where usage_totals.version < excluded.version`

// Record implements collect.Ledger.
func (s *Store) Record(ctx context.Context, cell string, totals []billing.Total) (refused []error, err error) {
	byTenant := make(map[tenancy.ID][]billing.Total)
	for _, t := range totals {
		byTenant[t.Tenant] = append(byTenant[t.Tenant], t)
	}
	// In one order for all: two that record the same tenants at once then cannot wait for each other.
	ids := make([]tenancy.ID, 0, len(byTenant))
	for id := range byTenant {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, id := range ids {
			switch err := livesIn(ctx, tx, id, cell); {
			case errors.Is(err, tenancy.ErrInvalid):
				refused = append(refused, err)
			case err != nil:
				return err
			default:
				if err := record(ctx, tx, id, byTenant[id]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return refused, err
}

// livesIn is nil when the tenant lives in that cell, else an ErrInvalid that says where.
func livesIn(ctx context.Context, tx pgx.Tx, id tenancy.ID, cell string) error {
	var home string
	err := tx.QueryRow(ctx, "select cell from placements where tenant_id = $1", id).Scan(&home)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("there is no tenant %s: %w", id, tenancy.ErrInvalid)
	case err != nil:
		return fmt.Errorf("find cell of tenant %s: %w", id, err)
	case home != cell:
		return fmt.Errorf("tenant %s lives in cell %s, not in %s: %w", id, home, cell, tenancy.ErrInvalid)
	}
	return nil
}

func record(ctx context.Context, tx pgx.Tx, id tenancy.ID, totals []billing.Total) error {
	if err := become(ctx, tx, id); err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, t := range totals {
		b.Queue(upsertTotal, pgx.NamedArgs{
			"tenant": id, "hour": t.Hour, "cell": t.Cell, "partition": int64(t.Partition), "meter": t.Meter,
			"value": int64(t.Value), "version": int64(t.Version), //nolint:gosec // the collector bounds them
		})
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("record usage of tenant %s: %w", id, err)
	}
	return nil
}

func become(ctx context.Context, tx pgx.Tx, id tenancy.ID) error {
	if _, err := tx.Exec(ctx, "select set_config('millwright.tenant', $1, true)", string(id)); err != nil {
		return fmt.Errorf("set tenant: %w", err)
	}
	return nil
}

const selectUsage = `
select hour, meter, sum(value)::bigint
from usage_totals
where tenant_id = @tenant and hour >= @start and hour < @end
group by hour, meter
order by hour`

// Usage returns the hours of [start, end) in which something was counted, oldest first.
func (s *Store) Usage(ctx context.Context, id tenancy.ID, start, end time.Time) (hours []billing.Hour, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := become(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectUsage, pgx.NamedArgs{"tenant": id, "start": start, "end": end})
		if err != nil {
			return fmt.Errorf("read usage: %w", err)
		}
		var hour time.Time
		var meter billing.Meter
		var value int64
		_, err = pgx.ForEachRow(rows, []any{&hour, &meter, &value}, func() error {
			if len(hours) == 0 || !hours[len(hours)-1].Start.Equal(hour) {
				hours = append(hours, billing.Hour{Start: hour.UTC()})
			}
			hours[len(hours)-1].Add(meter, uint64(value)) //nolint:gosec // the table holds none below zero
			return nil
		})
		return err
	})
	return hours, err
}
