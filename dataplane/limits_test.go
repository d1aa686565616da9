package dataplane

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// TestATenantsLimitOfMeasurementsReachesTheEngine raises and lowers it in the catalog while the cell runs, and starts the cell anew
// in between; what is refused is a dead letter and is told to the control plane once.
func TestATenantsLimitOfMeasurementsReachesTheEngine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(t)
	limit := func(n int32) {
		t.Helper()
		b.put(t, &catalogv1.Tenant{Limits: &catalogv1.Limits{RequestsPerSecond: 1000, MeasurementsPerDevice: n}})
	}
	sequence := uint64(0)
	send := func(names ...string) {
		t.Helper()
		var build frame.Builder
		now := time.Now().UnixNano()
		sequence++
		build.Append(&telemetry.Event{
			Tenant: b.tenant, Device: "press", Time: now, Received: now, HasSequence: true, Epoch: "names", Sequence: sequence,
			Names: names, Values: make([]float64, len(names)), Size: 9,
		})
		if _, err := b.js.Publish(t.Context(), subject.Ingest(b.cfg.Cell, frame.Partition(b.tenant, "press", b.cfg.Partitions)), build.Finish(now)); err != nil {
			t.Fatal(err)
		}
	}
	limit(2)
	app, stop := b.start(t)
	letters := func() []letterRow { return b.list(t, app, "filter.stage=STAGE_ENGINE") }
	// The engine takes a limit up with the first commit after the cell heard of it, so what is sent until then is sent again.
	until := func(what string, ok func() bool, names ...string) {
		t.Helper()
		eventually(t, what, func() bool {
			send(names...)
			return ok()
		})
	}
	stored := func(name string) func() bool {
		return func() bool {
			n := uint64(0)
			err := app.store.Query(t.Context(), b.tenant, "select count() from events where has(names, '"+name+"')", nil,
				func(r clickhouse.Rows) error { return r.Scan(&n) })
			return err == nil && n > 0 // at first there is no storage
		}
	}
	refused := func(maximum string) func() bool {
		return func() bool {
			for _, l := range letters() {
				if l.Reason == "measurement_limit" && strings.HasPrefix(l.Detail, "measurements_per_device: ") && strings.Contains(l.Detail, "the limit is "+maximum+";") {
					return true
				}
			}
			return false
		}
	}
	until("the first two names are taken", stored("b"), "a", "b")
	until("a third one is refused", refused("2"), "c")
	limit(5)
	until("it is taken under the higher limit", stored("c"), "c")
	stop()
	app, stop = b.start(t)
	until("the limit is in the checkpoint", stored("e"), "d", "e")
	limit(1)
	until("a new one is refused under the lower limit", refused("1"), "f")
	until("names that are in use stay", func() bool { return b.stored(t, app, "events where names = ['e', 'a']") > 0 }, "e", "a")
	stop()
	app, _ = b.start(t)
	want, got := len(letters()), 0
	highest := map[string]int64{}
	b.limits(t, func(source string, total *limitv1.Total) {
		if total.GetLimit() != "measurements_per_device" {
			return
		}
		if total.GetScope() != "device press" || total.GetUsed() < 2 || total.GetMaximum() < 1 {
			t.Errorf("told: %v", total)
		}
		highest[source+total.GetMinute().String()] = total.GetRefused()
	})
	for _, n := range highest {
		got += int(n)
	}
	if got != want || want < 2 {
		t.Errorf("%d refusals are told, %d dead letters", got, want)
	}
}

// limits reads what the cell told of limits.
func (b *bundle) limits(t *testing.T, each func(source string, total *limitv1.Total)) {
	t.Helper()
	consumer, err := b.js.OrderedConsumer(t.Context(), subject.LimitStream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject.Limit(b.cfg.Cell)}})
	if err != nil {
		t.Fatal(err)
	}
	info, err := consumer.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range info.NumPending {
		m, err := consumer.Next()
		if err != nil {
			t.Fatal(err)
		}
		var totals limitv1.Totals
		if err := proto.Unmarshal(m.Data(), &totals); err != nil {
			t.Fatal(err)
		}
		for _, total := range totals.GetTotals() {
			each(totals.GetSource(), total)
		}
	}
}
