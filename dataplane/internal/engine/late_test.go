package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// lateFrames are what a device recorded, n messages by id a minute apart, sent as often as said in no order, ten a frame and second.
func lateFrames(device string, n, times int, from uint64) []Frame {
	r := rand.New(rand.NewPCG(21, from))
	var frames []Frame
	for at, i := range r.Perm(n * times) {
		if at%10 == 0 {
			frames = append(frames, Frame{Sequence: from + uint64(len(frames)), Time: start + int64(len(frames))*int64(time.Second)})
		}
		f, number := &frames[len(frames)-1], i%n
		f.Events = append(f.Events, telemetry.Event{
			Tenant: "a", Device: device, Time: start - int64(time.Hour) - int64(number)*int64(time.Minute), Received: f.Time,
			MessageID: fmt.Sprint("m", number), Names: []string{"temperature"}, Values: []float64{float64(number)}, Size: 100,
		})
	}
	return frames
}

// restarted is the state after a crash: what its snapshot says.
func restarted(t *testing.T, s *State) *State {
	t.Helper()
	again, err := Decode(s.Encode(nil))
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// A device that has only ids sends a week of minutes twice, in no order, and the engine begins anew from its checkpoint again and again.
func TestAWeekOfIDsInNoOrderCountsOnce(t *testing.T) {
	t.Parallel()
	const minutes = 7 * 24 * 60
	state, stored, duplicates := New(DefaultOptions()), map[string]int{}, 0
	for i, f := range lateFrames("press", minutes, 2, 1) {
		if i%300 == 299 {
			state = restarted(t, state)
		}
		out := &Outputs{}
		state.Step(f, out)
		duplicates += out.Duplicates
		for _, rows := range out.Tenants {
			for _, row := range rows.Events {
				stored[row.Event.MessageID]++
			}
		}
	}
	for id, n := range stored {
		if n != 1 {
			t.Fatalf("%s is stored %d times", id, n)
		}
	}
	if len(stored) != minutes || duplicates != minutes {
		t.Errorf("%d messages stored, %d duplicates, want %d each", len(stored), duplicates, minutes)
	}
	if got := state.byTenant["a"].late; got != minutes {
		t.Errorf("%d late messages are counted for the tenant, want %d", got, minutes)
	}
}

// One that sends more than is remembered of it, and more devices than the tenant has room for: what is kept stays within its bounds, and
// all that lies within them counts once.
func TestLateMessagesAreBounded(t *testing.T) {
	t.Parallel()
	options := DefaultOptions()
	options.LateMessages, options.TenantLateMessages = 100, 250
	state := New(options)
	sequence, size := uint64(1), 0
	for i := range 5 {
		for _, f := range lateFrames(fmt.Sprint("device", i), 1000, 1, sequence) {
			state.Step(f, &Outputs{})
			sequence = f.Sequence + 1
			size = 0
			for _, d := range state.devices {
				if d.late != nil {
					size += d.late.len()
				}
			}
			if tenant := state.byTenant["a"]; tenant.late != size || size > options.TenantLateMessages {
				t.Fatalf("%d late messages are remembered, %d counted, at most %d may be", size, tenant.late, options.TenantLateMessages)
			}
		}
	}
	if size == 0 {
		t.Error("nothing is remembered")
	}
	state = restarted(t, state)
	out := &Outputs{}
	last := lateFrames("device4", 1000, 1, sequence-100)[99]
	last.Sequence = sequence
	state.Step(last, out)
	if out.Duplicates != len(last.Events) {
		t.Errorf("%d of the last %d messages are duplicates", out.Duplicates, len(last.Events))
	}
}

func TestLateMessagesAreForgottenAfterAnHour(t *testing.T) {
	t.Parallel()
	state := New(DefaultOptions())
	frames := lateFrames("press", 100, 1, 1)
	for _, f := range frames {
		state.Step(f, &Outputs{})
	}
	last := frames[len(frames)-1]
	for minute := range 121 {
		state.Step(Frame{Sequence: last.Sequence + 1 + uint64(minute), Time: last.Time + int64(minute+1)*int64(time.Minute)}, &Outputs{})
	}
	if d := state.devices[0]; d.late != nil || d.tenant.late != 0 {
		t.Errorf("%d late messages are remembered two hours after", d.tenant.late)
	}
}

// A device that sends a value a second of ten minutes, in no order: each minute is a row a sweep at most, and between the sweeps no
// windows are put out, so that the store has few inserts of them.
func TestWhatComesLateInNoOrderIsFewRows(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 1))
	state := New(DefaultOptions())
	const seconds, minutes, eachFrame = 6000, 100, 20
	order, rows, frames := r.Perm(seconds), map[int64]int{}, 0
	for sequence := 0; sequence*eachFrame < seconds; sequence++ {
		f := Frame{Sequence: uint64(sequence + 1), Time: start + int64(sequence)*int64(100*time.Millisecond)}
		for _, second := range order[sequence*eachFrame : (sequence+1)*eachFrame] {
			f.Events = append(f.Events, telemetry.Event{
				Tenant: "a", Device: "press", Time: start - int64(24*time.Hour) + int64(second)*int64(time.Second), Received: f.Time, HasSequence: true,
				Sequence: uint64(second), Names: []string{"temperature"}, Values: []float64{1},
			})
		}
		out := &Outputs{}
		state.Step(f, out)
		with := 0
		for _, tenant := range out.Tenants {
			with += len(tenant.Windows)
			for _, w := range tenant.Windows {
				rows[w.Start]++
			}
		}
		if with > 0 {
			frames++
		}
	}
	// 30 s of the log: three sweeps, and at the first the state begins.
	for minute, n := range rows {
		if n > 4 {
			t.Errorf("the minute from %d has %d rows", minute, n)
		}
	}
	if len(rows) != minutes || frames > 4 {
		t.Errorf("%d minutes have rows, in %d frames", len(rows), frames)
	}
}

// A device that touches more windows than it may open between two sweeps has half of them put out at once.
func TestOpenWindowsAreBounded(t *testing.T) {
	t.Parallel()
	options := DefaultOptions()
	options.OpenWindows = 64
	state, most := New(options), 0
	for _, f := range lateFrames("press", 3000, 1, 1) {
		f.Time = start // no sweep
		state.Step(f, &Outputs{})
		most = max(most, len(state.devices[0].windows))
	}
	if most != 64 {
		t.Errorf("%d windows were open at most, want 64", most)
	}
	open := 0
	for _, w := range state.devices[0].windows {
		open += len(w.summaries)
	}
	if got := state.byTenant[tenancy.ID("a")].accumulators; got != open {
		t.Errorf("%d accumulators are counted, %d are open", got, open)
	}
}

func TestASnapshotWithFewWindowsIsReadAndKeepsToThem(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/snapshot-4")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	d := s.devices[0]
	if len(d.windows) != keptWindows || len(d.recent.ring) != 40 || d.late != nil {
		t.Fatalf("%d windows, %d messages", len(d.windows), len(d.recent.ring))
	}
	for _, f := range lateFrames("d", 50, 1, s.Position()+1) {
		for i := range f.Events {
			f.Events[i].Tenant = d.tenant.id
		}
		s.Step(f, &Outputs{})
		if len(d.windows) > keptWindows || d.late != nil {
			t.Fatalf("%d windows are open under the options of then", len(d.windows))
		}
	}
}
