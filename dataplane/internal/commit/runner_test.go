package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

const events = 400

// world is everything outside a runner. It survives the runner's crashes, which it causes: at any call, before or after
// the call took effect.
type world struct {
	mu      sync.Mutex
	r       *rand.Rand
	crash   context.CancelFunc
	crashes int
	dead    bool
	frames  []engine.Frame
	ends    []uint64
	covered uint64
	points  map[uint64][]byte
	tokens  map[string]bool
	rows    map[Place]int
	windows map[string]engine.WindowRow
	parked  map[string][]byte
	totals  map[int64]engine.Total
	broken  map[tenancy.ID]bool

	lives  sync.RWMutex
	living int
}

var (
	errAway    = errors.New("away")
	errRefused = errors.New("refused")
)

// call runs an effect, unless the world ends before, and says what the runner hears.
func (w *world) call(effect func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errAway
	}
	fate := w.r.IntN(60)
	if fate != 0 && fate != 1 {
		effect()
	}
	if fate == 0 || fate == 2 {
		w.end()
	}
	if fate < 4 {
		return errAway
	}
	return nil
}

func (w *world) end() {
	if w.crashes > 0 {
		w.crashes--
		w.dead = true
		w.crash()
	}
}

// connection is the store as one run reaches it. What a dead run still has under way does not arrive: this store forgets tokens
// only when it starts again, which cuts every connection. (That late requests change nothing else is the simulation's to show.)
type connection struct {
	*world
	life int
}

func (c connection) InsertEvents(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.EventRow, token string) error {
	c.lives.RLock()
	defer c.lives.RUnlock()
	if c.life != c.living {
		return errAway
	}
	return c.world.InsertEvents(ctx, tenant, partition, rows, token)
}

func (w *world) ID() string { return "log1" }

