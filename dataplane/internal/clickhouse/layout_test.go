package clickhouse

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// recording names a directory of `;`-separated files with a timestamp and eight numbers (SKAB's valve1) to store, one
// device a file; without it the sample payload alone is stored.
const recording = "MILLWRIGHT_BENCH_RECORDING"

// sampleRows are events with the nine measurements of the sample payload, a small random walk each.
func sampleRows(tenant tenancy.ID, n int) []engine.EventRow {
	names := []string{"temperature", "humidity", "pressure", "vibration.x", "vibration.y", "vibration.z", "battery_level", "signal_strength", "accuracy"}
	var rows []engine.EventRow
	for i := range n {
		e := &telemetry.Event{
			Tenant: tenant, Device: fmt.Sprintf("sensor_%03d", i%50), Time: at.UnixNano() + int64(i/50)*int64(time.Second), Received: at.UnixNano() + int64(i)*10_000,
			HasSequence: true, Epoch: "boot", Sequence: uint64(i / 50), Names: names, Size: 560, Attributes: `{"location":{"facility":"factory_01"},"quality":{"status":"operational"}}`,
		}
		for k := range names {
			e.Values = append(e.Values, float64(int(mixed(uint64(i*9+k))%1000))/100+float64(k*50))
		}
		rows = append(rows, engine.EventRow{Event: e, Sequence: uint64(i/500 + 1), Index: uint32(i % 500)})
	}
	return rows
}

func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// recordedRows are the rows of a directory's files, in order of time as devices would send them together.
func recordedRows(b *testing.B, tenant tenancy.ID, dir string) []engine.EventRow {
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil || len(files) == 0 {
		b.Fatalf("no recordings in %s: %v", dir, err)
	}
	var rows []engine.EventRow
	for d, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		r := csv.NewReader(bytes.NewReader(text))
		r.Comma = ';'
		lines, err := r.ReadAll()
		if err != nil {
			b.Fatal(err)
		}
		for i, line := range lines[1:] {
			when, err := time.Parse(time.DateTime, line[0])
			if err != nil {
				b.Fatal(err)
			}
			var values []float64
			for _, cell := range line[1:9] {
				v, err := strconv.ParseFloat(cell, 64)
				if err != nil {
					b.Fatal(err)
				}
				values = append(values, v)
			}
			rows = append(rows, engine.EventRow{Event: &telemetry.Event{
				Tenant: tenant, Device: fmt.Sprintf("pump_%02d", d), Time: when.UnixNano(), Received: at.UnixNano() + int64(i)*1e6, HasSequence: true,
				Epoch: "boot", Sequence: uint64(i), Names: lines[0][1:9], Values: values, Size: 300,
			}, Sequence: uint64(i + 1), Index: uint32(d)})
		}
	}
	return rows
}

// layouts are ways to store the same values: as rows with arrays or as a row a measurement, with a codec of the values; none: that of the product.
var layouts = []struct{ name, shape, codec string }{
	{"arrays", "arrays", ""},
	{"arrays ZSTD(3)", "arrays", "ZSTD(3)"},
	{"arrays ZSTD(6)", "arrays", "ZSTD(6)"},
	{"arrays FPC", "arrays", "FPC, ZSTD(1)"},
	{"arrays Gorilla", "arrays", "Gorilla, ZSTD(1)"},
	{"arrays ALP and LZ4", "arrays", "ALP, LZ4"},
	{"arrays ALP", "arrays", "ALP, ZSTD(1)"},
	{"narrow", "narrow", "ZSTD(1)"},
	{"narrow ZSTD(3)", "narrow", "ZSTD(3)"},
	{"narrow ALP", "narrow", "ALP, ZSTD(1)"},
	{"narrow ALP ZSTD(3)", "narrow", "ALP, ZSTD(3)"},
}

