package dataplane

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
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
		Notes: usageNotes{a.store, jetstream.NewUsage(a.nats, a.cfg.Cell)}, Whole: a.whole,
		Leads: func() bool { return a.partitions.has(firstPartition) },
		Log:   a.log, Now: a.now,
	})
}

// whole is from when on no event of the tenant was removed for its age.
func (a *App) whole(tenant tenancy.ID) time.Time {
	t, _ := a.catalog.Tenant(tenant)
	if t.Kept.Events == 0 {
		return time.Time{}
	}
	return a.now().AddDate(0, 0, -t.Kept.Events)
}

// usageNotes keeps what an audit found of usage beside the rows, then tells the ledger.
type usageNotes struct {
	store  *clickhouse.Store
	ledger *jetstream.Usage
}

// Note implements selfaudit.Notes.
func (u usageNotes) Note(ctx context.Context, tenant tenancy.ID, notes []selfaudit.Note) error {
	var rows []clickhouse.UsageHour
	for _, n := range notes {
		for _, c := range n.Counts {
			rows = append(rows, clickhouse.UsageHour{
				Hour: n.Hour.Unix(), Noted: n.At.UnixMilli(), Partition: uint32(n.Partition), Meter: c.Meter, //nolint:gosec // a partition's number
				Version: n.Version, Counted: c.Counted, Stored: c.Stored,
			})
		}
	}
	if err := u.store.NoteUsage(ctx, tenant, rows); err != nil {
		return err
	}
	return u.ledger.Notes(ctx, tenant, notes)
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
