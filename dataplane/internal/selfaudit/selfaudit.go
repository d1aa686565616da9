// Package selfaudit holds a cell against its own promise, all the time and at low priority: windows against a recount of
// the stored events, usage totals against the number of rows. The composition root runs it.
package selfaudit

import (
	"context"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// settle is how long after its receipt an event's windows and totals are stored, at the latest.
	settle = 90 * time.Second
	// again is how long a difference must last to be believed.
	again = 30 * time.Second
	// history is how far back a start begins, chunk how much is compared at once.
	history = time.Hour
	chunk   = 10 * time.Minute
	// rest is how many times the duration of a recount passes before the next: a twentieth of one core at most.
	rest = 19
	// pause is the least time between two recounts.
	pause = time.Second
)

// Recounter computes again what is stored.
type Recounter interface {
	Recount(ctx context.Context, tenant tenancy.ID, from, to time.Time) (query.Recounted, error)
	// HourCounts counts only what came through the given partitions of the log.
	HourCounts(ctx context.Context, tenant tenancy.ID, partitions []int, from, to time.Time) ([]query.HourCount, error)
}

// Tenants lists those that the cell serves.
type Tenants interface{ Tenants() []tenancy.ID }

// Observer is told what was found; every method returns at once.
type Observer interface {
	Windows(compared, different uint64)
	Hours(compared, different uint64)
	// Failed is told of a comparison that could not be made.
	Failed()
}

// Deps are what an auditor works with.
type Deps struct {
	Recounter Recounter
	Tenants   Tenants
	Totals    *Totals
	Notes     Notes
	// Whole is from when on nothing that the tenant sent was removed for its age.
	Whole func(tenancy.ID) time.Time
	// Leads reports whether this process compares the windows, as one of a cell's does; each compares the usage of its own partitions.
	Leads    func() bool
	Observer Observer
	Log      *slog.Logger
	Now      func() time.Time
}

// Auditor goes through the tenants in turn. Run it once.
type Auditor struct {
	deps Deps
	// through is up to when a tenant's windows were compared.
	through map[tenancy.ID]time.Time
	// led: this process compared windows before. Since is from when on it does.
	led   bool
	since time.Time
	// failing are the tenants whose last comparison could not be made.
	failing map[tenancy.ID]bool
	// spent is how long the last tenant's recounts took.
	spent time.Duration
}

// New returns an auditor, which does nothing before Run.
func New(deps Deps) *Auditor {
	return &Auditor{deps: deps, through: map[tenancy.ID]time.Time{}, failing: map[tenancy.ID]bool{}}
}

// Run compares until ctx is done.
func (a *Auditor) Run(ctx context.Context) error {
	for wait(ctx, pause) {
		for _, tenant := range a.deps.Tenants.Tenants() {
			a.spent = 0
			err := a.audit(ctx, tenant)
			if err != nil && ctx.Err() == nil {
				a.deps.Observer.Failed()
				if !a.failing[tenant] { // once for each outage
					a.deps.Log.WarnContext(ctx, "recount not possible now", slog.String("tenant", string(tenant)), slog.Any("error", err))
				}
			}
			a.failing[tenant] = err != nil
			if !wait(ctx, rest*a.spent) {
				break
			}
		}
	}
	return nil
}

// audit compares the tenant's next chunk, and the hours whose usage changed, when they are settled.
func (a *Auditor) audit(ctx context.Context, tenant tenancy.ID) error {
	settled := a.deps.Now().Add(-settle)
	if err := a.auditWindows(ctx, tenant, settled); err != nil {
		return err
	}
	return a.auditUsage(ctx, tenant, settled)
}

// auditWindows compares the next chunk while this process leads; who begins to lead begins an hour back.
func (a *Auditor) auditWindows(ctx context.Context, tenant tenancy.ID, settled time.Time) error {
	leads := a.deps.Leads()
	if leads && !a.led {
		a.since = a.deps.Now()
		clear(a.through)
	}
	if a.led = leads; !leads {
		return nil
	}
	from, ok := a.through[tenant]
	if !ok {
		from = a.since.Add(-history)
	}
	to := from.Add(chunk)
	if to.After(settled) {
		return nil
	}
	if err := a.windows(ctx, tenant, from, to); err != nil {
		return err
	}
	a.through[tenant] = to
	return nil
}

func (a *Auditor) windows(ctx context.Context, tenant tenancy.ID, from, to time.Time) error {
	r, err := a.recount(ctx, tenant, from, to)
	if err == nil && r.Different > 0 && wait(ctx, again) {
		r, err = a.recount(ctx, tenant, from, to)
	}
	if err != nil {
		return err
	}
	a.deps.Observer.Windows(r.Windows, r.Different)
	if r.Different > 0 {
		d := r.Examples[0]
		a.deps.Log.ErrorContext(ctx, "stored windows differ from their events", slog.String("tenant", string(tenant)),
			slog.Uint64("different", r.Different), slog.Uint64("windows", r.Windows), slog.String("device", d.Device),
			slog.String("measurement", d.Measurement), slog.Time("start", d.Start))
	}
	return nil
}

func (a *Auditor) recount(ctx context.Context, tenant tenancy.ID, from, to time.Time) (query.Recounted, error) {
	start := a.deps.Now()
	defer func() { a.spent += a.deps.Now().Sub(start) }()
	return a.deps.Recounter.Recount(ctx, tenant, from, to)
}

// wait reports whether d passed before ctx was done.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
