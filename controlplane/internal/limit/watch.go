package limit

import (
	"context"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Rounds is what the watcher asks of the store.
type Rounds interface {
	// TenantIDs lists every tenant.
	TenantIDs(ctx context.Context) ([]tenancy.ID, error)
	LimitState(ctx context.Context, id tenancy.ID, now time.Time) (State, error)
	// RecordCounts keeps what exists now as uses of the control plane.
	RecordCounts(ctx context.Context, state State, now time.Time) error
	// PutNotice keeps a notice and queues its e-mails, unless it is there already.
	PutNotice(ctx context.Context, id tenancy.ID, n Notice) error
	// EndOverrides takes away the overrides that are past their end, each with an entry in its tenant's audit log.
	EndOverrides(ctx context.Context, entry func(id tenancy.ID, name string) audit.Entry) (int, error)
	// PruneUses forgets what is older than Kept.
	PruneUses(ctx context.Context) error
}

// Watcher tells tenants that they near their limits, and ends overrides.
type Watcher struct {
	store Rounds
	every time.Duration
	log   *slog.Logger
	now   func() time.Time
}

// Every is how often a watcher looks at everybody; ends of overrides are looked for each second.
const Every = 30 * time.Second

// NewWatcher returns a watcher that looks at every tenant once in a time.
func NewWatcher(store Rounds, every time.Duration, log *slog.Logger, now func() time.Time) *Watcher {
	return &Watcher{store: store, every: every, log: log, now: now}
}

// Run watches until ctx is done. A round that fails is made up for by the next.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(min(time.Second, w.every))
	defer tick.Stop()
	var looked, pruned time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := w.now()
		_, err := w.store.EndOverrides(ctx, func(id tenancy.ID, name string) audit.Entry {
			e := audit.Of(ctx, tenancy.Principal{Tenant: id, Actor: audit.System}, now, "limit/"+name, nil)
			e.Action = "override expires"
			return e
		})
		w.warn(ctx, "cannot end overrides", err)
		if now.Sub(looked) >= w.every {
			looked = now
			w.warn(ctx, "cannot look at limits", w.look(ctx, now))
		}
		if now.Sub(pruned) >= time.Hour {
			pruned = now
			w.warn(ctx, "cannot forget old uses of limits", w.store.PruneUses(ctx))
		}
	}
}

func (w *Watcher) warn(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		w.log.WarnContext(ctx, what, slog.Any("error", err))
	}
}

func (w *Watcher) look(ctx context.Context, now time.Time) error {
	ids, err := w.store.TenantIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		state, err := w.store.LimitState(ctx, id, now)
		if err == nil {
			err = w.store.RecordCounts(ctx, state, now)
		}
		for _, n := range Due(state, now) {
			if err == nil {
				err = w.store.PutNotice(ctx, id, n)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// withinBurst is true of a second above a rate that the burst was there for: nothing was refused.
func (l Limit) withinBurst() bool {
	return l.Name == tenancy.LimitEventsPerSecond && l.Used > l.Maximum && l.Refused == 0
}

// Due returns the notices that a state calls for: the highest share that each limit has reached.
func Due(state State, now time.Time) (list []Notice) {
	for _, l := range Of(state) {
		if !l.Notices || !l.Counted || l.Unlimited() || l.withinBurst() || l.Override != nil && l.Override.SetBy == byBudget {
			continue
		}
		for _, percent := range []int{100, 80} {
			if l.Over(l.Used, l.Maximum, int64(percent)) {
				list = append(list, Notice{Limit: l.Name, Percent: percent, Used: l.Used, Maximum: l.Maximum, CreatedAt: now.UTC()})
				break
			}
		}
	}
	return list
}
