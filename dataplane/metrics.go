package dataplane

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/live"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/dataplane/internal/usage"
	"github.com/millwright-io/millwright/tenancy"
)

// metrics are the engine's and the runner's; the gateway adds its own to the registry.
type metrics struct {
	registry   *prometheus.Registry
	events     *prometheus.CounterVec
	early      prometheus.Counter
	times      *timing.Times
	checkpoint *prometheus.GaugeVec
	// logBytes and logMost are how full the log is and may be, diskFree what its disk has left; of the last heartbeat.
	logBytes, logMost, diskFree prometheus.Gauge
}

func newMetrics() (*metrics, error) {
	registry := prometheus.NewRegistry()
	times, err := timing.New(registry)
	if err != nil {
		return nil, fmt.Errorf("stage metrics: %w", err)
	}
	m := &metrics{
		registry: registry, times: times,
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "millwright", Subsystem: "engine", Name: "events_total", Help: "Events taken from the log, by what became of them.",
		}, []string{"outcome"}),
		early: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "millwright", Subsystem: "engine", Name: "early_windows_total", Help: "Windows written early because a tenant was over its budget.",
		}),
		checkpoint: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "millwright", Subsystem: "engine", Name: "checkpoint_bytes", Help: "Size of a partition's last checkpoint.",
		}, []string{"partition"}),
	}
	gauge := func(subsystem, name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "millwright", Subsystem: subsystem, Name: name, Help: help})
	}
	m.logBytes = gauge("log", "bytes", "Size of the cell's log.")
	m.logMost = gauge("log", "max_bytes", "What the cell's log may grow to; then events are refused.")
	m.diskFree = gauge("cell", "disk_free_bytes", "Free space on the disk that the cell watches; 0 when it watches none.")
	m.registry.MustRegister(m.logBytes, m.logMost, m.diskFree, m.events, m.early, m.checkpoint, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, outcome := range []string{"stored", "duplicate", "dead_letter"} { // there from the start, so that a rate can be taken
		m.events.WithLabelValues(outcome)
	}
	return m, nil
}

// keptTail is how many messages before the lowest checkpoint stay in the log, for an operator's eyes.
const keptTail = 1000

// observer sees what the runners do.
type observer struct {
	hub      *live.Relay
	metrics  *metrics
	progress *progress
	journeys *journeys
	gauge    *gauge
	trimmer  *commit.Trimmer
	refused  func(*engine.Outputs)
	shares   *usage.Shares
	log      *slog.Logger
	now      func() time.Time
}

// took notes a message that was taken from the log.
func (o *observer) took(partition int, m jetstream.Message) {
	o.metrics.times.Took(timing.Consume, max(0, o.now().Sub(time.Unix(0, m.Time))))
	o.progress.took(partition, m.Sequence, m.Pending)
}

// Stepped implements commit.Observer.
func (o *observer) Stepped(rows []engine.EventRow) {
	o.hub.Publish(rows)
	o.journeys.stepped(rows)
}

// Committed implements commit.Observer.
func (o *observer) Committed(partition int, through uint64, out *engine.Outputs, oldest time.Time, repeated bool) {
	o.progress.stored(partition, through)
	o.gauge.stored(out)
	o.shares.Stored(partition, rowsByTenant(out))
	o.journeys.committed(partition, through)
	o.metrics.events.WithLabelValues("stored").Add(float64(out.Events - out.Duplicates - out.DeadLetters))
	o.metrics.events.WithLabelValues("duplicate").Add(float64(out.Duplicates))
	o.metrics.events.WithLabelValues("dead_letter").Add(float64(out.DeadLetters))
	o.metrics.early.Add(float64(out.EarlyWindows))
	if out.DeadLetters > 0 && !repeated { // counted before, if the process had the time
		o.refused(out)
	}
	if out.Events > 0 {
		o.metrics.times.Took(timing.Commit, o.now().Sub(oldest))
	}
}

// rowsByTenant is how many rows of its messages each tenant has in a range.
func rowsByTenant(out *engine.Outputs) map[tenancy.ID]int {
	rows := make(map[tenancy.ID]int, len(out.Tenants))
	for _, r := range out.Tenants {
		if n := len(r.Events) + len(r.DeadLetters); n > 0 {
			rows[r.Tenant] += n
		}
	}
	return rows
}

// Checkpointed implements commit.Observer: it trims the log up to the lowest checkpoint of all partitions, whoever works on them.
func (o *observer) Checkpointed(ctx context.Context, partition int, through uint64, bytes int) {
	o.metrics.checkpoint.WithLabelValues(fmt.Sprint(partition)).Set(float64(bytes))
	if err := o.trimmer.Checkpointed(ctx, through); err != nil {
		o.log.WarnContext(ctx, "log not trimmed, the next checkpoint tries again", slog.Any("error", err))
	}
}

// health answers whether the cell can take events.
type health struct {
	nats    *jetstream.Conn
	store   *clickhouse.Store
	started atomic.Bool
}

func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	switch {
	case !h.started.Load():
		http.Error(w, "starting: waiting for the catalog", http.StatusServiceUnavailable)
	case !h.nats.Connected():
		http.Error(w, "nats is away: events cannot be made durable", http.StatusServiceUnavailable)
	case h.store.Ping(r.Context()) != nil:
		// Events are still taken, the log holds them; who sends queries should know.
		_, _ = fmt.Fprintln(w, "ready; clickhouse is away, the log holds events")
	default:
		_, _ = fmt.Fprintln(w, "ready")
	}
}

func (a *App) serveMetrics(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", a.health.ready)
	return serve(ctx, a.metricsListener, mux)
}

// watchProgress adds what is asked of others when somebody looks.
func (m *metrics) watchProgress(p *progress, hub *live.Hub) {
	m.registry.MustRegister(p,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "millwright", Subsystem: "live", Name: "sessions", Help: "Sessions that watch devices live.",
		}, func() float64 { return float64(hub.Watching()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "millwright", Subsystem: "live", Name: "missed_total", Help: "Events left out because a watcher was slow.",
		}, func() float64 { return float64(hub.Missed()) }))
}
