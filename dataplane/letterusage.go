package dataplane

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// letterInterval is the least time between two counts of a tenant's letters.
	letterInterval = time.Second
	// restTimes is how much longer than a count the rest after it is.
	restTimes = 20
	// letterHistory is how far back is counted again: what was stored and not counted before a crash is younger.
	letterHistory = 24 * time.Hour
)

// letterUsage counts the gateway's dead letters where they are stored, as absolute totals: what is sent is a function of the
// rows, so that a crash between storing and sending loses nothing. The version is the highest place of those rows.
type letterUsage struct {
	store interface {
		CountDeadLetters(ctx context.Context, tenant tenancy.ID, source string, since time.Time) ([]clickhouse.LetterCount, error)
	}
	usage interface {
		Publish(ctx context.Context, partition int, totals []engine.Total) error
	}
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	dirty map[tenancy.ID]bool
	// rest is until when a tenant is not counted again; run's own.
	rest map[tenancy.ID]time.Time
}

// changed counts every tenant once after a start.
func (l *letterUsage) changed(c catalog.Change) {
	if c.Device == "" {
		l.stored(c.Tenant)
	}
}

// all counts every tenant once: another process may have stored letters and not counted them.
func (l *letterUsage) all(tenants []catalog.Tenant) {
	for _, t := range tenants {
		l.stored(t.ID)
	}
}

// stored says that a letter of the tenant was stored.
func (l *letterUsage) stored(tenant tenancy.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty[tenant] = true
}

func (l *letterUsage) take() map[tenancy.ID]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	dirty := l.dirty
	l.dirty = map[tenancy.ID]bool{}
	return dirty
}

// run sends totals until ctx is done. What could not be counted or sent stays dirty.
func (l *letterUsage) run(ctx context.Context) error {
	ticker := time.NewTicker(letterInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for tenant := range l.take() {
			begun := l.now()
			if begun.Before(l.rest[tenant]) {
				l.stored(tenant)
				continue
			}
			err := l.send(ctx, tenant)
			// Who has many letters is counted less often: at most a twentieth of the time goes into it.
			took := l.now().Sub(begun)
			l.rest[tenant] = begun.Add(restTimes * took)
			if err == nil || clickhouse.NotProvisioned(err) || ctx.Err() != nil {
				continue // without tables there are no letters: not yet, or not any more
			}
			l.log.WarnContext(ctx, "dead letters not counted, trying again", slog.String("tenant", string(tenant)), slog.Any("error", err))
			l.stored(tenant)
		}
	}
}

func (l *letterUsage) send(ctx context.Context, tenant tenancy.ID) error {
	counts, err := l.store.CountDeadLetters(ctx, tenant, clickhouse.SourceGateway, l.now().Add(-letterHistory))
	if err != nil {
		return err
	}
	totals := make([]engine.Total, 0, len(counts))
	for _, c := range counts {
		totals = append(totals, engine.Total{Tenant: tenant, Hour: c.Hour, Version: c.Sequence, Values: engine.DeadLetterTotal(c.Count)})
	}
	return l.usage.Publish(ctx, query.LetterPartition, totals)
}
