package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/tenancy"
)

// BenchmarkRecord is the hour of 10 000 tenants: ten meters of two partitions each, in messages of 1000 totals as cells send them, each
// replacing the version before.
func BenchmarkRecord(b *testing.B) {
	const tenants, perMessage = 10_000, 1000
	dsn := pgtest.New(b)
	owner, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := owner.Exec(b.Context(), `insert into tenants (id, name, slug, status, plan, cell, created_at)
select lpad(translate(n::text, '0189', 'abcd'), 16, 'z'), 'n', 'slug-' || n, 'active', 'team', 'eu', now() from generate_series(1, $1) n`, tenants); err != nil {
		b.Fatal(err)
	}
	if _, err := owner.Exec(b.Context(), "insert into placements select id, 'eu' from tenants"); err != nil {
		b.Fatal(err)
	}
	rows, err := owner.Query(b.Context(), "select id from tenants order by id")
	if err != nil {
		b.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[tenancy.ID])
	if err != nil {
		b.Fatal(err)
	}
	if err := owner.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	store := storeAt(b, dsn)
	meters := billing.Meters()[:10]
	version := uint64(0)
	for b.Loop() {
		version++
		var message []billing.Total
		flush := func() {
			if refused, err := store.Record(b.Context(), "eu", message, nil); err != nil || len(refused) > 0 {
				b.Fatal(refused, err)
			}
			message = message[:0]
		}
		for _, id := range ids {
			for partition := range uint32(2) {
				for _, m := range meters {
					message = append(message, billing.Total{Tenant: id, Cell: "eu", Partition: partition, Hour: hour, Meter: m, Value: version, Version: version})
				}
			}
			if len(message) >= perMessage {
				flush()
			}
		}
		if len(message) > 0 {
			flush()
		}
	}
	perHour := b.Elapsed() / time.Duration(version)
	b.ReportMetric(perHour.Seconds(), "s/hour")
	b.ReportMetric(float64(tenants*2*len(meters))/perHour.Seconds(), "totals/s")
}
