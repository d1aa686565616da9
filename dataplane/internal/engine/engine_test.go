package engine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).UnixNano()

// story is a log and the events in it that are to be stored, each once.
type story struct {
	frames   []Frame
	accepted map[string]*telemetry.Event
	sent     int
}

func identity(e *telemetry.Event) string {
	switch {
	case e.HasSequence:
		return fmt.Sprintf("%s/%s/%s/%d", e.Tenant, e.Device, e.Epoch, e.Sequence)
	case e.MessageID != "":
		return fmt.Sprintf("%s/%s/%s", e.Tenant, e.Device, e.MessageID)
	default:
		return fmt.Sprintf("%s/%s/%d/%d", e.Tenant, e.Device, e.Time, e.Hash)
	}
}

// write makes a log of a few devices that resend, reorder, fall silent and catch up. Values are whole numbers, so that
// sums do not depend on the order of addition.
func write(r *rand.Rand, frames int) *story {
	s := &story{accepted: map[string]*telemetry.Event{}}
	names := [][]string{{"temperature", "vibration.x"}, {"temperature"}, {"pressure", "flow", "temperature"}}
	var past []telemetry.Event
	sequences := map[string]uint64{}
	clock, sequence := start, uint64(0)
	for range frames {
		sequence += 1 + r.Uint64N(3)
		clock += r.Int64N(int64(8 * time.Second))
		if r.IntN(40) == 0 {
			clock += int64(time.Hour)
		}
		f := Frame{Sequence: sequence, Time: clock}
		for range r.IntN(8) {
			var e telemetry.Event
			if len(past) > 0 && r.IntN(4) == 0 {
				e = past[r.IntN(len(past))]
			} else {
				e = unsent(r, names, sequences, clock)
				past = append(past, e)
			}
			e.Received = clock
			f.Events = append(f.Events, e)
			s.sent++
			if s.accepted[identity(&e)] == nil {
				s.accepted[identity(&e)] = &e
			}
		}
		s.frames = append(s.frames, f)
	}
	return s
}

func unsent(r *rand.Rand, names [][]string, sequences map[string]uint64, clock int64) telemetry.Event {
	e := telemetry.Event{
		Tenant: tenancy.ID(fmt.Sprintf("tenant%d", r.IntN(2))), Device: fmt.Sprintf("device%d", r.IntN(4)), Names: names[r.IntN(len(names))],
		Time: clock - r.Int64N(int64(5*time.Minute)), Hash: r.Uint64(), Size: 100,
	}
	for range e.Names {
		e.Values = append(e.Values, float64(r.IntN(1000)))
	}
	key := string(e.Tenant) + e.Device
	switch r.IntN(3) {
	case 0:
		sequences[key] += 1 + r.Uint64N(2)
		e.HasSequence, e.Epoch, e.Sequence = true, "boot", sequences[key]
	case 1:
		sequences[key]++
		e.MessageID = fmt.Sprintf("m%d", sequences[key])
	}
	return e
}

type windowKey struct {
	tenant              tenancy.ID
	device, measurement string
	start               int64
}

// warehouse is the store: rows by token, windows by version.
type warehouse struct {
	tokens  map[string]bool
	events  []EventRow
	windows map[windowKey]map[uint64]WindowRow
	letters int
}

func newWarehouse() *warehouse {
	return &warehouse{tokens: map[string]bool{}, windows: map[windowKey]map[uint64]WindowRow{}}
}

func (w *warehouse) insert(token string, out *Outputs) {
	for _, rows := range out.Tenants {
		key := token + string(rows.Tenant)
		if !w.tokens[key] {
			w.tokens[key] = true
			w.events = append(w.events, rows.Events...)
			w.letters += len(rows.DeadLetters)
		}
		for _, row := range rows.Windows {
			k := windowKey{rows.Tenant, row.Device, row.Measurement, row.Start}
			if w.windows[k] == nil {
				w.windows[k] = map[uint64]WindowRow{}
			}
			if old, ok := w.windows[k][row.Segment]; !ok || old.Version <= row.Version {
				w.windows[k][row.Segment] = row
			}
		}
	}
}

