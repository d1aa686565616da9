// Package postgres keeps the usage ledger and the books: invoices, what they are made of and what they leave. Every statement runs in a transaction that names the tenant to the database's
// row-level security. It is this module's only home of pgx.
package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/tenancy"
)

// Store is the ledger and the books. It implements collect.Ledger, rpc.Ledger, invoice.Store and invoice.CloseStore.
type Store struct {
	pool  *pgxpool.Pool
	taxes invoice.Taxes
}

// New returns the ledger in a pool whose connections have the application's role.
func New(pool *pgxpool.Pool) *Store { return &Store{pool: pool, taxes: invoice.NoTaxes{}} }

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

// UseTaxes says what taxes are on bills from now on; without it there are none.
func (s *Store) UseTaxes(t invoice.Taxes) { s.taxes = t }

// Usage returns the hours of [start, end) in which something was counted, oldest first.
func (s *Store) Usage(ctx context.Context, id tenancy.ID, start, end time.Time) (hours []billing.Hour, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		hours, err = usageOf(ctx, tx, id, start, end)
		return err
	})
	return hours, err
}

func usageOf(ctx context.Context, tx pgx.Tx, id tenancy.ID, start, end time.Time) (hours []billing.Hour, err error) {
	rows, err := tx.Query(ctx, selectUsage, pgx.NamedArgs{"tenant": id, "start": start, "end": end})
	if err != nil {
		return nil, fmt.Errorf("read usage: %w", err)
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
	return hours, err
}
