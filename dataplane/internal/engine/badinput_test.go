package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// namesVariable is how many names the attacker brings.
const namesVariable = "MILLWRIGHT_NAMES"

// A device that sends every value under a new name: what it sends is refused once it has used its names, and neither the state nor what
// is behind it grows.
func TestTenMillionNamesCostNoMemory(t *testing.T) {
	names := 300_000
	if text := os.Getenv(namesVariable); text != "" {
		var err error
		if names, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", namesVariable, err)
		}
	}
	state, decoder := New(DefaultOptions()), telemetry.NewDecoder(telemetry.DefaultLimits())
	stored, refused := 0, 0
	before := heap()
	for i := range names {
		payload := fmt.Appendf(nil, `{"timestamp":%d,"measurements":{"m%d":1}}`, start/int64(time.Millisecond)+int64(i), i)
		decoded := decoder.Decode(telemetry.Source{Tenant: "a", Device: "attacker", Received: start + int64(i)*int64(time.Millisecond), Horizon: time.Hour}, payload)
		if len(decoded.Events) != 1 {
			t.Fatalf("%s: %+v", payload, decoded.Invalid)
		}
		out := &Outputs{}
		state.Step(Frame{Sequence: uint64(i + 1), Time: start + int64(i)*int64(time.Millisecond), Events: decoded.Events}, out)
		stored, refused = stored+out.Events-out.DeadLetters-out.Duplicates, refused+out.DeadLetters
	}
	grown := heap() - before
	if limit := DefaultOptions().Measurements; stored != limit || refused != names-limit {
		t.Errorf("%d stored and %d refused of %d, the limit is %d", stored, refused, names, limit)
	}
	if grown > 4<<20 {
		t.Errorf("the heap grew by %d KB", grown>>10)
	}
	if size := len(state.Encode(nil)); size > 256<<10 {
		t.Errorf("the snapshot has %d KB", size>>10)
	}
	t.Logf("%d names: heap +%d KB, %d of them are dead letters", names, grown>>10, refused)
	runtime.KeepAlive(decoder)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// Events of a whole week in no order at all, twice: windows are what the rows say.
func TestAWeekOutOfOrderIsWindowedAsInOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	s := &story{accepted: map[string]*telemetry.Event{}}
	var events []telemetry.Event
	for i := range 3000 {
		e := telemetry.Event{
			Tenant: "a", Device: fmt.Sprintf("device%d", i%3), HasSequence: true, Epoch: "boot", Sequence: uint64(i), Names: []string{"temperature"},
			Values: []float64{float64(r.IntN(1000))}, Time: start - int64(i)*int64(7*24*time.Hour)/3000, Size: 100,
		}
		events = append(events, e, e)
		s.accepted[identity(&e)] = &events[len(events)-1]
	}
	r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for i := 0; i < len(events); i += 50 {
		f := Frame{Sequence: uint64(i + 1), Time: start + int64(i)*int64(20*time.Millisecond)}
		for _, e := range events[i:min(i+50, len(events))] {
			e.Received = f.Time
			f.Events = append(f.Events, e)
			s.accepted[identity(&e)] = &e
			s.sent++
		}
		s.frames = append(s.frames, f)
	}
	store, state := newWarehouse(), New(DefaultOptions())
	for i, f := range closed(s).frames {
		out := &Outputs{}
		state.Step(f, out)
		store.insert(fmt.Sprint(i), out)
	}
	store.check(t, s, state)
}

func TestOneIDWithAnotherContentCountsAsTheFirst(t *testing.T) {
	t.Parallel()
	state, out := New(DefaultOptions()), &Outputs{}
	bySequence := telemetry.Event{Tenant: "a", Device: "press", Time: start, Received: start, HasSequence: true, Epoch: "boot", Sequence: 1, Names: []string{"temperature"}, Values: []float64{1}}
	byID := bySequence
	byID.Device, byID.HasSequence, byID.MessageID = "oven", false, "m1"
	f := Frame{Sequence: 1, Time: start}
	for _, e := range []telemetry.Event{bySequence, byID} {
		other := e
		other.Values, other.Time, other.Hash = []float64{2}, start+int64(time.Hour), 42
		f.Events = append(f.Events, e, other)
	}
	state.Step(f, out)
	rows := out.Tenants[0].Events
	if len(rows) != 2 || out.Duplicates != 2 || rows[0].Event.Values[0] != 1 || rows[1].Event.Values[0] != 1 {
		t.Fatalf("%d rows, %d duplicates", len(rows), out.Duplicates)
	}
}

// A device's clock that goes back by an hour, and by a week: events are stored under the time they say, in the windows of that time.
func TestADevicesClockThatGoesBackChangesNothingStored(t *testing.T) {
	t.Parallel()
	s := &story{accepted: map[string]*telemetry.Event{}}
	for i := range 200 {
		at := start + int64(i)*int64(time.Second)
		said := at
		switch {
		case i >= 150:
			said -= int64(7 * 24 * time.Hour)
		case i >= 100:
			said -= int64(time.Hour)
		}
		e := telemetry.Event{
			Tenant: "a", Device: "press", Time: said, Received: at, HasSequence: true, Epoch: "boot", Sequence: uint64(i),
			Names: []string{"temperature"}, Values: []float64{float64(i)}, Size: 100,
		}
		s.frames = append(s.frames, Frame{Sequence: uint64(i + 1), Time: at, Events: []telemetry.Event{e}})
		s.accepted[identity(&e)] = &e
		s.sent++
	}
	store, state := newWarehouse(), New(DefaultOptions())
	for i, f := range closed(s).frames {
		out := &Outputs{}
		state.Step(f, out)
		store.insert(fmt.Sprint(i), out)
	}
	store.check(t, s, state)
}

// A device that sends a week of minutes twice, all of it in no order: every one counts once and none is too old to tell.
func TestAWeekOfSequencesInNoOrderCountsOnce(t *testing.T) {
	t.Parallel()
	const minutes = 7 * 24 * 60
	r := rand.New(rand.NewPCG(11, 12))
	e, count, most := &epoch{}, map[verdict]int{}, 0
	for _, i := range r.Perm(2 * minutes) {
		count[e.add(uint64(i%minutes))]++
		most = max(most, len(e.spans))
	}
	if count[fresh] != minutes || count[duplicate] != minutes {
		t.Errorf("fresh, duplicate, expired: %v", count)
	}
	t.Logf("%d runs at the worst, %d are remembered", most, maxSpans)
}
