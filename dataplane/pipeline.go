package dataplane

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/pipeline"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/tenancy"
)

// acknowledge is the way that a device waits for, beside the stages that it consists of.
const acknowledge = "acknowledge"

// gauge makes the pipeline's figures from what this process counts.
type gauge struct {
	app     *App
	started time.Time
	order   []string
	figures *jetstream.Figures

	mu      sync.Mutex
	history pipeline.History
	tenants map[tenancy.ID]pipeline.Counts
}

func newGauge(app *App) *gauge {
	return &gauge{
		app: app, started: app.now(), order: append([]string{acknowledge}, timing.Names[:]...), tenants: map[tenancy.ID]pipeline.Counts{},
		figures: jetstream.NewFigures(app.nats, app.cfg.Cell, app.log),
	}
}

// stored counts what a range stores. There are no more tenants than the cell has databases.
func (g *gauge) stored(out *engine.Outputs) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, rows := range out.Tenants {
		of := g.tenants[rows.Tenant]
		of.Events += uint64(len(rows.Events))
		of.Points += uint64(rows.Points) //nolint:gosec // a count
		of.DeadLetters += uint64(len(rows.DeadLetters))
		g.tenants[rows.Tenant] = of
	}
}

// run takes samples until ctx is done.
func (g *gauge) run(ctx context.Context) error {
	tick := time.NewTicker(pipeline.Every)
	defer tick.Stop()
	for {
		if sample, err := g.sample(); err == nil {
			g.mu.Lock()
			g.history.Add(sample)
			g.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// answerWait is how long the other processes of the cell have to answer.
const answerWait = time.Second

// Figures implements rpc.Pipeline: those of all processes of the cell that answer, and how many it has.
func (g *gauge) Figures(ctx context.Context) (f pipeline.Figures, members int, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	members = max(1, len(g.app.owned.Members()))
	parts, err := g.figures.Ask(ctx, members)
	if err != nil {
		return f, members, err
	}
	return pipeline.Join(parts, g.order), members, nil
}

// tell answers the cell's processes that ask.
func (g *gauge) tell(ctx context.Context) error { return g.figures.Tell(ctx, g.own) }

// own is what this process says of itself.
func (g *gauge) own() (pipeline.Part, error) {
	sample, err := g.sample()
	if err != nil {
		return pipeline.Part{}, err
	}
	g.mu.Lock()
	p := g.history.Part(sample)
	g.mu.Unlock()
	p.Started, p.Partitions = g.started, g.app.watch.progress.lags()
	p.LiveSessions = g.app.hub.Watching()
	for _, n := range g.app.gateway.Connections() {
		p.Sessions += n
	}
	return p, nil
}

// sample reads the metrics that the cell exposes.
func (g *gauge) sample() (pipeline.Sample, error) {
	families, err := g.app.metrics.registry.Gather()
	if err != nil {
		return pipeline.Sample{}, fmt.Errorf("read the cell's metrics: %w", err)
	}
	s := pipeline.Sample{At: g.app.now(), Stages: map[string]pipeline.Histogram{}, Outcomes: map[string]float64{}, Refusals: map[string]float64{}}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "millwright_stage_seconds":
				s.Stages[label(m, "stage")] = histogram(m)
			case "millwright_gateway_ack_seconds":
				s.Stages[acknowledge] = histogram(m)
			case "millwright_engine_events_total":
				s.Outcomes[label(m, "outcome")] += m.GetCounter().GetValue()
			case "millwright_gateway_events_refused_total":
				s.Refusals[label(m, "reason")] += m.GetCounter().GetValue()
			}
		}
	}
	g.mu.Lock()
	s.Tenants = maps.Clone(g.tenants)
	g.mu.Unlock()
	return s, nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func histogram(m *dto.Metric) pipeline.Histogram {
	h := pipeline.Histogram{Count: m.GetHistogram().GetSampleCount()}
	for _, b := range m.GetHistogram().GetBucket() {
		h.Bounds = append(h.Bounds, b.GetUpperBound())
		h.Cumulative = append(h.Cumulative, b.GetCumulativeCount())
	}
	return h
}
