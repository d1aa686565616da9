package up

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/supervise"
)

// part is one thing that runs: a child process, or something inside this one.
type part struct {
	name string
	// start returns once the part is ready.
	start func(ctx context.Context) error
	// stop ends the part; it is called once, and only after start returned nil.
	stop func()
	// check returns nil while the part serves.
	check func(ctx context.Context) error
	// child is set for a child process.
	child *supervise.Child
}

// childPart is a part that is a supervised process. Further starts come before the process's own.
func childPart(child *supervise.Child) *part {
	return &part{
		name: child.Name(), start: child.Start, stop: child.Stop, child: child,
		check: func(context.Context) error {
			if s := child.Status(); s.State != supervise.StateReady {
				return fmt.Errorf("it is %s", s.State)
			}
			return nil
		},
	}
}

// tree is the parts that run, in the order in which they were started.
type tree struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	running []*part
}

// start starts a stage: its parts at the same time, for none needs another. On an error, what started stays for stop.
func (t *tree) start(ctx context.Context, stage ...*part) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make([]error, len(stage))
	started := make([]bool, len(stage))
	var wg sync.WaitGroup
	for i, p := range stage {
		wg.Go(func() {
			if errs[i] = p.start(ctx); errs[i] != nil {
				cancel(errs[i]) // the others need not be waited for
				return
			}
			started[i] = true
		})
	}
	wg.Wait()
	t.mu.Lock()
	for i, p := range stage {
		if started[i] {
			t.running = append(t.running, p)
		}
	}
	t.mu.Unlock()
	return firstCause(errs)
}

// firstCause prefers the error that made the others give up.
func firstCause(errs []error) error {
	var gaveUp error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		gaveUp = errors.Join(gaveUp, err)
	}
	return gaveUp
}

// stop ends all parts in reverse order of their start.
func (t *tree) stop() {
	t.mu.Lock()
	running := t.running
	t.running = nil
	t.mu.Unlock()
	for i := len(running) - 1; i >= 0; i-- {
		running[i].stop()
	}
}

// parts returns those that run now.
func (t *tree) parts() []*part {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*part(nil), t.running...)
}
