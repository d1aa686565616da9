package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/admission"
	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/natstest"
	"github.com/millwright-io/millwright/tenancy"
)

const acme = tenancy.ID("aaaaaaaaaaaaaaaa")

// sharing is one process of a cell: a limiter and what shares it, on a connection of its own.
type sharing struct {
	limiter *admission.Limiter
	sharer  *admission.Sharer
	conn    *Conn
	stop    context.CancelFunc
	stopped chan struct{}
}

func startSharing(t *testing.T, url, name string, rate int) *sharing {
	t.Helper()
	conn, err := Connect(Address{URL: url, Name: name}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cat := catalog.New()
	cat.SetTenant(catalog.Tenant{ID: acme, Limits: catalog.Limits{EventsPerSecond: rate, EventsBurst: rate}})
	s := &sharing{limiter: admission.New(cat, time.Now), conn: conn, stopped: make(chan struct{})}
	s.sharer = admission.NewSharer(s.limiter, NewShares(conn, "test", slog.New(slog.DiscardHandler)), name, time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() {
		defer close(s.stopped)
		if err := s.sharer.Run(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("%s: %v", name, err)
		}
	}()
	t.Cleanup(func() { cancel(); <-s.stopped; conn.Close(); s.limiter.Close() })
	return s
}

// TestTheLimitHoldsOverProcessesOnNATS runs three processes in real time on a real server, with skewed loads of four times
// the limit, kills the busiest without a goodbye, and holds what was admitted against the limit.
func TestTheLimitHoldsOverProcessesOnNATS(t *testing.T) {
	t.Parallel()
	const rate = 10_000
	server := natstest.New(t)
	var admitted atomic.Int64
	var loads sync.WaitGroup
	ctx, end := context.WithCancel(t.Context())
	defer func() { end(); loads.Wait() }()
	var processes []*sharing
	var kills []context.CancelFunc
	for i, demand := range []int{30_000, 12_000, 4_000} {
		p := startSharing(t, server.URL, fmt.Sprint("process ", i), rate)
		processes = append(processes, p)
		alive, kill := context.WithCancel(ctx)
		kills = append(kills, kill)
		loads.Go(func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			begun, asked := time.Now(), 0
			for {
				select {
				case <-alive.Done():
					return
				case <-tick.C:
				}
				// What a slow tick left out is asked for with the next one.
				for due := int(time.Since(begun).Seconds() * float64(demand)); asked < due; asked++ {
					if p.limiter.TakeN(acme, "press", 1) == nil {
						admitted.Add(1)
					}
				}
			}
		})
	}
	waitFor(t, 5*time.Second, "they know of each other", func() bool {
		for _, p := range processes {
			if p.sharer.Processes() != 3 {
				return false
			}
		}
		return true
	})
	pause := func(d time.Duration) { <-time.After(d) }
	pause(2 * time.Second) // the burst is used up
	from, begun := admitted.Load(), time.Now()
	pause(3 * time.Second)
	kills[0]()
	processes[0].conn.Close() // no goodbye is heard
	pause(7 * time.Second)
	got, window := admitted.Load()-from, time.Since(begun)
	want := rate * window.Seconds()
	off := 100 * (float64(got)/want - 1)
	t.Logf("3 processes, one killed: %d admitted in %s, limit %.0f: off by %+.3f %%", got, window.Round(time.Millisecond), want, off)
	if math.Abs(off) > 1 {
		t.Errorf("%d admitted in %s, want %.0f within 1 %%: off by %.2f %%", got, window, want, off)
	}
	waitFor(t, 5*time.Second, "the dead one is forgotten", func() bool { return processes[1].sharer.Processes() == 2 })
}

// TestDaysAddUp adds from several processes at once; a new day begins at nothing and an old one is not brought back.
func TestDaysAddUp(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	conn, err := Connect(Address{URL: server.URL, Name: "days"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	options := migrations.JetStreamOptions{LogMaxBytes: 16 << 20, DeadLetterMaxBytes: 1 << 20, Replicas: 1}
	if err := migrations.CellJetStream(t.Context(), conn, "test", options); err != nil {
		t.Fatal(err)
	}
	days, err := OpenDays(t.Context(), conn, "test")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 20 {
				_, err := days.Add(t.Context(), acme, 100, 5)
				for err != nil && strings.Contains(err.Error(), "others write") { // it added nothing and may be asked again
					_, err = days.Add(t.Context(), acme, 100, 5)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, step := range []struct{ date, events, want int64 }{{100, 0, 300}, {101, 0, 0}, {101, 7, 7}, {100, 9, 0}, {101, 0, 7}} {
		if got, err := days.Add(t.Context(), acme, step.date, step.events); err != nil || got != step.want {
			t.Errorf("day %d plus %d: %d, want %d (%v)", step.date, step.events, got, step.want, err)
		}
	}
}

func waitFor(t *testing.T, most time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %s: %s", most, what)
		}
	}
}