// create makes the table of a layout anew and returns its name.
func create(b *testing.B, s *Store, tenant tenancy.ID, shape, codec string) string {
	if codec == "" {
		return tableEvents
	}
	table := tenant.Database() + ".layout"
	statements := []string{"drop table if exists " + table + " sync"}
	if shape == "arrays" {
		statements = append(statements, "create table "+table+" as "+tenant.Database()+".events",
			"alter table "+table+" modify column values Array(Float64) codec("+codec+")")
	} else {
		statements = append(statements, "create table "+table+" (device LowCardinality(String), measurement LowCardinality(String),"+
			" time DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)), value Float64 codec("+codec+")) engine = MergeTree order by (device, measurement, time)")
	}
	ctx := clickhousego.Context(b.Context(), clickhousego.WithSettings(clickhousego.Settings{"allow_experimental_codecs": 1}))
	for _, statement := range statements {
		if err := s.admin.Exec(ctx, statement); err != nil {
			b.Fatal(err)
		}
	}
	return "layout"
}

// BenchmarkLayouts stores the same events in each layout: rate and bytes a point.
func BenchmarkLayouts(b *testing.B) {
	for _, data := range []string{"sample", "recording"} {
		path := os.Getenv(recording)
		if data == "recording" && path == "" {
			continue
		}
		s, tenant := setup(b)
		rows := sampleRows(tenant, 100_000)
		if data == "recording" {
			rows = recordedRows(b, tenant, path)
		}
		for _, layout := range layouts {
			b.Run(data+"/"+layout.name, func(b *testing.B) {
				table := create(b, s, tenant, layout.shape, layout.codec)
				number := 0
				insert := func() {
					for from := 0; from < len(rows); from += 20_000 {
						number++
						chunk := rows[from:min(from+20_000, len(rows))]
						fill := func(bl *block) { bl.events(0, chunk) }
						if layout.shape == "narrow" {
							fill = func(bl *block) { bl.narrow(chunk) }
						}
						if err := s.insert(b.Context(), tenant, table, fmt.Sprintf("%s/%d", layout.name, number), fill); err != nil {
							b.Fatal(err)
						}
					}
				}
				points := 0
				for _, r := range rows {
					points += len(r.Event.Values)
				}
				for b.Loop() {
					insert()
				}
				b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "events/s")
				name := tenant.Database() + "." + table
				// Copies of the same rows would compress too well: measure one.
				if err := s.admin.Exec(b.Context(), "truncate table "+name); err != nil {
					b.Fatal(err)
				}
				insert()
				if err := s.admin.Exec(b.Context(), "optimize table "+name+" final"); err != nil {
					b.Fatal(err)
				}
				var size uint64
				if err := s.admin.QueryRow(b.Context(), "select sum(data_compressed_bytes) from system.parts where active and database = '"+
					tenant.Database()+"' and table = '"+table+"'").Scan(&size); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(size)/float64(points), "bytes/point")
			})
		}
	}
}

// narrow fills the block with a row a measurement.
func (b *block) narrow(rows []engine.EventRow) {
	type point struct {
		e *telemetry.Event
		i int
	}
	var points []point
	for _, r := range rows {
		for i := range r.Event.Values {
			points = append(points, point{r.Event, i})
		}
	}
	b.begin(4, len(points))
	b.column("device", lowCardinality)
	b.lowCardinality(len(points), func(i int) string { return points[i].e.Device })
	b.column("measurement", lowCardinality)
	b.lowCardinality(len(points), func(i int) string { return points[i].e.Names[points[i].i] })
	b.column("time", nanoseconds)
	for _, p := range points {
		b.int64(p.e.Time)
	}
	b.column("value", "Float64")
	for _, p := range points {
		b.float64(p.e.Values[p.i])
	}
}

// BenchmarkEventsBlock builds blocks of 10,000 events without sending them.
func BenchmarkEventsBlock(b *testing.B) {
	rows := sampleRows(tenancy.NewID(), 10_000)
	bl := &block{}
	for b.Loop() {
		bl.events(0, rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/event")
	b.ReportMetric(float64(len(bl.buf))/float64(len(rows)), "bytes/event")
}