func (w *world) Follow(ctx context.Context, _ int, after uint64, deliver func(engine.Frame) error) error {
	for _, f := range w.frames {
		if f.Sequence > after {
			if err := deliver(f); err != nil {
				return err
			}
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func (w *world) Load(context.Context, int) (uint64, []uint64, error) {
	return w.covered, slices.Clone(w.ends), nil
}

func (w *world) Save(_ context.Context, _ int, covered uint64, ends []uint64) error {
	return w.call(func() { w.covered, w.ends = covered, slices.Clone(ends) })
}

func (w *world) LoadCheckpoint(_ context.Context, _ int, position uint64) ([]byte, error) {
	return w.points[position], nil
}

func (w *world) SaveCheckpoint(_ context.Context, _ int, position uint64, data []byte) error {
	return w.call(func() { w.points[position] = slices.Clone(data) })
}

func (w *world) DropCheckpoint(_ context.Context, _ int, position uint64) error {
	return w.call(func() { delete(w.points, position) })
}

func (w *world) SweepCheckpoints(_ context.Context, _ int, below uint64) error {
	maps.DeleteFunc(w.points, func(position uint64, _ []byte) bool { return position < below })
	return nil
}

func (w *world) Provision(context.Context, tenancy.ID) error { return nil }

func (w *world) InsertEvents(_ context.Context, tenant tenancy.ID, _ uint16, rows []engine.EventRow, token string) error {
	w.mu.Lock()
	broken := w.broken[tenant]
	w.mu.Unlock()
	if broken {
		return errRefused
	}
	return w.call(func() {
		key := string(tenant) + token
		if w.tokens[key] {
			return
		}
		w.tokens[key] = true
		if w.r.IntN(20) == 0 {
			w.end() // the token is noted and the rows are lost
			if w.dead {
				return
			}
		}
		for _, row := range rows {
			w.rows[Place{row.Sequence, row.Index}]++
		}
		if w.r.IntN(20) == 0 {
			clear(w.tokens) // the store forgets its tokens
			w.end()
		}
	})
}

func (w *world) InsertWindows(_ context.Context, _ tenancy.ID, rows []engine.WindowRow, _ string) error {
	return w.call(func() {
		for _, row := range rows {
			k := fmt.Sprint(row.Device, row.Measurement, row.Start, row.Segment)
			if w.windows[k].Version <= row.Version {
				w.windows[k] = row
			}
		}
	})
}

func (w *world) InsertDeadLetters(context.Context, tenancy.ID, uint16, []engine.DeadLetterRow, string) error {
	return nil
}

func (w *world) StoredEvents(_ context.Context, _ tenancy.ID, _ uint16, from, to uint64) (map[Place]int, error) {
	found := map[Place]int{}
	err := w.call(func() {
		for p, n := range w.rows {
			if p.Sequence >= from && p.Sequence <= to {
				found[p] = n
			}
		}
	})
	return found, err
}

func (w *world) StoredDeadLetters(context.Context, tenancy.ID, uint16, uint64, uint64) (map[Place]int, error) {
	return map[Place]int{}, nil
}
func (w *world) Refused(err error) bool                                  { return errors.Is(err, errRefused) }
func (w *world) NotProvisioned(error) bool                               { return false }
func (w *world) Stepped([]engine.EventRow)                               {}
func (w *world) Committed(int, uint64, *engine.Outputs, time.Time, bool) {}
func (w *world) Checkpointed(context.Context, int, uint64, int)          {}
func (w *world) Gone(tenancy.ID) bool                                    { return false }

func (w *world) Publish(_ context.Context, _ int, totals []engine.Total) error {
	return w.call(func() {
		for _, t := range totals {
			if w.totals[t.Hour].Version <= t.Version {
				w.totals[t.Hour] = t
			}
		}
	})
}

func (w *world) Park(_ context.Context, name string, data []byte) error {
	return w.call(func() { w.parked[name] = data })
}

func (w *world) Parked(context.Context) ([]string, error) {
	var names []string
	for name := range w.parked {
		names = append(names, name)
	}
	return names, nil
}

func (w *world) LoadParked(_ context.Context, name string) ([]byte, error) {
	return w.parked[name], nil
}

func (w *world) Unpark(_ context.Context, name string) error {
	delete(w.parked, name)
	return nil
}

func newWorld(seed uint64, crashes int) *world {
	w := &world{
		r: rand.New(rand.NewPCG(seed, 1)), crashes: crashes, tokens: map[string]bool{}, rows: map[Place]int{}, points: map[uint64][]byte{},
		windows: map[string]engine.WindowRow{}, parked: map[string][]byte{}, totals: map[int64]engine.Total{}, broken: map[tenancy.ID]bool{},
	}
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).UnixNano()
	for i := 0; i < events; {
		f := engine.Frame{Sequence: uint64(len(w.frames)*2 + 1), Time: at + int64(i)*int64(100*time.Millisecond)}
		for range min(1+w.r.IntN(5), events-i) {
			f.Events = append(f.Events, telemetry.Event{
				Tenant: tenancy.ID(fmt.Sprintf("tenant%d", i%2)), Device: "press", Time: f.Time, Received: f.Time, HasSequence: true, Epoch: "boot", Sequence: uint64(i),
				Names: []string{"temperature"}, Values: []float64{float64(i)}, Size: 10,
			})
			i++
		}
		w.frames = append(w.frames, f)
	}
	return w
}

// run works until the log is stored or the world ends; it says which.
func (w *world) run(t *testing.T) (whole bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	w.mu.Lock()
	w.crash, w.dead = cancel, false
	w.mu.Unlock()
	log := slog.New(slog.DiscardHandler)
	w.lives.Lock()
	w.living++
	store := connection{w, w.living}
	w.lives.Unlock()
	inserter := NewInserter(store, w, 4, log)
	inserter.backoff = 100 * time.Microsecond
	runner := New(Config{
		Cell: "cell", Events: 20, Interval: time.Millisecond, CheckpointInterval: 5 * time.Millisecond, Drain: time.Millisecond,
		Options: engine.DefaultOptions,
	}, Deps{Source: w, Ends: w, Checkpoints: w, Inserter: inserter, Usage: w, Observer: w, Log: log, Now: time.Now})
	runner.retry = 100 * time.Microsecond
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("Run: %v", err)
			}
			return false
		case <-time.After(2 * time.Millisecond):
		}
		w.mu.Lock()
		whole = len(w.rows)+len(w.parked) >= events || len(w.parked) > 0 && w.stored("tenant0") == events/2
		w.mu.Unlock()
		if whole {
			cancel()
			<-done
			return true
		}
	}
}

// stored counts the rows of a tenant.
func (w *world) stored(tenant tenancy.ID) int {
	n := 0
	for _, f := range w.frames {
		for i, e := range f.Events {
			if e.Tenant == tenant && w.rows[Place{f.Sequence, uint32(i)}] > 0 {
				n++
			}
		}
	}
	return n
}

func TestARunnerThatCrashesAnywhereStoresEveryEventOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		w := newWorld(seed, 4)
		for !w.run(t) {
		}
		if len(w.rows) != events {
			t.Errorf("seed %d: %d rows, want %d", seed, len(w.rows), events)
		}
		for p, n := range w.rows {
			if n != 1 {
				t.Errorf("seed %d: %v is stored %d times", seed, p, n)
			}
		}
		if t.Failed() {
			return
		}
	}
}
