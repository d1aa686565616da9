package warehouse

import (
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// sample is a column type with a value that must come back as it went in.
type sample struct {
	kind  string
	value any
}

func samples() []sample {
	text, none := "set", (*string)(nil)
	moment := time.Date(2026, 11, 24, 1, 2, 3, 456789123, time.UTC)
	return []sample{
		{"String", "a\x00b'\\\n"},
		{"LowCardinality(String)", "pump"},
		{"LowCardinality(Nullable(String))", &text},
		{"Nullable(String)", none},
		{"Nullable(String)", &text},
		{"UInt8", uint8(255)},
		{"UInt16", uint16(65535)},
		{"UInt32", uint32(1<<32 - 1)},
		{"UInt64", uint64(1<<64 - 1)},
		{"Int8", int8(-128)},
		{"Int16", int16(-32768)},
		{"Int32", int32(-1 << 31)},
		{"Int64", int64(-1 << 63)},
		{"Float32", float32(0.1)},
		{"Float64", 0.1},
		{"Bool", true},
		{"DateTime64(9, 'UTC')", moment},
		{"DateTime64(3, 'UTC')", moment.Truncate(time.Millisecond)},
		{"DateTime('UTC')", moment.Truncate(time.Second)},
		{"Date", time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)},
		{"Nullable(DateTime64(9, 'UTC'))", &moment},
		{"Array(LowCardinality(String))", []string{"vibration.x", "", "temperature"}},
		{"Array(Float64)", []float64{1.5, -2.25, 0}},
		{"Array(Array(UInt16))", [][]uint16{{1, 2}, {}, {3}}},
		{"Map(LowCardinality(String), Float64)", map[string]float64{"a": 1.5, "b": -1}},
		{"Map(String, String)", map[string]string{}},
		{"Tuple(a String, b UInt32)", map[string]any{"a": "x", "b": uint32(3)}},
		{"SimpleAggregateFunction(max, Float64)", 3.25},
		{"SimpleAggregateFunction(anyLast, LowCardinality(String))", "last"},
		{"SimpleAggregateFunction(sum, UInt64)", uint64(7)},
		{"UUID", uuid.MustParse("4c2a7b9e-0f5d-4a57-9f0a-1f2e3d4c5b6a")},
		{"Decimal(18, 4)", decimal.RequireFromString("-12345.6789")},
		{"Enum8('ok' = 1, 'bad' = 2)", "bad"},
		{"LowCardinality(FixedString(4))", "abcd"},
		{"FixedString(4)", "abcd"},
		{"IPv4", net.ParseIP("192.0.2.7").To4()},
		{"IPv6", net.ParseIP("2001:db8::7")},
	}
}

func compressions() map[string]*clickhouse.Compression {
	return map[string]*clickhouse.Compression{
		"none":    nil,
		"lz4":     {Method: clickhouse.CompressionLZ4},
		"zstd":    {Method: clickhouse.CompressionZSTD},
		"gzip":    {Method: clickhouse.CompressionGZIP, Level: 1},
		"deflate": {Method: clickhouse.CompressionDeflate, Level: 1},
		"brotli":  {Method: clickhouse.CompressionBrotli, Level: 1},
	}
}

func TestEveryColumnTypeComesBackThroughClickHouseGo(t *testing.T) {
	t.Parallel()
	db := shared.database(t)
	var columns, names []string
	var row []any
	for i, s := range samples() {
		columns = append(columns, fmt.Sprintf("c%d %s", i, s.kind))
		names = append(names, fmt.Sprintf("c%d", i))
		row = append(row, s.value)
	}
	for name, compression := range compressions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := db + ".t_" + name
			shared.must(t, "CREATE TABLE "+table+" (n UInt32, "+strings.Join(columns, ", ")+") ENGINE = MergeTree ORDER BY n")
			conn := shared.open(t, func(o *clickhouse.Options) {
				o.Compression = compression
				o.Settings = clickhouse.Settings{"enable_http_compression": 1}
			})
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+table)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 3 {
				if err := batch.Append(append([]any{uint32(n)}, row...)...); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			rows, err := conn.Query(t.Context(), "SELECT "+strings.Join(names, ", ")+" FROM "+table+" ORDER BY n")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = rows.Close() }()
			count := 0
			for rows.Next() {
				count++
				got := make([]any, len(row))
				for i := range got {
					got[i] = reflect.New(rows.ColumnTypes()[i].ScanType()).Interface()
				}
				if err := rows.Scan(got...); err != nil {
					t.Fatal(err)
				}
				for i, s := range samples() {
					if have := reflect.ValueOf(got[i]).Elem().Interface(); !sameValue(s.value, have) {
						t.Errorf("%s: sent %#v, got %#v", s.kind, s.value, have)
					}
				}
			}
			if err := rows.Err(); err != nil || count != 3 {
				t.Fatalf("%d rows, error %v", count, err)
			}
		})
	}
}

func sameValue(want, got any) bool {
	switch w := want.(type) {
	case time.Time:
		g, ok := got.(time.Time)
		return ok && g.Equal(w)
	case *time.Time:
		g, ok := got.(*time.Time)
		return ok && g != nil && g.Equal(*w)
	case net.IP:
		g, ok := got.(net.IP)
		return ok && g.Equal(w)
	case decimal.Decimal:
		g, ok := got.(decimal.Decimal)
		return ok && g.Equal(w)
	}
	return reflect.DeepEqual(want, got)
}

func TestJSONColumnComesBack(t *testing.T) {
	t.Parallel()
	db := shared.database(t)
	shared.must(t, "CREATE TABLE "+db+".j (j JSON) ENGINE = MergeTree ORDER BY tuple()")
	shared.must(t, `{"j":{"a":1,"b":{"c":"x"}}}`, "query", "INSERT INTO "+db+".j FORMAT JSONEachRow")
	if got := shared.must(t, "SELECT j.a, j.b.c FROM "+db+".j"); got != "1\tx\n" {
		t.Fatalf("got %q", got)
	}
}

func TestMillionsOfRowsStreamThroughClickHouseGo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"none", "lz4"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := shared.open(t, func(o *clickhouse.Options) { o.Compression = compressions()[name] })
			rows, err := conn.Query(t.Context(), "SELECT number FROM numbers(1000000)")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = rows.Close() }()
			var sum, n uint64
			for rows.Next() {
				if err := rows.Scan(&n); err != nil {
					t.Fatal(err)
				}
				sum += n
			}
			if err := rows.Err(); err != nil || sum != 499999500000 {
				t.Fatalf("sum %d, error %v", sum, err)
			}
		})
	}
}
