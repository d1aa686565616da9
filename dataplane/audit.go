package dataplane

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/selfaudit"
	"github.com/millwright-io/millwright/tenancy"
)

// openAudit prepares the cell's audit of itself.
func (a *App) openAudit() {
	observer := &auditMetrics{
		windows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "millwright", Subsystem: "audit", Name: "windows_total", Help: "Stored windows compared with a recount of their events, by outcome.",
		}, []string{"outcome"}),
		hours: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "millwright", Subsystem: "audit", Name: "usage_hours_total", Help: "Tenants' hours of usage compared with the number of stored rows, by outcome.",
		}, []string{"outcome"}),
	}
	observer.failed = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "millwright", Subsystem: "audit", Name: "failed_total", Help: "Comparisons that could not be made, e.g. while the store is away.",
	})
	a.metrics.registry.MustRegister(observer.windows, observer.hours, observer.failed)
	for _, outcome := range []string{"equal", "different"} { // a series that is there from the start can be alerted on
		observer.windows.WithLabelValues(outcome)
		observer.hours.WithLabelValues(outcome)
	}
	a.auditor = selfaudit.New(selfaudit.Deps{
		Recounter: query.New(quietReader{reader{store: a.store}}, a.now), Tenants: tenantList{a.catalog}, Totals: a.totals, Observer: observer,
		Leads: func() bool { return a.partitions.has(firstPartition) },
		Log:   a.log, Now: a.now,
	})
}

type auditMetrics struct {
	windows, hours *prometheus.CounterVec
	failed         prometheus.Counter
}

// Failed implements selfaudit.Observer.
func (m *auditMetrics) Failed() { m.failed.Inc() }

// Windows implements selfaudit.Observer.
func (m *auditMetrics) Windows(compared, different uint64) { count(m.windows, compared, different) }

// Hours implements selfaudit.Observer.
func (m *auditMetrics) Hours(compared, different uint64) { count(m.hours, compared, different) }

func count(c *prometheus.CounterVec, compared, different uint64) {
	c.WithLabelValues("equal").Add(float64(compared - different))
	c.WithLabelValues("different").Add(float64(different))
}

type tenantList struct{ *catalog.Catalog }

// Tenants implements selfaudit.Tenants: the audit reads as the tenant's own user, who is barred while it is not served.
func (l tenantList) Tenants() []tenancy.ID {
	all := l.Catalog.Tenants()
	ids := make([]tenancy.ID, 0, len(all))
	for _, t := range all {
		if t.Refusal() == "" {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// quietReader gives way to people's queries.
type quietReader struct{ reader }

func (r quietReader) Query(ctx context.Context, tenant tenancy.ID, text string, args []any, each func(query.Row) error) error {
	return r.reader.Query(clickhouse.Quiet(ctx), tenant, text, args, each)
}