// merged is each window as a reader sees it.
func (w *warehouse) merged() map[windowKey]Summary {
	out := map[windowKey]Summary{}
	for k, segments := range w.windows {
		var sum Summary
		for _, row := range segments {
			s := row.Summary
			if sum.Count == 0 {
				sum = s
				continue
			}
			deviation := deviationOf(&sum, &s)
			sum.Count, sum.Sum = sum.Count+s.Count, sum.Sum+s.Sum
			sum.Origin, sum.Squares = sum.Sum/float64(sum.Count), deviation
			sum.Min, sum.Max = min(sum.Min, s.Min), max(sum.Max, s.Max)
			sum.FirstTime, sum.LastTime = min(sum.FirstTime, s.FirstTime), max(sum.LastTime, s.LastTime)
		}
		out[k] = comparable(sum)
	}
	return out
}

// deviationOf is the deviation of both together (Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm, 1979).
func deviationOf(a, b *Summary) float64 {
	n, m := float64(a.Count), float64(b.Count)
	apart := a.Sum/n - b.Sum/m
	return a.Deviation() + b.Deviation() + apart*apart*n*m/(n+m)
}

// comparable leaves out what depends on the order of arrival, and rounds the deviation.
func comparable(s Summary) Summary {
	s.Squares, s.Origin = math.Round(s.Deviation()*1024)/1024, 0
	s.First, s.Last = 0, 0 // of equal times any may win
	return s
}

// check compares what is stored with what was accepted.
func (w *warehouse) check(t *testing.T, s *story, state *State) {
	t.Helper()
	seen := map[string]int{}
	want := map[windowKey]Summary{}
	for _, row := range w.events {
		seen[identity(row.Event)]++
	}
	for id, e := range s.accepted {
		if seen[id] != 1 {
			t.Errorf("event %s is stored %d times", id, seen[id])
		}
		for i, name := range e.Names {
			k := windowKey{e.Tenant, e.Device, name, windowStart(e.Time)}
			sum := want[k]
			sum.add(e.Values[i], e.Time)
			want[k] = sum
		}
	}
	for k, sum := range want {
		want[k] = comparable(sum)
	}
	if len(w.events) != len(s.accepted) {
		t.Errorf("%d rows, %d events accepted", len(w.events), len(s.accepted))
	}
	if diff := cmp.Diff(want, w.merged(), cmp.AllowUnexported(windowKey{})); diff != "" {
		t.Errorf("windows differ from a recomputation (-want +got):\n%s", diff)
	}
	var events, duplicates uint64
	for _, total := range state.Usage(0) {
		events, duplicates = events+total.Values[meterEvents], duplicates+total.Values[meterDuplicates]
	}
	if int(events) != len(s.accepted) || int(events+duplicates) != s.sent {
		t.Errorf("usage: %d events and %d duplicates, want %d of %d", events, duplicates, len(s.accepted), s.sent)
	}
}

// simulate runs the log through an engine that crashes at any point, as the runner drives it: an end is recorded before
// the first insert, inserts may be lost or repeated, a checkpoint follows what it covers.
func simulate(r *rand.Rand, s *story, store *warehouse, options Options) *State {
	var checkpoint []byte
	var recorded []uint64
	for {
		state := New(options)
		if checkpoint != nil {
			state, _ = Decode(checkpoint)
		}
		var ends []uint64
		for _, end := range recorded {
			if end > state.Position() {
				ends = append(ends, end)
			}
		}
		recorded = append([]uint64(nil), ends...)
		out, from := &Outputs{}, state.Position()+1
		crashed := false
		for i, f := range s.frames {
			if f.Sequence <= state.Position() {
				continue
			}
			state.Step(f, out)
			if r.IntN(10) == 0 {
				state.Step(f, out) // delivered again
			}
			last := i == len(s.frames)-1
			replayed := len(ends) > 0
			if replayed && f.Sequence != ends[0] || !replayed && !last && r.IntN(3) > 0 {
				continue
			}
			if replayed {
				ends = ends[1:]
			} else {
				recorded = append(recorded, f.Sequence)
			}
			if crashed = r.IntN(12) == 0; crashed {
				break // after the end was recorded, before the insert
			}
			store.insert(fmt.Sprintf("%d-%d", from, f.Sequence), out)
			out, from = &Outputs{}, f.Sequence+1
			if crashed = r.IntN(12) == 0; crashed {
				break // after the insert, before the checkpoint
			}
			if len(ends) == 0 && r.IntN(4) == 0 {
				checkpoint = state.Encode(nil)
			}
		}
		if !crashed {
			return state
		}
	}
}

// closed ends a log with silence that closes every window.
func closed(s *story) *story {
	last := s.frames[len(s.frames)-1]
	for i := range 3 * sweepSeconds {
		last.Events = nil
		last.Sequence++
		last.Time += int64(idleWindow) / int64(1+i%2)
		s.frames = append(s.frames, last)
	}
	return s
}

