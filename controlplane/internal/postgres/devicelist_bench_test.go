package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/postgres"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/tenancy"
)

const manyDevices = 100_000

// crowd makes a database with a tenant of 100 000 devices and a neighbour who has as many of the same names.
func crowd(b *testing.B) *postgres.Store {
	b.Helper()
	dsn := pgtest.New(b)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	exec := func(statement string, args ...any) {
		b.Helper()
		if _, err := conn.Exec(ctx, statement, args...); err != nil {
			b.Fatal(err)
		}
	}
	for _, id := range []tenancy.ID{worksID, "bbbbbbbbbbbbbbbb"} {
		exec("insert into tenants (id, name, slug, status, plan, cell, created_at) values ($1, 'n', 'slug-' || $1, 'active', 'team', 'c', now())", id)
		exec("insert into device_types (tenant_id, id, created_at, updated_at) select $1, 'type_' || i, now(), now() from generate_series(0, 19) i", id)
		exec(`insert into devices (tenant_id, id, type, status, facility, line, station, labels, firmware, created_at)
			select $1, (array['press','pump','robot','oven'])[1 + i % 4] || '_' || lpad(i::text, 6, '0'), 'type_' || i % 20,
			  case when i % 50 = 0 then 'suspended' when i % 77 = 0 then 'retired' else 'active' end,
			  'factory_' || i % 5, 'line_' || i / 5 % 20, 'station_' || i / 100 % 10,
			  jsonb_build_object('shift', (array['day','night'])[1 + i % 2], 'batch', 'b' || i % 1000), '1.' || i % 7, now()
			from generate_series(0, $2::int - 1) i`, id, manyDevices)
	}
	exec("vacuum analyze")
	store, err := postgres.Open(ctx, dsn, map[string]tenant.Limits{"team": tenant.TeamLimits()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(store.Close)
	return store
}

// named are ids of the crowd, none of them retired.
func named(n int) []string {
	var ids []string
	for i := 1; len(ids) < n; i++ {
		if i%77 != 0 {
			ids = append(ids, fmt.Sprintf("%s_%06d", []string{"press", "pump", "robot", "oven"}[i%4], i))
		}
	}
	return ids
}

// BenchmarkDevices asks for pages of 50 of a tenant with 100 000 devices, on a real Postgres.
func BenchmarkDevices(b *testing.B) {
	store := crowd(b)
	for _, c := range []struct {
		name  string
		page  device.Page
		total int
	}{
		{"no filter", device.Page{}, 100_000},
		{"no filter, in the middle", device.Page{After: []string{"press_050000"}}, 100_000},
		{"one of 20 types", device.Page{Filter: device.Filter{Types: []string{"type_3"}}}, 4936},
		{"three of 20 types", device.Page{Filter: device.Filter{Types: []string{"type_3", "type_7", "type_9"}}}, 100_000},
		{"suspended", device.Page{Filter: device.Filter{Statuses: []device.Status{device.StatusSuspended}}}, 2000},
		{"a line", device.Page{Filter: device.Filter{Location: device.Location{Facility: "factory_2", Line: "line_7"}}}, 987},
		{"label with 2 values", device.Page{Filter: device.Filter{Labels: []device.Label{{Key: "shift", Value: "night"}}}}, 100_000},
		{"label with 1000 values", device.Page{Filter: device.Filter{Labels: []device.Label{{Key: "batch", Value: "b123"}}}}, 99},
		{"two labels", device.Page{Filter: device.Filter{Labels: []device.Label{{Key: "batch", Value: "b123"}, {Key: "shift", Any: true}}}}, 99},
		{"part of an id, many", device.Page{Filter: device.Filter{Query: "PUMP"}}, 100_000},
		{"part of an id, few", device.Page{Filter: device.Filter{Query: "_04711"}}, 10},
		{"part of an id, none", device.Page{Filter: device.Filter{Query: "nothing"}}, 0},
		{"firmware", device.Page{Filter: device.Filter{Firmware: "1.3"}}, 100_000},
		{"type, facility, label, part of an id", device.Page{Filter: device.Filter{
			Types: []string{"type_3"}, Location: device.Location{Facility: "factory_3"}, Labels: []device.Label{{Key: "shift", Value: "night"}}, Query: "oven",
		}}, 4936},
		{"by type, in the middle", device.Page{Order: device.OrderType, After: []string{"type_3", "press_050000"}}, 100_000},
		{"by place, backwards", device.Page{Order: device.OrderLocation, Descending: true}, 100_000},
		{"3000 named", device.Page{Filter: device.Filter{Only: named(3000)}}, 3000},
		{"all but 3000 named", device.Page{Filter: device.Filter{Except: named(3000)}}, 100_000},
		{"confined to two facilities", device.Page{Filter: device.Filter{Facilities: []string{"factory_1", "factory_4"}}}, 100_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.page.Size = 50
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				list, err := store.Devices(b.Context(), worksID, c.page)
				took = append(took, time.Since(start))
				if err != nil {
					b.Fatal(err)
				}
				if want := min(c.total, c.page.Most()); list.Total != want || list.Minimum != (c.total > want) {
					b.Fatalf("counted %d (at least: %t) of %d", list.Total, list.Minimum, c.total)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
