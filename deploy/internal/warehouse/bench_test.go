package warehouse

import (
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// BenchmarkInsert sends blocks of 50 000 rows by clickhouse-go, one after the other.
func BenchmarkInsert(b *testing.B) {
	conn, drop := benchTable(b)
	defer drop()
	const rows = 50_000
	names, values := []string{"temperature", "vibration.x", "pressure"}, []float64{71.5, 0.02, 3.1}
	now := time.Now()
	for b.Loop() {
		batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO bench.x")
		if err != nil {
			b.Fatal(err)
		}
		for i := range rows {
			if err := batch.Append("pump", now.Add(time.Duration(i)*time.Millisecond), names, values); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkPointQuery asks for one row's worth of work, as the admin and as a tenant.
func BenchmarkPointQuery(b *testing.B) {
	for _, who := range []string{"admin", "tenant"} {
		b.Run(who, func(b *testing.B) {
			conn, drop := benchTable(b)
			defer drop()
			if who == "tenant" {
				shared.post2("CREATE USER OR REPLACE bench IDENTIFIED WITH sha256_password BY 'pw'")
				shared.post2("GRANT SELECT ON bench.* TO bench")
				conn = shared.as("bench", "pw").mustOpen(b)
			}
			var n uint64
			for b.Loop() {
				if err := conn.QueryRow(b.Context(), "SELECT count() FROM bench.x").Scan(&n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchTable(b *testing.B) (driver.Conn, func()) {
	b.Helper()
	shared.post2("CREATE DATABASE bench")
	shared.post2("CREATE TABLE bench.x (device LowCardinality(String), time DateTime64(9, 'UTC'), names Array(LowCardinality(String)), " +
		"values Array(Float64)) ENGINE = MergeTree ORDER BY (device, time)")
	return shared.mustOpen(b), func() { shared.post2("DROP DATABASE bench") }
}

func (e *endpoint) mustOpen(b *testing.B) driver.Conn {
	b.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{e.address}, Auth: clickhouse.Auth{Username: e.user, Password: e.password},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}
