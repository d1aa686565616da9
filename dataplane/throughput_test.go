package dataplane

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/proto/subject"
)

// BenchmarkLogToRows measures a cell from the log to queryable rows: frames of 500 events with nine measurements are put
// into the log as fast as it takes them.
func BenchmarkLogToRows(b *testing.B) {
	t := setup(b)
	app, stop := t.start(b)
	defer stop()
	eventually(b, "the tenant is provisioned", func() bool { _, _, err := t.count(b, app); return err == nil })
	names := []string{"temperature", "humidity", "pressure", "vibration.x", "vibration.y", "vibration.z", "battery_level", "signal_strength", "accuracy"}
	sequence, total := uint64(0), uint64(0)
	b.ResetTimer()
	for b.Loop() {
		for n := range 20 {
			var build frame.Builder
			now := time.Now().UnixNano()
			for i := range 500 {
				e := telemetry.Event{
					Tenant: t.tenant, Device: fmt.Sprintf("device_%02d", i/10), Time: now + int64(i), Received: now, HasSequence: true, Epoch: "boot",
					Sequence: sequence + uint64(i%10), Names: names, Values: make([]float64, len(names)), Size: 560,
				}
				for k := range e.Values {
					e.Values[k] = float64((i*k)%1000) / 10
				}
				build.Append(&e)
			}
			sequence += 10
			total += 500
			if _, err := t.js.Publish(context.Background(), subject.Ingest(t.cfg.Cell, n%t.cfg.Partitions), build.Finish(now)); err != nil {
				b.Fatal(err)
			}
		}
	}
	eventually(b, "every event is stored", func() bool { all, _, err := t.count(b, app); return err == nil && all == total })
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
}
