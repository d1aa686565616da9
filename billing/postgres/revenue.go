package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/invoice"
)

// AllInvoices returns invoices of all tenants, or of one, of a status or of all, the newest number first, without lines; those with
// numbers before one, when that is not empty.
func (s *Store) AllInvoices(ctx context.Context, tenant string, status invoice.Status, before string, limit int) (list []invoice.Invoice, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectInvoice+`where ($1 = '' or tenant_id = $1) and ($2 = '' or status = $2) and ($3 = '' or number < $3)
			order by number desc limit $4`, tenant, string(status), before, limit)
		if err != nil {
			return fmt.Errorf("list invoices of all tenants: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanInvoice)
		return err
	})
	return list, err
}

const selectRevenue = `
select i.period_start, i.currency, count(*), sum(subtotal_minor)::bigint, sum(tax_minor)::bigint, sum(total_minor)::bigint,
  coalesce(sum(total_minor) filter (where status = 'paid'), 0)::bigint, coalesce(sum(total_minor) filter (where status = 'open'), 0)::bigint,
  coalesce(sum(total_minor) filter (where status = 'past_due'), 0)::bigint, coalesce(sum(total_minor) filter (where status = 'uncollectible'), 0)::bigint,
  coalesce(sum(total_minor) filter (where status = 'void'), 0)::bigint,
  coalesce(sum((select sum(n.amount_minor) from credit_notes n where n.invoice_id = i.id)), 0)::bigint
from invoices i where period_start >= $1 group by period_start, currency order by period_start desc, currency`

// Revenue returns what was billed for the months from one on.
func (s *Store) Revenue(ctx context.Context, from time.Time) (list []invoice.Revenue, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectRevenue, from)
		if err != nil {
			return fmt.Errorf("sum up invoices: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r invoice.Revenue, err error) {
			err = row.Scan(&r.Month, &r.Currency, &r.Invoices, &r.Subtotal, &r.Tax, &r.Total, &r.Paid, &r.Open, &r.PastDue, &r.Uncollectible, &r.Void, &r.Credited)
			r.Month = r.Month.UTC()
			return r, err
		})
		return err
	})
	return list, err
}
