package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/cost"
)

const selectMonths = `
select t.id, t.name, coalesce(u.used, '{}'), i.id is not null, coalesce(i.subtotal_minor, 0), coalesce(i.currency, '')
from tenants t
left join (
  select tenant_id, jsonb_object_agg(meter, value) as used
  from (select tenant_id, meter, sum(value) as value from usage_totals where hour >= @start and hour < @end group by tenant_id, meter) as m
  group by tenant_id) as u on u.tenant_id = t.id
left join invoices i on i.tenant_id = t.id and i.period_start = @start
order by t.name, t.id
limit @limit`

// Months returns what every tenant used in a UTC month, for operators, and what its invoice came to.
func (s *Store) Months(ctx context.Context, start, end time.Time, limit int) (list []cost.Month, err error) {
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectMonths, pgx.NamedArgs{"start": start, "end": end, "limit": limit})
		if err != nil {
			return fmt.Errorf("read a month of all tenants: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m cost.Month, err error) {
			var used []byte
			if err = row.Scan(&m.Tenant, &m.Name, &used, &m.Invoiced, &m.Billed, &m.Currency); err != nil {
				return m, err
			}
			return m, json.Unmarshal(used, &m.Used)
		})
		return err
	})
	return list, err
}
