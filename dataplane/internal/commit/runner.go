// Package commit runs a partition: it feeds the log to the engine, cuts it into ranges, stores what follows from each
// range exactly once, and keeps checkpoints. The composition root starts one Runner a partition.
package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Source is a partition's log.
type Source interface {
	// ID tells this log from any other of the same name.
	ID() string
	// Follow delivers frames after a sequence in order, without end, until ctx is done or deliver fails.
	Follow(ctx context.Context, partition int, after uint64, deliver func(engine.Frame) error) error
}

// Ends records where the log was cut, and which checkpoint counts. Only the process that loaded last may save.
type Ends interface {
	Load(ctx context.Context, partition int) (checkpoint uint64, ends []uint64, err error)
	Save(ctx context.Context, partition int, checkpoint uint64, ends []uint64) error
}

// Checkpoints keeps snapshots, each by the position it was taken at. The one that counts is the one that Ends names: what a
// process stores that has lost the partition without knowing is never looked at.
type Checkpoints interface {
	// LoadCheckpoint returns nil when there is none.
	LoadCheckpoint(ctx context.Context, partition int, position uint64) ([]byte, error)
	SaveCheckpoint(ctx context.Context, partition int, position uint64, data []byte) error
	DropCheckpoint(ctx context.Context, partition int, position uint64) error
	// SweepCheckpoints drops those of the partition below a position.
	SweepCheckpoints(ctx context.Context, partition int, below uint64) error
}

// Usage takes totals.
type Usage interface {
	Publish(ctx context.Context, partition int, totals []engine.Total) error
}

// Observer sees what happens; every method returns at once.
type Observer interface {
	// Stepped is called after each frame with the tenant rows it added, before they are stored.
	Stepped(rows []engine.EventRow)
	// Committed is called when a range is stored, up to a sequence; oldest is the log's time of its first frame. A repeated range
	// was cut by an earlier run already.
	Committed(partition int, through uint64, out *engine.Outputs, oldest time.Time, repeated bool)
	// Checkpointed is called when everything up to through is stored and never needed from the log again, by any process.
	Checkpointed(ctx context.Context, partition int, through uint64, bytes int)
}

// Config bounds a runner.
type Config struct {
	Partition int
	Cell      string
	// Events and Interval bound a range: whichever comes first. After a pause a range is cut at once.
	Events             int
	Interval           time.Duration
	CheckpointInterval time.Duration
	// Drain is how long a stop waits for what is in flight; 0 means 10 seconds.
	Drain time.Duration
	// Options are those that are wanted now; they are asked for at every cut and must not wait.
	Options func() engine.Options
}

// Deps are what a runner works with.
type Deps struct {
	Source      Source
	Ends        Ends
	Checkpoints Checkpoints
	Inserter    *Inserter
	Usage       Usage
	Observer    Observer
	Log         *slog.Logger
	Now         func() time.Time
	// Hold waits until this process is sure to have the partition; nil: nobody else can have it. A process that slept may
	// find that it has not: then it fails with ErrFenced.
	Hold func(ctx context.Context) error
	// Stepping is told how long the engine took over a frame; nil: nobody wants to know.
	Stepping func(took time.Duration)
}

const (
	// inFlight is how many ranges are being inserted while the next one fills.
	inFlight = 2
	// ahead is how many decoded frames wait for the engine.
	ahead = 32
	// usageInterval is the least time between two publications of totals.
	usageInterval = time.Second
	// lateInterval is the interval of a range that holds nothing but what devices catch up with: an insert costs the store the same
	// whether it has a hundred rows or a hundred thousand, and nobody waits for these.
	lateInterval = time.Second
	// tenantInterval is what a range lasts for each tenant in it: an insert costs the store some 8 ms of processor time and 15
	// synced files, however few its rows, and each tenant has one of its own.
	tenantInterval = 50 * time.Millisecond
	// maxInterval is how far many tenants or a slow store may stretch the interval.
	maxInterval = 500 * time.Millisecond
	// checkpointRate is how many bytes of checkpoints are stored in a second: what syncs them holds up acknowledgements.
	checkpointRate = 2 << 20
	// drainTimeout is how long a stop waits for what is in flight.
	drainTimeout = 10 * time.Second
	retryWait    = 500 * time.Millisecond
)