func TestACrashAnywhereStoresEveryEventOnce(t *testing.T) {
	t.Parallel()
	seeds := uint64(3000)
	if testing.Short() {
		seeds = 300
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		s := closed(write(r, 40))
		options := DefaultOptions()
		if seed%3 == 0 {
			options.OpenAccumulators = 6 // windows are written early
		}
		store := newWarehouse()
		state := simulate(r, s, store, options)
		store.check(t, s, state)
		if state.Dirty() {
			t.Error("windows are left dirty at the end of a silent log")
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestTwoEnginesGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		s := write(rand.New(rand.NewPCG(seed, 2)), 100)
		whole, halves := New(DefaultOptions()), New(DefaultOptions())
		outWhole, outHalves := &Outputs{}, &Outputs{}
		for i, f := range s.frames {
			whole.Step(f, outWhole)
			halves.Step(f, outHalves)
			if i%17 == 0 {
				var err error
				if halves, err = Decode(halves.Encode(nil)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !bytes.Equal(whole.Encode(nil), halves.Encode(nil)) {
			t.Fatalf("seed %d: the snapshots differ", seed)
		}
		if diff := cmp.Diff(merge(outWhole), merge(outHalves)); diff != "" {
			t.Fatalf("seed %d: the outputs differ:\n%s", seed, diff)
		}
	}
}

// merge joins the rows of each tenant: a decoded engine begins a tenant's rows anew.
func merge(out *Outputs) map[tenancy.ID]Rows {
	merged := map[tenancy.ID]Rows{}
	for _, rows := range out.Tenants {
		m := merged[rows.Tenant]
		m.Events, m.Windows = append(m.Events, rows.Events...), append(m.Windows, rows.Windows...)
		m.DeadLetters, m.Points = append(m.DeadLetters, rows.DeadLetters...), m.Points+rows.Points
		merged[rows.Tenant] = m
	}
	return merged
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	state := New(DefaultOptions())
	for _, f := range write(rand.New(rand.NewPCG(1, 3)), 20).frames {
		state.Step(f, &Outputs{})
	}
	good := state.Encode(nil)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if _, err := Decode(bad); err == nil {
			t.Fatalf("byte %d was changed and nobody noticed", i)
		}
		if _, err := Decode(good[:i]); err == nil {
			t.Fatalf("cut off at byte %d and nobody noticed", i)
		}
	}
}

func TestTenThousandNamesBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	state, out := New(Options{Measurements: 100, OpenAccumulators: 1000}), &Outputs{}
	for i := range 10_000 {
		e := telemetry.Event{Tenant: "a", Device: "attacker", Time: start, Received: start, HasSequence: true, Sequence: uint64(i), Names: []string{fmt.Sprintf("m%d", i)}, Values: []float64{1}}
		state.Step(Frame{Sequence: uint64(i + 1), Time: start, Events: []telemetry.Event{e}}, out)
	}
	rows := out.Tenants[0]
	if len(rows.Events) != 100 || len(rows.DeadLetters) != 9_900 {
		t.Fatalf("%d events, %d dead letters", len(rows.Events), len(rows.DeadLetters))
	}
	if l := rows.DeadLetters[0]; l.Reason != ReasonMeasurementLimit || !strings.Contains(l.Detail, "100") {
		t.Errorf("dead letter: %s: %s", l.Reason, l.Detail)
	}
}

func TestAWeekOfBacklogSentTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	e := &epoch{}
	for _, seq := range []uint64{600_001, 600_002} {
		e.add(seq)
	}
	for range 2 {
		for seq := range uint64(600_001) {
			e.add(seq)
		}
	}
	if len(e.spans) != 1 || e.spans[0] != (span{0, 600_002}) {
		t.Errorf("spans %v", e.spans)
	}
	if e.add(5) != duplicate || e.add(600_003) != fresh {
		t.Error("wrong verdicts after the backlog")
	}
}

func TestAForgottenGapIsNeverSilent(t *testing.T) {
	t.Parallel()
	e := &epoch{}
	for i := range uint64(maxSpans + 10) {
		e.add(i * 2)
	}
	if len(e.spans) != maxSpans {
		t.Errorf("%d spans, want %d", len(e.spans), maxSpans)
	}
	if got := e.add(1); got != expired {
		t.Errorf("verdict of a sequence in a forgotten gap: %v, want expired", got)
	}
	if got := e.add(maxSpans * 2); got != duplicate {
		t.Errorf("verdict of a remembered sequence: %v, want duplicate", got)
	}
}
