package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// look is how often a runner looks for what other processes began, and for what was put off.
	look = time.Second
	// retry is how long a job with trouble rests.
	retry = 2 * time.Second
	// turn is how long a job may go on before the next one has its turn and others may change the tenant's things.
	turn = 200 * time.Millisecond
	// ResultsLife is how long the results of a job wait for its owner.
	ResultsLife = 24 * time.Hour
)

// Queue hands out what there is to do.
type Queue interface {
	// WorkOnJob takes the job that is due for longest and calls do with its next items, each in a transaction of its own
	// within the batch's, as long as going says so. The batch, with what became of its items, is kept as a whole. An error
	// that failed says is the item's end is noted at the item; any other puts the job off until later. When no item is left
	// the job ends, and its results are kept until results. more is false when no job was due.
	WorkOnJob(ctx context.Context, w Work) (more bool, err error)
	// Jobs wakes the runner after this process began one.
	JobsBegan() <-chan struct{}
}

// Work is how a batch is done.
type Work struct {
	Now            time.Time
	Later, Results time.Time
	Going          func() bool
	// Do returns the sealed result.
	Do func(ctx context.Context, j Job, i Item) (sealed []byte, err error)
	// Failed says what to note at an item that failed, or false: the job is put off.
	Failed func(err error) (note string, final bool)
}

// Runner does jobs. Several processes may each have one.
type Runner struct {
	queue   Queue
	workers map[Kind]Worker
	sealer  Sealer
	log     *slog.Logger
	now     func() time.Time
}

// NewRunner returns a runner of these kinds.
func NewRunner(queue Queue, workers map[Kind]Worker, sealer Sealer, log *slog.Logger, now func() time.Time) *Runner {
	return &Runner{queue: queue, workers: workers, sealer: sealer, log: log, now: now}
}

// Run works until ctx is done. What was begun and not kept then is done by the next runner.
func (r *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		r.drain(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.queue.JobsBegan():
		}
	}
}

func (r *Runner) drain(ctx context.Context) {
	for ctx.Err() == nil {
		now := r.now()
		more, err := r.queue.WorkOnJob(ctx, Work{
			Now: now, Later: now.Add(retry), Results: now.Add(ResultsLife),
			Going: func() bool { return ctx.Err() == nil && r.now().Sub(now) < turn },
			Do:    r.do, Failed: r.failed,
		})
		if err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "cannot work on a job", slog.Any("error", err))
		}
		if err != nil || !more {
			return
		}
	}
}

func (r *Runner) do(ctx context.Context, j Job, i Item) (sealed []byte, err error) {
	w := r.workers[j.Kind]
	if w == nil {
		return nil, fmt.Errorf("jobs of kind %q are unknown to this program: %w", j.Kind, tenancy.ErrUnavailable)
	}
	defer func() {
		if p := recover(); p != nil {
			r.log.ErrorContext(ctx, "a job panicked", slog.String("job", j.ID), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = errInternal
		}
	}()
	ctx = tenancy.WithCall(tenancy.WithPrincipal(ctx, j.Principal), j.Call)
	result, err := w.Do(ctx, j, i)
	if err != nil || result == nil {
		return nil, err
	}
	return r.sealer.Seal(ctx, SealName(j.Principal.Tenant, j.ID, i.Number), result)
}

var errInternal = errors.New("internal error")

// failed is the policy: what the item itself is to blame for ends it, a part that is away ends the batch, and what nobody
// foresaw ends the item without a word about the inside.
func (r *Runner) failed(err error) (note string, end bool) {
	switch {
	case final(err):
		return sentence(err), true
	case errors.Is(err, tenancy.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "", false
	default:
		r.log.Error("an item of a job failed", slog.Any("error", err))
		return "an internal error, which is in the log of the control plane: try it again, or ask its operator", true
	}
}
