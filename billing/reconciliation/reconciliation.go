// Package reconciliation is the noun of what is stored, what was counted and what is billed being the same, hour by hour. A job holds
// the ledger against the cells' notes, all the time. The control plane runs it; it imports no vendor and no generated code.
package reconciliation

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/tenancy"
)

// Note is what a cell found of a meter of a partition's hour: what it had counted, up to which version, and what was stored.
type Note struct {
	Tenant                   tenancy.ID
	Cell                     string
	Partition                uint32
	Hour                     time.Time
	Meter                    billing.Meter
	Version, Counted, Stored uint64
	At                       time.Time
}

// Kind says what is not the same.
type Kind string

// The kinds.
const (
	// Rows: the cell counted otherwise than it stored.
	Rows Kind = "rows"
	// Ledger: the ledger has another total than the cell counted.
	Ledger Kind = "ledger"
	// Unnoted: the ledger has a total of a partition of which the cell noted nothing, though it noted others of that hour.
	Unnoted Kind = "unnoted"
	// Sum: accepted is not events, duplicates and dead letters together.
	Sum Kind = "sum"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Rows, Ledger, Unnoted, Sum} }

// Mismatch is a difference. Of a sum, Counted is what was accepted and Ledger what the others come to.
type Mismatch struct {
	Tenant                  tenancy.ID
	Cell                    string
	Partition               uint32
	Hour                    time.Time
	Meter                   billing.Meter
	Kind                    Kind
	Ledger, Counted, Stored uint64
	FoundAt                 time.Time
	// ResolvedAt is zero while it is open.
	ResolvedAt time.Time
}

// Store compares and remembers.
type Store interface {
	// Tenants are all that live somewhere.
	Tenants(ctx context.Context) ([]tenancy.ID, error)
	// Reconcile compares a tenant's hours from since on, remembers what differs, resolves what no longer does, and returns what is new.
	Reconcile(ctx context.Context, id tenancy.ID, since, now time.Time) (found []Mismatch, err error)
	// OpenMismatches counts those that are open, by kind.
	OpenMismatches(ctx context.Context) (map[Kind]int, error)
}

const (
	// Reach is how far back hours are compared: a month that is being closed, and its grace.
	Reach = 35 * 24 * time.Hour
	// every is how often all tenants are compared at most, rest how many times the duration of one comparison passes before the next.
	every = time.Minute
	rest  = 4
)

// Job compares all tenants in turn.
type Job struct {
	store Store
	// told hears of every difference that is new.
	told func(ctx context.Context, m Mismatch) error
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex
	open   map[Kind]int
	sweeps uint64
}

// NewJob returns a job, which does nothing before Run.
func NewJob(store Store, told func(context.Context, Mismatch) error, log *slog.Logger, now func() time.Time) *Job {
	return &Job{store: store, told: told, log: log, now: now, open: map[Kind]int{}}
}

// Run compares until ctx is done.
func (j *Job) Run(ctx context.Context) error {
	for {
		begun := j.now()
		if err := j.Sweep(ctx); err != nil && ctx.Err() == nil {
			j.log.WarnContext(ctx, "usage not reconciled, the next round tries again", slog.Any("error", err))
		}
		if !wait(ctx, max(time.Second, every-j.now().Sub(begun))) {
			return nil
		}
	}
}

// Sweep compares every tenant once.
func (j *Job) Sweep(ctx context.Context) error {
	tenants, err := j.store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, id := range tenants {
		begun := j.now()
		found, err := j.store.Reconcile(ctx, id, begun.Add(-Reach), begun)
		if err != nil {
			return err
		}
		for _, m := range found {
			j.log.ErrorContext(ctx, "usage does not reconcile", slog.String("tenant", string(id)), slog.String("kind", string(m.Kind)),
				slog.Time("hour", m.Hour), slog.String("cell", m.Cell), slog.Uint64("partition", uint64(m.Partition)), slog.String("meter", string(m.Meter)),
				slog.Uint64("ledger", m.Ledger), slog.Uint64("counted", m.Counted), slog.Uint64("stored", m.Stored))
			if err := j.told(ctx, m); err != nil {
				return err
			}
		}
		if !wait(ctx, rest*j.now().Sub(begun)) {
			return nil
		}
	}
	open, err := j.store.OpenMismatches(ctx)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = open
	j.sweeps++
	return nil
}

// Open counts the differences that are open, by kind, as of the last sweep, and how many sweeps there were.
func (j *Job) Open() (open map[Kind]int, sweeps uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.open, j.sweeps
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
