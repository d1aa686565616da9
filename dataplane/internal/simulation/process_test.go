package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
)

// options of the engine are small, so that their limits are met.
var options = engine.Options{Measurements: 6, OpenAccumulators: 40, OpenWindows: 20, LateMessages: 60, TenantLateMessages: 100}

// process is one cell process made of the real parts.
type process struct {
	world  *world
	number int
	// dead: nothing that it does has an effect any more.
	dead     bool
	heldTill time.Time
	// cutOff: it does not reach the log's server.
	cutOff    bool
	publisher *jetstream.Publisher
	front     context.CancelFunc
	back      context.CancelFunc
	gone      chan struct{}
	trimmer   *commit.Trimmer
}

func (p *process) alive() bool {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return !p.dead
}

// hold waits while the process stands still.
func (p *process) hold() {
	for {
		p.world.mu.Lock()
		wait := time.Until(p.heldTill)
		p.world.mu.Unlock()
		if wait <= 0 {
			return
		}
		p.world.sleep(wait)
	}
}

// boot starts a process.
func (w *world) boot() *process {
	w.mu.Lock()
	w.births++
	p := &process{world: w, number: w.births, gone: make(chan struct{})}
	w.processes, w.born = append(slices.Clone(w.processes), p), append(w.born, p)
	w.note("process %d starts", p.number)
	w.mu.Unlock()
	go func() {
		defer close(p.gone)
		err := p.run()
		w.mu.Lock()
		ended := !p.dead
		if ended && err != nil {
			w.trouble = append(w.trouble, fmt.Sprintf("process %d: %v", p.number, err))
		}
		if ended {
			w.note("process %d ends: %v", p.number, err)
			w.bury(p)
		}
		w.mu.Unlock()
		if ended {
			w.revive()
		}
	}()
	return p
}

// bury takes a process off the list of those that work. It needs the lock.
func (w *world) bury(p *process) {
	p.dead = true
	w.processes = slices.DeleteFunc(slices.Clone(w.processes), func(q *process) bool { return q == p })
}

// revive starts a process after a while, if there is none.
func (w *world) revive() {
	w.mu.Lock()
	births := w.births
	w.mu.Unlock()
	w.sleep(w.between("restart", births, 100*time.Millisecond, 4*time.Second))
	w.mu.Lock()
	needed := len(w.processes) == 0 && !w.stopping
	w.mu.Unlock()
	if needed {
		w.boot()
	}
}

// kill ends a process at once, as kill -9 does.
func (w *world) kill(p *process, why string) {
	w.mu.Lock()
	if p.dead {
		w.mu.Unlock()
		return
	}
	w.note("process %d is killed: %s", p.number, why)
	w.bury(p)
	front, back := p.front, p.back
	w.mu.Unlock()
	if front != nil {
		front()
		back()
	}
	go w.revive()
}

// run is the process's life, put together as the composition root does.
func (p *process) run() error {
	w := p.world
	log := slog.New(slog.DiscardHandler)
	if tracing {
		log = slog.New(slog.NewTextHandler(os.Stdout, nil)).With(slog.Int("process", p.number))
	}
	front, stopFront := context.WithCancel(context.Background())
	back, stopBack := context.WithCancel(context.Background())
	defer stopFront()
	defer stopBack()
	js := &connection{broker: w.broker, process: p}
	events, err := jetstream.OpenLog(back, js, cellName, log)
	if err != nil {
		return err
	}
	commits, err := jetstream.OpenCommits(back, js, cellName)
	if err != nil {
		return err
	}
	objects, err := jetstream.OpenObjects(back, js, cellName)
	if err != nil {
		return err
	}
	lowest := func(ctx context.Context) (uint64, error) { return commits.Lowest(ctx, partitions) }
	p.trimmer = commit.NewTrimmer(0, lowest, events.Trim)
	pc := jetstream.DefaultPublisherConfig()
	pc.Cell, pc.Partitions, pc.Instance, pc.Tick = cellName, partitions, fmt.Sprintf("process%d", p.number), 30*time.Second
	publisher := jetstream.NewPublisher(js, pc, nil, log, time.Now)
	inserter := commit.NewInserter(w.bad.store(&client{w.warehouse, p}), objects, 64, log)
	var backs errgroup.Group
	ctx, fail := context.WithCancelCause(back)
	defer fail(nil)
	backs.Go(func() error { return inserter.Run(ctx) })
	for partition := range partitions {
		runner := commit.New(commit.Config{
			Partition: partition, Cell: cellName, Events: 12, Interval: 200 * time.Millisecond, CheckpointInterval: 3 * time.Second,
			Drain: 10 * time.Second, Options: func() engine.Options { return options },
		}, commit.Deps{
			Source: jetstream.NewSource(events, objects, log), Ends: w.bad.ends(commits), Checkpoints: w.bad.checkpoints(w, objects), Inserter: inserter,
			Usage: jetstream.NewUsage(js, cellName), Observer: p, Log: log, Now: time.Now,
		})
		backs.Go(func() error {
			w.sleep(time.Duration(1+partition) * time.Millisecond)
			err := runner.Run(ctx)
			if err != nil {
				fail(err)
			}
			return err
		})
	}
	w.mu.Lock()
	p.front, p.back = stopFront, stopBack
	if !p.dead {
		p.publisher = publisher
	}
	w.mu.Unlock()
	fronts := errgroup.Group{}
	fronts.Go(func() error { return publisher.Run(front) })
	defer context.AfterFunc(ctx, stopFront)()
	_ = fronts.Wait()
	stopBack()
	err = backs.Wait()
	if !p.alive() || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// The process is the runners' observer, as far as the log is trimmed.
func (p *process) Stepped([]engine.EventRow)                               {}
func (p *process) Committed(int, uint64, *engine.Outputs, time.Time, bool) {}

func (p *process) Checkpointed(ctx context.Context, _ int, through uint64, _ int) {
	_ = p.trimmer.Checkpointed(ctx, through) // the next one tries again
}

// halt stops a process cleanly and waits for its end.
func (w *world) halt(p *process) {
	w.mu.Lock()
	front := p.front
	w.mu.Unlock()
	if front != nil {
		front()
	}
	<-p.gone
}
