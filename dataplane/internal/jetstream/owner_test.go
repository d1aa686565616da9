package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/ownership"
)

// worker is one process of a cell that takes its share of the partitions, on a connection of its own.
type worker struct {
	keeper *ownership.Keeper
	name   string

	stop    context.CancelFunc
	stopped chan struct{}
	mu      sync.Mutex
	frozen  chan struct{}
	work    map[int]bool
}

// wait stands still while the worker is frozen.
func (w *worker) wait() {
	w.mu.Lock()
	frozen := w.frozen
	w.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}

// stalling is a registry that a frozen worker does not reach.
type stalling struct {
	*Owners
	w *worker
}

func (s stalling) Say(ctx context.Context, m ownership.Member) error {
	s.w.wait()
	return s.Owners.Say(context.WithoutCancel(ctx), m)
}

func (s stalling) Take(ctx context.Context, partition int, process string, revision uint64) (uint64, error) {
	s.w.wait()
	return s.Owners.Take(context.WithoutCancel(ctx), partition, process, revision)
}

func startWorker(t *testing.T, url, name, place string, partitions int) *worker {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil)).With(slog.String("process", name))
	conn, err := Connect(Address{URL: url, Name: name}, log)
	if err != nil {
		t.Fatal(err)
	}
	owners, err := OpenOwners(t.Context(), conn, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{name: name, stopped: make(chan struct{}), work: map[int]bool{}}
	w.keeper = ownership.NewKeeper(ownership.Config{
		Self: ownership.Member{Process: name, Started: time.Now(), Place: place, Works: true}, Partitions: partitions,
		Load: func() ownership.Load { return ownership.Load{EventsPerSecond: 10} },
		Work: func(ctx context.Context, partition int) error {
			w.set(partition, true)
			<-ctx.Done()
			w.set(partition, false)
			return nil
		},
	}, stalling{owners, w}, log, time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() {
		defer close(w.stopped)
		if err := w.keeper.Run(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}()
	t.Cleanup(func() { w.thaw(); cancel(); <-w.stopped; conn.Close() })
	return w
}

func (w *worker) set(partition int, works bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if works {
		w.work[partition] = true
	} else {
		delete(w.work, partition)
	}
}

func (w *worker) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = make(chan struct{})
}

func (w *worker) thaw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.frozen != nil {
		close(w.frozen)
		w.frozen = nil
	}
}

func (w *worker) works() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []int
	for partition := range w.work {
		list = append(list, partition)
	}
	slices.Sort(list)
	return list
}

// divided waits until the workers have so many partitions each, every partition once.
func divided(t *testing.T, most time.Duration, what string, workers map[*worker]int) time.Duration {
	t.Helper()
	begun := time.Now()
	var all []int
	waitFor(t, most, what, func() bool {
		all = nil
		for w, n := range workers {
			if len(w.works()) != n {
				return false
			}
			all = append(all, w.works()...)
		}
		slices.Sort(all)
		return len(slices.Compact(slices.Clone(all))) == len(all)
	})
	t.Logf("%s after %s", what, time.Since(begun).Round(10*time.Millisecond))
	return time.Since(begun)
}

// TestPartitionsAreDividedAmongProcesses goes through a cell's life: processes that join, stop, sleep and wake up, and one that
// starts where another was killed.
func TestPartitionsAreDividedAmongProcesses(t *testing.T) {
	t.Parallel()
	const partitions = 5
	conn := openCell(t)
	url := conn.nats.ConnectedUrl()
	a := startWorker(t, url, "a", "here:1", partitions)
	divided(t, 5*time.Second, "one has all", map[*worker]int{a: 5})
	b := startWorker(t, url, "b", "here:2", partitions)
	divided(t, 5*time.Second, "two divide", map[*worker]int{a: 3, b: 2})
	c := startWorker(t, url, "c", "here:3", partitions)
	divided(t, 5*time.Second, "three divide", map[*worker]int{a: 2, b: 2, c: 1})

	waitFor(t, 5*time.Second, "each knows what all take in", func() bool {
		sum := 0.0
		for _, m := range a.keeper.Members() {
			sum += m.EventsPerSecond
		}
		return sum == 30
	})

	b.stop()
	<-b.stopped
	if took := divided(t, 5*time.Second, "the two left divide after a clean stop", map[*worker]int{a: 3, c: 2}); took > 2*time.Second {
		t.Errorf("a clean stop handed over after %s", took)
	}

	held := a.works()[0]
	if err := a.keeper.Hold(t.Context(), held); err != nil {
		t.Errorf("hold a partition of one's own: %v", err)
	}
	a.freeze()
	if took := divided(t, 20*time.Second, "the one that is awake has all", map[*worker]int{c: 5}); took < ownership.Lease-ownership.Interval {
		t.Errorf("taken over after %s, the lease is %s", took, ownership.Lease)
	}
	holding := make(chan error, 1)
	go func() { holding <- a.keeper.Hold(t.Context(), held) }()
	select {
	case err := <-holding:
		t.Fatalf("a process that sleeps is sure of its partition: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	a.thaw()
	if err := <-holding; !errors.Is(err, ownership.ErrTaken) {
		t.Errorf("a process that lost a partition while it slept: %v", err)
	}
	divided(t, 5*time.Second, "the one that woke up has its share again", map[*worker]int{a: 3, c: 2})

	a.freeze() // as killed: it says nothing any more, and another starts at its place
	d := startWorker(t, url, "d", "here:1", partitions)
	if took := divided(t, 5*time.Second, "who starts at the place of a dead one does not wait", map[*worker]int{c: 3, d: 2}); took > 3*time.Second {
		t.Errorf("taken over after %s", took)
	}
}

// TestOneOfManyTakesAPartition lets many processes ask for the same entry.
func TestOneOfManyTakesAPartition(t *testing.T) {
	t.Parallel()
	owners, err := OpenOwners(t.Context(), openCell(t), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 20)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			switch _, err := owners.Take(t.Context(), 0, fmt.Sprint(i), 0); {
			case err == nil:
				got <- fmt.Sprint(i)
			case !errors.Is(err, ownership.ErrTaken):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(got) != 1 {
		t.Errorf("%d processes took the partition", len(got))
	}
}
