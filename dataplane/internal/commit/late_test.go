package commit

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// fed is a world in which nothing fails and frames come when they are fed.
type fed struct {
	*world
	frames chan engine.Frame
	last   engine.Frame
}

// middling is a source of fates of which none is bad.
type middling struct{}

func (middling) Uint64() uint64 { return 0x8000_1234_0000_0000 }

func (w *fed) Follow(ctx context.Context, _ int, _ uint64, deliver func(engine.Frame) error) error {
	for {
		select {
		case f := <-w.frames:
			if err := deliver(f); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// feed delivers an event of that age, received now.
func (w *fed) feed(age time.Duration) {
	now := time.Now().UnixNano()
	w.last = engine.Frame{Sequence: w.last.Sequence + 1, Time: now, Events: []telemetry.Event{{
		Tenant: "a", Device: "press", Time: now - int64(age), Received: now, HasSequence: true, Sequence: w.last.Sequence, Names: []string{"t"}, Values: []float64{1},
	}}}
	w.frames <- w.last
	synctest.Wait()
}

// after lets time pass and says how many events are stored.
func (w *fed) after(d time.Duration) int {
	time.Sleep(d)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.rows)
}

func TestRangesOfLateEventsAreLongAndLiveOnesAreNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &fed{world: newWorld(1, 0), frames: make(chan engine.Frame)}
		w.r = rand.New(middling{})
		log := slog.New(slog.DiscardHandler)
		runner := New(Config{
			Cell: "cell", Events: 1000, Interval: 150 * time.Millisecond, CheckpointInterval: time.Minute, Options: engine.DefaultOptions,
		}, Deps{Source: w, Ends: w, Checkpoints: w, Inserter: NewInserter(w, w, 4, log), Usage: w, Observer: w, Log: log, Now: time.Now})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- runner.Run(ctx) }()

		time.Sleep(2 * lateInterval)
		w.feed(time.Hour)
		if n := w.after(0); n != 1 {
			t.Errorf("after a pause %d late events are stored at once, want 1", n)
		}
		w.feed(time.Hour)
		if n := w.after(lateInterval - 100*time.Millisecond); n != 1 {
			t.Errorf("a range of late events ended before its second was over: %d are stored", n)
		}
		if n := w.after(200 * time.Millisecond); n != 2 {
			t.Errorf("%d events are stored after the second, want 2", n)
		}
		w.feed(time.Hour)
		w.feed(0)
		if n := w.after(150 * time.Millisecond); n != 4 {
			t.Errorf("a live event waits for late ones: %d events are stored, want 4", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
