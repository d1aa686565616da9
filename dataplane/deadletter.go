package dataplane

import (
	"context"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	"github.com/millwright-io/millwright/tenancy"
)

// letterStore is the dead-letter service's view of ClickHouse.
type letterStore struct{ store *clickhouse.Store }

// Query implements deadletter.Store.
func (s letterStore) Query(ctx context.Context, tenant tenancy.ID, text string, args []any, each func(deadletter.Row) error) error {
	return s.store.Query(ctx, tenant, text, args, func(rows clickhouse.Rows) error { return each(rows) })
}

// SetStates implements deadletter.Store.
func (s letterStore) SetStates(ctx context.Context, tenant tenancy.ID, changes []deadletter.Change) error {
	rows := make([]clickhouse.LetterState, 0, len(changes))
	for _, c := range changes {
		rows = append(rows, clickhouse.LetterState{
			Source: string(c.ID.Stage), Partition: c.ID.Partition, Sequence: c.ID.Sequence, Index: c.ID.Index, Version: c.Version(),
			State: string(c.State), Refusals: c.Refusals, Reason: c.Reason, Detail: c.Detail, At: c.At.UnixNano(),
			Actor: c.Actor, Note: c.Note, Events: c.Events,
		})
	}
	return s.store.InsertLetterStates(ctx, tenant, rows)
}

// keepInterval is how often a tenant's dead letters are held against what may be kept of them.
const keepInterval = time.Minute

// letterKeeper removes dead letters beyond the limits.
type letterKeeper struct {
	store   *clickhouse.Store
	catalog *catalog.Catalog
	limits  deadletter.Limits
	log     *slog.Logger
	now     func() time.Time
}

// run keeps the limits until ctx is done, one tenant after the other.
func (k *letterKeeper) run(ctx context.Context) error {
	ticker := time.NewTicker(keepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for _, t := range k.catalog.Tenants() {
			gone, err := k.store.PruneDeadLetters(clickhouse.Quiet(ctx), t.ID, clickhouse.KeepLetters{
				Letters: k.limits.Letters, Bytes: k.limits.Bytes, Since: k.now().Add(-k.limits.Age),
			})
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && !clickhouse.NotProvisioned(err):
				k.log.WarnContext(ctx, "dead letters not held to their limit", slog.String("tenant", string(t.ID)), slog.Any("error", err))
			case gone > 0:
				k.log.InfoContext(ctx, "dead letters removed", slog.String("tenant", string(t.ID)), slog.Uint64("letters", gone))
			}
		}
	}
}
