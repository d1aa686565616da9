package engine

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// TestDeviceHoursAreThoseWithAStoredEvent compares with a set of (tenant, device, hour), over snapshots, hours out of order, duplicates
// and refused events.
func TestDeviceHoursAreThoseWithAStoredEvent(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		s, out := New(Options{Measurements: 2, OpenAccumulators: 1000, OpenWindows: 64}), &Outputs{}
		want := map[tenancy.ID]map[int64]map[string]bool{"a": {}, "b": {}}
		now := start
		for n := range 300 {
			now += r.Int64N(int64(40 * time.Minute))
			e := telemetry.Event{
				Tenant: []tenancy.ID{"a", "b"}[r.IntN(2)], Device: []string{"press", "saw", "lathe"}[r.IntN(3)], Time: now, HasSequence: true,
				Sequence: uint64(r.IntN(400)), Names: []string{[]string{"x", "y", "z"}[r.IntN(3)]}, Values: []float64{1},
				Received: now - r.Int64N(int64(46*time.Hour)),
			}
			if r.IntN(2) == 0 {
				e.Received = now
			}
			before := len(stored(out))
			s.Step(Frame{Sequence: uint64(n + 1), Time: now, Events: []telemetry.Event{e}}, out)
			if rows := stored(out); len(rows) > before {
				hour := s.hourOf(e.Received)
				if want[e.Tenant][hour] == nil {
					want[e.Tenant][hour] = map[string]bool{}
				}
				want[e.Tenant][hour][e.Device] = true
			}
			if r.IntN(10) == 0 {
				again, err := Decode(s.Encode(nil))
				if err != nil || !bytes.Equal(again.Encode(nil), s.Encode(nil)) {
					t.Fatalf("seed %d: the snapshot read back differs: %v", seed, err)
				}
				s = again
			}
		}
		got := s.Usage(0)
		if len(got) == 0 {
			t.Fatal("nothing was counted")
		}
		for _, total := range append(got, out.Totals...) {
			if n := total.Values[meterDeviceHours]; n != uint64(len(want[total.Tenant][total.Hour])) {
				t.Fatalf("seed %d: %s, hour %d: %d device hours, want %d", seed, total.Tenant, total.Hour, n, len(want[total.Tenant][total.Hour]))
			}
			if sum := total.Values[meterEvents] + total.Values[meterDuplicates] + total.Values[meterDeadLetters]; sum != total.Values[meterAccepted] {
				t.Fatalf("seed %d: accepted %d, accounted for %d", seed, total.Values[meterAccepted], sum)
			}
		}
	}
}

func stored(out *Outputs) (rows []EventRow) {
	for _, r := range out.Tenants {
		rows = append(rows, r.Events...)
	}
	return rows
}

func TestAnHourThatAnOlderProgramBeganHasNoDeviceHours(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/snapshot-6")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Usage(0)
	if len(before) != 1 || before[0].Values[meterEvents] != 10_000 || before[0].Values[meterAccepted] != 10_000 {
		t.Fatalf("read %+v", before)
	}
	// A restart within the hour keeps to it.
	if s, err = Decode(s.Encode(nil)); err != nil {
		t.Fatal(err)
	}
	e := telemetry.Event{Tenant: "a", Device: "press", Time: s.logTime, Received: s.logTime, HasSequence: true, Sequence: 1, Names: []string{"x"}, Values: []float64{1}}
	next := e
	next.Sequence, next.Received = 2, s.logTime+int64(time.Hour)
	s.Step(Frame{Sequence: s.Position() + 1, Time: s.logTime, Events: []telemetry.Event{e}}, &Outputs{})
	s.Step(Frame{Sequence: s.Position() + 1, Time: next.Received, Events: []telemetry.Event{next}}, &Outputs{})
	after := s.Usage(0)
	if len(after) != 2 || after[0].Values[meterDeviceHours] != 0 || after[0].Values[meterEvents] != 10_001 || after[1].Values[meterDeviceHours] != 1 {
		t.Errorf("counted %+v", after)
	}
}