// Runner works one partition. Run it once.
type Runner struct {
	cfg  Config
	deps Deps
	// prefix begins every token.
	prefix string

	state *engine.State
	// recorded are ends that an earlier run recorded and that are cut again.
	recorded []uint64
	// ends are those since the last checkpoint that is stored.
	ends []uint64
	from uint64
	out  *engine.Outputs
	// live: the open range has events that are not late.
	live bool
	// first is the log's time of the open range's first frame.
	first     int64
	lastCut   time.Time
	lastPoint time.Time
	lastUsage time.Time

	slots chan struct{}
	jobs  chan *job
	retry time.Duration
	// named is the checkpoint that the ends name; cut's own.
	named uint64
	// stored is the newest checkpoint, published the version of the newest totals at the ledger, spent a smoothed
	// duration of a range's inserts.
	stored    atomic.Uint64
	published atomic.Uint64
	spent     atomic.Int64
	// bytes is the size of the newest checkpoint.
	bytes atomic.Int64

	mu sync.Mutex
	// firsts are the log's times of the first frames of the ranges that are open or not stored yet.
	firsts []int64
}

// Waiting is the log's time of the oldest frame that was read and whose rows are not stored yet; ok is false when there is none.
func (r *Runner) Waiting() (oldest time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.firsts) == 0 {
		return time.Time{}, false
	}
	return time.Unix(0, r.firsts[0]), true
}

// job is one range on its way to the store.
type job struct {
	out     *engine.Outputs
	through uint64
	oldest  time.Time
	// repeated: an earlier run cut it.
	repeated bool
	// snapshot is nil when the range ends without a checkpoint; saved is closed when it is stored.
	snapshot []byte
	saved    chan struct{}
	// adopted is the checkpoint that the ends name from this range on, instead of superseded; 0: no other than before.
	adopted, superseded uint64
	totals              []engine.Total
	usageTo             uint64
	done                chan error
}

// New returns a runner.
func New(cfg Config, deps Deps) *Runner {
	if cfg.Drain == 0 {
		cfg.Drain = drainTimeout
	}
	return &Runner{cfg: cfg, deps: deps, slots: make(chan struct{}, inFlight), jobs: make(chan *job, inFlight), retry: retryWait}
}

