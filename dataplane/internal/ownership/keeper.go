package ownership

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// leaveTimeout bounds what a stop says to the others.
	leaveTimeout = 2 * time.Second
	// forgotten is how long a silent process is remembered.
	forgotten = 12 * Lease
)

// Config says who a keeper is and what for.
type Config struct {
	Self       Member
	Partitions int
	// Load is asked before each word to the others.
	Load func() Load
	// Work works on a partition until ctx is done; then it comes to an orderly end. It returns ErrTaken when it found that
	// somebody else has the partition. Any other error ends the keeper.
	Work func(ctx context.Context, partition int) error
}

// Keeper takes this process's share of the partitions and works on them. Run it once.
type Keeper struct {
	cfg      Config
	registry Registry
	log      *slog.Logger
	now      func() time.Time

	changes chan Change
	ended   chan ended

	mu      sync.Mutex
	members map[string]heard
	owners  map[int]owner
	held    map[int]*holding
	// newest is the registry's time of the newest word: by it a process that begins knows which words are old.
	newest time.Time
	// known: what was there at the start was told. said is when this process was heard last, surely, by all.
	known bool
	said  time.Time
	// since is from when on silence of others means something: this process can hear, and was not asleep itself.
	since time.Time
	// renewed is closed, and made anew, when this process is sure of its partitions again.
	renewed chan struct{}
}

// heard is a member with the time at which this process heard it last, and the registry's time of that word.
type heard struct {
	Member
	at, said time.Time
}

type owner struct {
	process  string
	revision uint64
}

// holding is a partition that this process has. Its lost is closed when somebody else has it.
type holding struct {
	stop context.CancelFunc
	// stopping: it is on its way back.
	stopping bool
	lost     chan struct{}
	revision uint64
}

func (h *holding) isLost() bool {
	select {
	case <-h.lost:
		return true
	default:
		return false
	}
}

type ended struct {
	partition int
	err       error
}

// NewKeeper returns a keeper, which does nothing before Run.
func NewKeeper(cfg Config, registry Registry, log *slog.Logger, now func() time.Time) *Keeper {
	return &Keeper{
		cfg: cfg, registry: registry, log: log, now: now, changes: make(chan Change, 64), ended: make(chan ended),
		members: map[string]heard{}, owners: map[int]owner{}, held: map[int]*holding{}, renewed: make(chan struct{}),
	}
}

// Held are the partitions that this process has.
func (k *Keeper) Held() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.held))
}

// Members are the processes that are there, this one included.
func (k *Keeper) Members() []Member {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.live(k.now())
}

