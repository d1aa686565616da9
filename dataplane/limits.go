package dataplane

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/usage"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// useInterval is how soon a tenant can read of a refusal.
	useInterval = 2 * time.Second
	// sampleInterval is how often what is open is counted.
	sampleInterval = time.Second
	// dayInterval is how often what was admitted is kept: a process that dies forgets at most this much of a day's events.
	dayInterval = 2 * time.Second
)

// reportUses tells the control plane how limits are used, until ctx is done.
func (a *App) reportUses(ctx context.Context) error {
	uses := jetstream.NewUses(a.nats, a.cfg.Cell, a.cfg.Cell+"/"+a.instance)
	a.tally.Run(ctx, useInterval, uses.Send, func(err error) {
		a.log.WarnContext(ctx, "uses of limits not reported, the next round tries again", slog.Any("error", err))
	})
	return nil
}

// sampleUses counts what is open now and what was admitted, once a second.
func (a *App) sampleUses(ctx context.Context) error {
	tick := time.NewTicker(sampleInterval)
	defer tick.Stop()
	admitted := map[tenancy.ID]int64{}
	sampled := a.now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		passed := a.now().Sub(sampled)
		sampled = sampled.Add(passed)
		for tenant, n := range a.gateway.Connections() {
			a.use(tenant, tenancy.LimitConnections, int64(n))
		}
		for tenant, n := range a.hub.Sessions() {
			a.use(tenant, tenancy.LimitLiveSessions, int64(n))
			a.usage.Took(tenant, usage.LiveTime, time.Duration(n)*passed)
		}
		for _, u := range a.limiter.Uses() {
			if more := u.Admitted - admitted[u.Tenant]; more > 0 {
				a.use(u.Tenant, tenancy.LimitEventsPerSecond, more)
				a.use(u.Tenant, tenancy.LimitEventsPerDay, u.Today)
			}
			admitted[u.Tenant] = u.Admitted
		}
	}
}

// keepDays keeps what tenants sent today, until ctx is done and once more then.
func (a *App) keepDays(ctx context.Context) error {
	tick := time.NewTicker(dayInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := a.limiter.KeepDays(context.WithoutCancel(ctx), a.days); err != nil {
				a.log.WarnContext(ctx, "the last events of the day were not kept", slog.Any("error", err))
			}
			return nil
		case <-tick.C:
			if err := a.limiter.KeepDays(ctx, a.days); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "events of the day not kept, the next round tries again", slog.Any("error", err))
			}
		}
	}
}

// use notes a use against the limit that the catalog has now.
func (a *App) use(tenant tenancy.ID, limit string, used int64) {
	t, ok := a.catalog.Tenant(tenant)
	if !ok {
		return
	}
	maximum := int64(0)
	switch limit {
	case tenancy.LimitConnections:
		maximum = int64(t.Limits.Connections)
	case tenancy.LimitLiveSessions:
		maximum = int64(t.Limits.LiveSessions)
	case tenancy.LimitEventsPerSecond:
		maximum = int64(t.Limits.EventsPerSecond)
	case tenancy.LimitEventsPerDay:
		maximum = t.Limits.EventsPerDay
	}
	a.tally.Use(tenant, limit, used, maximum)
}

// overNames notes the events that the engine refused for bringing too many names.
func (a *App) overNames(out *engine.Outputs) {
	for _, rows := range out.Tenants {
		for _, letter := range rows.DeadLetters {
			refusal := tenancy.LimitError{Current: int64(letter.Current), Maximum: int64(letter.Maximum)}
			switch letter.Reason {
			case engine.ReasonMeasurementLimit:
				refusal.Limit, refusal.Scope = tenancy.LimitMeasurementsPerDevice, "device "+letter.Event.Device
			case engine.ReasonSeriesLimit:
				refusal.Limit, refusal.Scope = tenancy.LimitSeries, tenancy.ScopeTenant
			default:
				continue
			}
			a.tally.Refuse(rows.Tenant, &refusal, 1)
		}
	}
}

// defaultMeasurements is the limit of tenants that the catalog does not know yet: that of every plan.
const defaultMeasurements = 512

// engineOptions are what the engine should enforce now: each tenant's own limits of names, those of a device at most the cell's.
// They are worked out again when a tenant changed.
type engineOptions struct {
	catalog    *catalog.Catalog
	most       int
	partitions int
	stale      atomic.Bool

	mu   sync.Mutex
	last engine.Options
}

func newEngineOptions(c *catalog.Catalog, most, partitions int) *engineOptions {
	o := &engineOptions{catalog: c, most: most, partitions: partitions}
	o.stale.Store(true)
	c.OnChange(func(change catalog.Change) {
		if change.Device == "" && change.Group == "" && change.Type == "" {
			o.stale.Store(true)
		}
	})
	return o
}

func (o *engineOptions) now() engine.Options {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.stale.Swap(false) {
		return o.last
	}
	options := engine.DefaultOptions()
	options.Measurements = min(defaultMeasurements, o.most)
	for _, t := range o.catalog.Tenants() {
		if own := min(t.Limits.MeasurementsPerDevice, o.most); own != options.Measurements {
			if options.TenantMeasurements == nil {
				options.TenantMeasurements = map[tenancy.ID]int{}
			}
			options.TenantMeasurements[t.ID] = own
		}
		if t.Limits.Series > 0 {
			if options.TenantSeries == nil {
				options.TenantSeries = map[tenancy.ID]int{}
			}
			options.TenantSeries[t.ID] = o.share(t.Limits)
		}
	}
	o.last = options
	return options
}

// share is how much of a tenant's series one partition may have: twice an equal part, for devices do not divide evenly, and room
// for one device in any case. So a tenant can have up to twice its limit.
func (o *engineOptions) share(l catalog.Limits) int {
	equal := (int(l.Series) + o.partitions - 1) / o.partitions
	return min(int(l.Series), max(2*equal, min(l.MeasurementsPerDevice, o.most)))
}
