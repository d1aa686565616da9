package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

// planning holds for the transaction: plans are made for the values at hand, and start no further processes for what one
// reads in milliseconds.
const planning = `select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('max_parallel_workers_per_gather', '0', true)`

// Devices implements device.Store. A statement has only the conditions that the filter has: one that is switched off by a
// parameter would keep Postgres from using an index. The ids of the page are read off the index devices_search alone.
// Benchmark: BenchmarkDevices.
func (s *Store) Devices(ctx context.Context, id tenancy.ID, page device.Page) (list device.List, err error) {
	args := pgx.NamedArgs{"tenant": id, "size": page.Size + 1, "most": page.Most() + 1}
	where := conditions(page.Filter, args)
	after, order := ordered(page, args)
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, planning); err != nil {
			return fmt.Errorf("plan for the values: %w", err)
		}
		rows, err := tx.Query(ctx, deviceColumns+"where d.tenant_id = @tenant and d.id in (select d.id from devices d "+where+
			after+order+" limit @size)"+order, args)
		if err != nil {
			return fmt.Errorf("list devices: %w", err)
		}
		if list.Devices, err = pgx.CollectRows(rows, scanDevice); err != nil {
			return fmt.Errorf("list devices: %w", err)
		}
		if len(list.Devices) > page.Size {
			list.Devices, list.More = list.Devices[:page.Size], true
		}
		if len(page.After) == 0 && !list.More {
			list.Total = len(list.Devices)
			return nil
		}
		return tx.QueryRow(ctx, "select count(*) from (select from devices d "+where+" limit @most) counted", args).Scan(&list.Total)
	})
	if list.Total > page.Most() {
		list.Total, list.Minimum = page.Most(), true
	}
	return list, err
}

// columns are what the orders sort by, as device.Order.Keys has it; devices_search holds them all.
var columns = map[device.Order][]string{
	device.OrderID: {"d.id"}, device.OrderType: {"d.type", "d.id"}, device.OrderLocation: {"d.facility", "d.line", "d.station", "d.id"},
}

// ordered writes down where a page begins and how it is sorted.
func ordered(page device.Page, args pgx.NamedArgs) (after, order string) {
	by, direction, sign := columns[page.Order], "", ">"
	if page.Descending {
		direction, sign = " desc", "<"
	}
	order = " order by " + strings.Join(by, direction+", ") + direction
	if len(page.After) == 0 {
		return "", order
	}
	names := make([]string, len(by))
	for i, key := range page.After {
		name := fmt.Sprintf("after%d", i)
		names[i], args[name] = "@"+name, key
	}
	return fmt.Sprintf(" and (%s) %s (%s)", strings.Join(by, ", "), sign, strings.Join(names, ", ")), order
}

// conditions writes a filter down as SQL, its values in args.
func conditions(f device.Filter, args pgx.NamedArgs) string {
	var b strings.Builder
	b.WriteString("where d.tenant_id = @tenant")
	add := func(condition, name string, value any) {
		args[name] = value
		b.WriteString(" and " + condition)
	}
	if f.Query != "" {
		// Row-level security rules out an index of parts of ids, too.
		add(`strpos(lower(d.id collate "C"), @query) > 0`, "query", strings.ToLower(f.Query))
	}
	switch len(f.Types) {
	case 0:
	case 1:
		add("d.type = @type", "type", f.Types[0])
	default:
		add("d.type = any(@types)", "types", f.Types)
	}
	switch len(f.Statuses) {
	case 0:
		b.WriteString(" and d.status <> 'retired'")
	case 1:
		add("d.status = @status", "status", string(f.Statuses[0]))
	default:
		add("d.status = any(@statuses)", "statuses", texts(words(f.Statuses)))
	}
	for _, c := range []struct{ column, value string }{
		{"facility", f.Location.Facility}, {"line", f.Location.Line}, {"station", f.Location.Station}, {"firmware", f.Firmware},
	} {
		if c.value != "" {
			add("d."+c.column+" = @"+c.column, c.column, c.value)
		}
	}
	if len(f.Facilities) > 0 {
		add("d.facility = any(@facilities)", "facilities", f.Facilities)
	}
	if len(f.Only) > 0 {
		add("d.id = any(@only)", "only", f.Only)
	}
	if len(f.Except) > 0 {
		add("d.id <> all(@except)", "except", f.Except)
	}
	for i, l := range f.Labels {
		key, value := fmt.Sprintf("key%d", i), fmt.Sprintf("value%d", i)
		have := "exists (select from device_labels l where l.tenant_id = @tenant and l.device_id = d.id and l.key = @" + key
		if !l.Any {
			args[value] = l.Value
			have += " and l.value = @" + value
		}
		add(have+")", key, l.Key)
	}
	return b.String()
}

func words[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, w := range list {
		out = append(out, string(w))
	}
	return out
}
