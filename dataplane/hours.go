package dataplane

import (
	"context"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
)

const (
	// hoursInterval is how often a tenant's hours are brought up to date; what came since is read from minutes.
	hoursInterval = 5 * time.Minute
	// hoursSettle is longer than an insert takes and the clocks of the store's servers differ.
	hoursSettle = 5 * time.Minute
)

// hourMaker makes hours of minutes, one tenant after the other.
type hourMaker struct {
	store   *clickhouse.Store
	catalog *catalog.Catalog
	log     *slog.Logger
}

// run makes hours until ctx is done.
func (m *hourMaker) run(ctx context.Context) error {
	ticker := time.NewTicker(hoursInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for _, t := range m.catalog.Tenants() {
			_, err := m.store.SumHours(clickhouse.Quiet(ctx), t.ID, hoursSettle)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && !clickhouse.NotProvisioned(err) && !clickhouse.Unprepared(err):
				m.log.WarnContext(ctx, "hours not made, readers take minutes", slog.String("tenant", string(t.ID)), slog.Any("error", err))
			}
		}
	}
}