// Hold waits until this process is sure to have the partition. It fails with ErrTaken when it has it no longer.
func (k *Keeper) Hold(ctx context.Context, partition int) error {
	for {
		k.mu.Lock()
		h, renewed := k.held[partition], k.renewed
		fresh := k.now().Sub(k.said) < sure
		k.mu.Unlock()
		switch {
		case h == nil || h.isLost():
			return ErrTaken
		case fresh:
			return nil
		}
		select {
		case <-renewed:
		case <-h.lost:
			return ErrTaken
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Run keeps this process's share until ctx is done; then it lets go of everything in an orderly way.
func (k *Keeper) Run(ctx context.Context) error {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	watched := make(chan error, 1)
	go func() {
		watched <- k.registry.Watch(watching, func(c Change) {
			select {
			case k.changes <- c:
			case <-watching.Done():
			}
		})
	}()
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	var failed error
	k.say(ctx)
	for ctx.Err() == nil && failed == nil {
		select {
		case <-ctx.Done():
		case failed = <-watched:
		case c := <-k.changes:
			k.note(c)
			if len(k.changes) == 0 {
				k.settle(ctx)
			}
		case e := <-k.ended:
			failed = k.over(context.WithoutCancel(ctx), e)
			k.settle(ctx)
		case <-tick.C:
			k.say(ctx)
			k.forget(ctx)
			k.settle(ctx)
		}
	}
	return errors.Join(failed, k.leave(context.WithoutCancel(ctx)))
}

// note takes over what the registry tells.
func (k *Keeper) note(c Change) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case c.Known:
		k.known = true
	case c.Member != nil && c.Left:
		delete(k.members, c.Member.Process)
	case c.Member != nil:
		k.hear(*c.Member, c.At)
	default:
		k.owners[c.Partition] = owner{c.Owner, c.Revision}
		if h := k.held[c.Partition]; h != nil && c.Revision > h.revision && c.Owner != k.cfg.Self.Process {
			k.lose(c.Partition, h)
		}
	}
}

// hear notes that a member is there. Of those at one place only the newest is: the others cannot be any more. The caller holds mu.
func (k *Keeper) hear(m Member, said time.Time) {
	if said.After(k.newest) {
		k.newest = said
	}
	if m.Process != k.cfg.Self.Process && m.Place == k.cfg.Self.Place && m.Started.Before(k.cfg.Self.Started) {
		return
	}
	for process, other := range k.members {
		switch {
		case process == m.Process || other.Place != m.Place:
		case other.Started.After(m.Started):
			return
		default:
			delete(k.members, process)
		}
	}
	k.members[m.Process] = heard{m, k.now(), said}
}

// say tells the others that this process is there, and makes sure of its partitions when it has not for long.
func (k *Keeper) say(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, Lease/2)
	defer cancel()
	begun := k.now()
	var load Load
	if k.cfg.Load != nil {
		load = k.cfg.Load()
	}
	k.mu.Lock()
	k.cfg.Self.Load = load
	m := k.cfg.Self
	k.mu.Unlock()
	if err := k.registry.Say(ctx, m); err != nil {
		if ctx.Err() == nil {
			k.log.WarnContext(ctx, "the other processes of the cell are not told that this one is there", slog.Any("error", err))
		}
		return
	}
	k.mu.Lock()
	slept := begun.Sub(k.said) >= sure
	if slept && !k.said.IsZero() {
		k.since = begun // what others said meanwhile may still be on its way
	} else {
		k.said = begun
	}
	k.mu.Unlock()
	if !slept || k.renew(ctx) {
		k.mu.Lock()
		k.said = begun
		close(k.renewed)
		k.renewed = make(chan struct{})
		k.mu.Unlock()
	}
}

// renew writes the entries of all partitions that this process has again, and loses those that somebody else changed.
func (k *Keeper) renew(ctx context.Context) bool {
	k.mu.Lock()
	held := maps.Clone(k.held)
	k.mu.Unlock()
	for partition, h := range held {
		revision, err := k.registry.Take(ctx, partition, k.cfg.Self.Process, h.revision)
		k.mu.Lock()
		switch {
		case err == nil:
			h.revision = revision
			k.owners[partition] = owner{k.cfg.Self.Process, revision}
		case errors.Is(err, ErrTaken):
			k.lose(partition, h)
		}
		k.mu.Unlock()
		if err != nil && !errors.Is(err, ErrTaken) {
			k.log.WarnContext(ctx, "not sure of a partition", slog.Int("partition", partition), slog.Any("error", err))
			return false
		}
	}
	return true
}

// lose stops work on a partition that somebody else has. The caller holds mu.
func (k *Keeper) lose(partition int, h *holding) {
	if h.isLost() {
		return
	}
	h.stopping = true
	close(h.lost)
	h.stop()
	k.log.Warn("partition lost to another process", slog.Int("partition", partition))
}

// live are the members that count now. The caller holds mu.
func (k *Keeper) live(now time.Time) []Member {
	list := []Member{k.cfg.Self}
	for _, m := range k.members {
		if m.Process != k.cfg.Self.Process && !k.silent(m, now) {
			list = append(list, m.Member)
		}
	}
	return list
}

// forget removes the entries of processes that are long gone.
func (k *Keeper) forget(ctx context.Context) {
	k.mu.Lock()
	var old []string
	for _, m := range k.members {
		if now := k.now(); now.Sub(m.at) > forgotten && now.Sub(k.since) > forgotten {
			old = append(old, m.Process)
		}
	}
	k.mu.Unlock()
	for _, process := range old {
		calling, cancel := context.WithTimeout(ctx, leaveTimeout)
		_ = k.registry.Leave(calling, process) // the next round tries again
		cancel()
	}
}