// Run recovers, then works until ctx is done; then it stores what is in flight and a last checkpoint.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.recover(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it was told to stop
		}
		return err
	}
	frames := make(chan engine.Frame, ahead)
	// work outlives ctx by the drain.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(r.cfg.Drain, cancel) })()
	g, gctx := errgroup.WithContext(work)
	follow, stopFollow := context.WithCancel(gctx)
	defer context.AfterFunc(ctx, stopFollow)()
	g.Go(func() error {
		defer close(frames)
		err := r.deps.Source.Follow(follow, r.cfg.Partition, r.state.Position(), func(f engine.Frame) error {
			select {
			case frames <- f:
				return nil
			case <-follow.Done():
				return follow.Err()
			}
		})
		if ctx.Err() != nil || errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	g.Go(func() error {
		defer close(r.jobs)
		return r.step(gctx, frames)
	})
	g.Go(func() error { return r.finish(gctx) })
	err := g.Wait()
	stopFollow()
	if err == nil && ctx.Err() != nil {
		err = r.adoptLast(work)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("partition %d: %w", r.cfg.Partition, err)
	}
	return nil
}

// adoptLast makes the last checkpoint of a clean stop the one that counts, so that the next owner repeats nothing.
func (r *Runner) adoptLast(ctx context.Context) error {
	stored, named := r.stored.Load(), r.named
	if stored <= named {
		return nil
	}
	r.ends = slices.DeleteFunc(r.ends, func(end uint64) bool { return end <= stored })
	if err := r.record(ctx, stored); err != nil {
		return err
	}
	return r.deps.Checkpoints.DropCheckpoint(ctx, r.cfg.Partition, named)
}

// recover loads the checkpoint and the ends that were recorded after it.
func (r *Runner) recover(ctx context.Context) error {
	covered, ends, err := r.deps.Ends.Load(ctx, r.cfg.Partition)
	if err != nil {
		return err
	}
	r.named = covered
	data, err := r.deps.Checkpoints.LoadCheckpoint(ctx, r.cfg.Partition, covered)
	if err != nil {
		return err
	}
	r.state = engine.New(r.cfg.Options())
	id := r.deps.Source.ID()
	if data == nil && len(ends) == 0 {
		// The first ranges, too, are repeated under the options of the first time.
		first := r.state.Encode(appendID(nil, id))
		if err := r.persist(ctx, "first checkpoint", func() error {
			return r.deps.Checkpoints.SaveCheckpoint(ctx, r.cfg.Partition, 0, first)
		}); err != nil {
			return err
		}
	}
	if data != nil {
		kept, snapshot, ok := cutID(data)
		if !ok {
			return fmt.Errorf("checkpoint of partition %d: no log id: %w", r.cfg.Partition, engine.ErrSnapshot)
		}
		if kept != id {
			return fmt.Errorf("checkpoint of partition %d belongs to log %s, the log is %s: restore the log or delete the checkpoints",
				r.cfg.Partition, kept, id)
		}
		if r.state, err = engine.Decode(snapshot); err != nil {
			return fmt.Errorf("checkpoint %d of partition %d: %w: restore it from a backup; the log holds what came after it", covered, r.cfg.Partition, err)
		}
	}
	if covered > r.state.Position() {
		return fmt.Errorf("commits of partition %d begin after %d, its checkpoint ends at %d: restore the checkpoint",
			r.cfg.Partition, covered, r.state.Position())
	}
	if err := r.deps.Checkpoints.SweepCheckpoints(ctx, r.cfg.Partition, covered); err != nil {
		return err
	}
	r.stored.Store(r.state.Position())
	r.from = r.state.Position() + 1
	for _, end := range ends {
		if end > r.state.Position() {
			r.recorded = append(r.recorded, end)
		}
	}
	r.ends = slices.Clone(r.recorded)
	r.prefix = fmt.Sprintf("%s/%s/%d", r.cfg.Cell, id, r.cfg.Partition)
	r.out = &engine.Outputs{}
	r.lastPoint = r.deps.Now()
	r.deps.Log.InfoContext(ctx, "partition recovered", slog.Int("partition", r.cfg.Partition),
		slog.Uint64("position", r.state.Position()), slog.Int("ranges_to_repeat", len(r.recorded)), slog.Int("devices", r.state.Devices()))
	return nil
}

// wait is how long the open range may still grow.
func (r *Runner) wait() time.Duration {
	stretched := max(3*time.Duration(r.spent.Load()), time.Duration(len(r.out.Tenants))*tenantInterval)
	interval := max(r.cfg.Interval, min(stretched, maxInterval))
	if !r.live {
		interval = max(interval, lateInterval)
	}
	return interval - r.deps.Now().Sub(r.lastCut)
}

// take steps one frame, and cuts where an earlier run did.
func (r *Runner) take(ctx context.Context, f engine.Frame) error {
	if f.Sequence <= r.state.Position() {
		return nil
	}
	replaying := len(r.recorded) > 0
	if replaying && f.Sequence > r.recorded[0] {
		return fmt.Errorf("the log has no sequence %d where it was cut, the next is %d: it lost frames", r.recorded[0], f.Sequence)
	}
	if r.out.Frames == 0 {
		r.first = f.Time
		r.mu.Lock()
		r.firsts = append(r.firsts, f.Time)
		r.mu.Unlock()
	}
	r.live = r.live || len(f.Events) > 0 && !telemetry.Late(f.Events)
	before := make([]int, len(r.out.Tenants))
	for i, rows := range r.out.Tenants {
		before[i] = len(rows.Events)
	}
	if r.deps.Stepping == nil {
		r.state.Step(f, r.out)
	} else {
		start := r.deps.Now()
		r.state.Step(f, r.out)
		r.deps.Stepping(r.deps.Now().Sub(start))
	}
	if !replaying {
		for i, rows := range r.out.Tenants {
			from := 0
			if i < len(before) {
				from = before[i]
			}
			if from < len(rows.Events) {
				r.deps.Observer.Stepped(rows.Events[from:])
			}
		}
		return nil
	}
	if f.Sequence == r.recorded[0] {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		r.recorded = r.recorded[1:]
		return r.cut(ctx, true)
	}
	return nil
}

// drain cuts what is open, sends the last totals and stores a last checkpoint.
func (r *Runner) drain(ctx context.Context) error {
	position := r.state.Position()
	if len(r.recorded) > 0 || position == r.stored.Load() && position == r.published.Load() {
		return nil
	}
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.lastPoint, r.lastUsage = time.Time{}, time.Time{}
	return r.cut(ctx, false)
}

// cut ends the open range, records its end and hands it to the inserts. The caller took a slot.
func (r *Runner) cut(ctx context.Context, repeated bool) error {
	out, through, now := r.out, r.state.Position(), r.deps.Now()
	r.out, r.live, r.lastCut = &engine.Outputs{}, false, now
	j := &job{out: out, through: through, oldest: time.Unix(0, r.first), repeated: repeated, done: make(chan error, 1), saved: make(chan struct{})}
	if !repeated && out.Frames > 0 {
		stored := r.stored.Load()
		r.ends = append(slices.DeleteFunc(r.ends, func(end uint64) bool { return end <= stored }), through)
		if err := r.record(ctx, stored); err != nil {
			return err
		}
		if stored > r.named {
			j.adopted, j.superseded, r.named = stored, r.named, stored
		}
	}
	if len(out.Totals) > 0 || now.Sub(r.lastUsage) >= usageInterval {
		r.lastUsage = now
		j.totals, j.usageTo = slices.Concat(out.Totals, r.state.Usage(r.published.Load())), through
	}
	options := r.cfg.Options()
	changed := len(r.recorded) == 0 && !r.state.Options().Equal(options)
	if changed {
		r.state.SetOptions(options)
	}
	if changed || len(r.recorded) == 0 && now.Sub(r.lastPoint) >= r.cfg.CheckpointInterval {
		r.checkpoint(j, now)
	}
	work := Range{Partition: r.cfg.Partition, From: r.from, To: through, Prefix: r.prefix, Repeated: repeated, hold: r.deps.Hold}
	r.from = through + 1
	go func() { // finish waits for it
		start := r.deps.Now()
		err := r.deps.Inserter.Insert(ctx, work, out.Tenants)
		if took := int64(r.deps.Now().Sub(start)); err == nil && !out.Empty() {
			r.spent.Store((3*r.spent.Load() + took) / 4)
		}
		j.done <- err
	}()
	r.jobs <- j // never blocks: a slot was taken
	if !changed {
		return nil
	}
	// A crash before this checkpoint repeats from an older one under the old options: no frame before it is stored.
	select {
	case <-j.saved:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Runner) checkpoint(j *job, now time.Time) {
	start := r.deps.Now()
	j.snapshot = r.state.Encode(appendID(nil, r.deps.Source.ID()))
	// A large state is stored less often: at most a twentieth of the time goes into encoding it.
	r.lastPoint = now.Add(20*r.deps.Now().Sub(start) + time.Duration(len(j.snapshot))*time.Second/checkpointRate)
}

// record saves the ends and does not give up while NATS is away.
func (r *Runner) record(ctx context.Context, stored uint64) error {
	return r.persist(ctx, "record range", func() error { return r.deps.Ends.Save(ctx, r.cfg.Partition, stored, r.ends) })
}

func (r *Runner) persist(ctx context.Context, what string, try func() error) error {
	for {
		err := try()
		if err == nil || permanent(err) || ctx.Err() != nil {
			return err
		}
		r.deps.Log.WarnContext(ctx, what+" not stored, trying again", slog.Int("partition", r.cfg.Partition), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.retry):
		}
	}
}

// finish completes ranges in order: totals and checkpoints follow what they cover.
func (r *Runner) finish(ctx context.Context) error {
	for j := range r.jobs {
		var err error
		select {
		case err = <-j.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
		<-r.slots
		if err != nil {
			return err
		}
		if j.out.Frames > 0 {
			r.mu.Lock()
			r.firsts = r.firsts[1:]
			r.mu.Unlock()
		}
		r.deps.Observer.Committed(r.cfg.Partition, j.through, j.out, j.oldest, j.repeated)
		if j.adopted > 0 {
			r.supersede(ctx, j)
		}
		if err := r.publish(ctx, j); err != nil {
			return err
		}
		if j.snapshot == nil {
			continue
		}
		if err := r.persist(ctx, "checkpoint", func() error {
			return r.deps.Checkpoints.SaveCheckpoint(ctx, r.cfg.Partition, j.through, j.snapshot)
		}); err != nil {
			return err
		}
		r.stored.Store(j.through)
		r.bytes.Store(int64(len(j.snapshot)))
		close(j.saved)
	}
	return nil
}

// publish sends a range's totals. They are absolute: after a failure the next publication has all that changed since the
// last that arrived, except what the state forgot, which is sent until it arrives.
func (r *Runner) publish(ctx context.Context, j *job) error {
	if len(j.totals) == 0 {
		return nil
	}
	try := func() error { return r.deps.Usage.Publish(ctx, r.cfg.Partition, j.totals) }
	if len(j.out.Totals) > 0 {
		if err := r.persist(ctx, "usage totals", try); err != nil {
			return err
		}
	} else if err := try(); err != nil {
		r.deps.Log.WarnContext(ctx, "usage totals not published", slog.Int("partition", r.cfg.Partition), slog.Any("error", err))
		return nil
	}
	r.published.Store(j.usageTo)
	return nil
}

// supersede drops the checkpoint before the one that counts now, which the log is not needed for any more.
func (r *Runner) supersede(ctx context.Context, j *job) {
	if err := r.deps.Checkpoints.DropCheckpoint(ctx, r.cfg.Partition, j.superseded); err != nil && ctx.Err() == nil {
		r.deps.Log.WarnContext(ctx, "old checkpoint not dropped, the next start does it", slog.Int("partition", r.cfg.Partition), slog.Any("error", err))
	}
	r.deps.Observer.Checkpointed(ctx, r.cfg.Partition, j.adopted, int(r.bytes.Load()))
}

// permanent says that trying again cannot help.
func permanent(err error) bool { return errors.Is(err, ErrFenced) }

// ErrFenced says that another process took the partition over; this one must stop.
var ErrFenced = fmt.Errorf("another process works on this partition: %w", tenancy.ErrConflict)

// appendID begins a checkpoint with the id of the log that it belongs to.
func appendID(buf []byte, id string) []byte { return append(append(buf, byte(len(id))), id...) }

func cutID(data []byte) (id string, rest []byte, ok bool) {
	if len(data) == 0 || len(data) < 1+int(data[0]) {
		return "", nil, false
	}
	return string(data[1 : 1+data[0]]), data[1+data[0]:], true
}
