package controlplane

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	billingpostgres "github.com/millwright-io/millwright/billing/postgres"
	"github.com/millwright-io/millwright/billing/reconciliation"
	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// openReconciliation prepares the job that holds the ledger against what cells noted.
func (a *App) openReconciliation() {
	a.reconciliation = reconciliation.NewJob(billingpostgres.New(a.store.Pool()), a.mismatchFound, a.log, a.now)
}

// mismatchFound writes a difference into the tenant's log.
func (a *App) mismatchFound(ctx context.Context, m reconciliation.Mismatch) error {
	e := audit.Of(ctx, tenancy.Principal{Tenant: m.Tenant}, m.FoundAt, "usage/"+string(m.Meter)+"/"+m.Hour.Format(time.RFC3339), map[string]any{
		"kind": m.Kind, "cell": m.Cell, "partition": m.Partition, "ledger": m.Ledger, "counted": m.Counted, "stored": m.Stored,
	})
	e.Actor, e.Action = audit.System, "usage.mismatch"
	return a.store.AppendAudit(ctx, e)
}

var (
	mismatchDesc = prometheus.NewDesc("millwright_usage_mismatches", "Hours, partitions and meters in which stored, counted and billed are not the same, by kind; of the last look.", []string{"kind"}, nil)
	lookDesc     = prometheus.NewDesc("millwright_usage_reconciled_total", "How often the usage of all organisations was compared.", nil, nil)
)

// reconciled tells what does not reconcile.
type reconciled struct{ job *reconciliation.Job }

// Describe implements prometheus.Collector.
func (reconciled) Describe(to chan<- *prometheus.Desc) {
	to <- mismatchDesc
	to <- lookDesc
}

// Collect implements prometheus.Collector.
func (r reconciled) Collect(to chan<- prometheus.Metric) {
	open, sweeps := r.job.Open()
	for _, kind := range reconciliation.Kinds() {
		to <- prometheus.MustNewConstMetric(mismatchDesc, prometheus.GaugeValue, float64(open[kind]), string(kind))
	}
	to <- prometheus.MustNewConstMetric(lookDesc, prometheus.CounterValue, float64(sweeps))
}