// settle lets go of what is above this process's share, and takes what is free below it.
func (k *Keeper) settle(ctx context.Context) {
	k.mu.Lock()
	now := k.now()
	if !k.known || !k.cfg.Self.Works || now.Sub(k.said) >= sure {
		k.mu.Unlock()
		return
	}
	live := map[string]bool{}
	working := slices.DeleteFunc(k.live(now), func(m Member) bool { return !m.Works })
	for _, m := range working {
		live[m.Process] = true
	}
	want := share(k.cfg.Partitions, working, k.cfg.Self.Process)
	have := 0
	for _, partition := range slices.Sorted(maps.Keys(k.held)) {
		h := k.held[partition]
		if h.stopping {
			continue
		}
		if have++; have > want {
			h.stopping = true
			h.stop()
			k.log.InfoContext(ctx, "giving a partition to another process", slog.Int("partition", partition))
		}
	}
	free := map[int]uint64{}
	for partition := range k.cfg.Partitions {
		o := k.owners[partition]
		unheard := !live[o.process] && (o.process == "" || k.gone(o.process, now))
		if k.held[partition] == nil && (unheard || o.process == k.cfg.Self.Process) {
			free[partition] = o.revision
		}
	}
	k.mu.Unlock()
	for _, partition := range slices.Sorted(maps.Keys(free)) {
		if have >= want {
			return
		}
		if k.take(ctx, partition, free[partition]) {
			have++
		}
	}
}

// gone reports whether an owner can be taken for gone: it was silent for as long as this process can hear. The caller holds mu.
func (k *Keeper) gone(process string, now time.Time) bool {
	m, known := k.members[process]
	if !known {
		return true // its entry is not there: it left, was forgotten, or had this process's place
	}
	return k.silent(m, now)
}

// silent reports whether a member was not heard for as long as this process can hear. The caller holds mu.
func (k *Keeper) silent(m heard, now time.Time) bool {
	return now.Sub(k.since) >= Lease && (now.Sub(m.at) >= Lease || k.newest.Sub(m.said) >= Lease)
}

// take makes a partition this process's and begins to work on it.
func (k *Keeper) take(ctx context.Context, partition int, revision uint64) bool {
	calling, cancel := context.WithTimeout(ctx, Lease/2)
	defer cancel()
	revision, err := k.registry.Take(calling, partition, k.cfg.Self.Process, revision)
	if err != nil {
		if !errors.Is(err, ErrTaken) && ctx.Err() == nil {
			k.log.WarnContext(ctx, "partition not taken", slog.Int("partition", partition), slog.Any("error", err))
		}
		return false
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	h := &holding{stop: stop, lost: make(chan struct{}), revision: revision}
	k.mu.Lock()
	k.owners[partition] = owner{k.cfg.Self.Process, revision}
	k.held[partition] = h
	k.mu.Unlock()
	k.log.InfoContext(ctx, "partition taken", slog.Int("partition", partition))
	go func() { k.ended <- ended{partition, k.cfg.Work(working, partition)} }()
	return true
}

// over frees a partition that work has ended on.
func (k *Keeper) over(ctx context.Context, e ended) error {
	k.mu.Lock()
	h := k.held[e.partition]
	delete(k.held, e.partition)
	k.mu.Unlock()
	h.stop()
	if h.isLost() {
		return nil // whatever it ended with, it is somebody else's now
	}
	if e.err != nil && !errors.Is(e.err, ErrTaken) {
		return e.err
	}
	calling, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	revision, err := k.registry.Take(calling, e.partition, "", h.revision)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.owners[e.partition] = owner{"", revision}
	case !errors.Is(err, ErrTaken):
		k.log.WarnContext(ctx, "partition not given back, others take it when the lease is over", slog.Int("partition", e.partition), slog.Any("error", err))
	}
	return nil
}

// leave ends all work and tells the others.
func (k *Keeper) leave(ctx context.Context) error {
	k.mu.Lock()
	k.cfg.Self.Works = false
	left := len(k.held)
	for _, h := range k.held {
		h.stopping = true
		h.stop()
	}
	k.mu.Unlock()
	k.say(ctx) // so that the others divide without this one
	var errs []error
	alive := time.NewTicker(Interval)
	defer alive.Stop()
	for left > 0 {
		select {
		case e := <-k.ended:
			errs = append(errs, k.over(ctx, e))
			left--
		case c := <-k.changes:
			k.note(c)
		case <-alive.C:
			k.say(ctx)
		}
	}
	calling, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := k.registry.Leave(calling, k.cfg.Self.Process); err != nil {
		k.log.WarnContext(ctx, "the others are not told that this process leaves", slog.Any("error", err))
	}
	return errors.Join(errs...)
}
