package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/latency"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1/telemetryv1connect"
)

const (
	// queriedDevices have queriedHistory of events each, queriedEvery apart.
	queriedDevices = 20
	queriedHistory = 24 * time.Hour
	queriedEvery   = 10 * time.Second
)

type query struct {
	atOnce   int
	duration time.Duration
	asJSON   bool
}

// Query is the result of `bench query`.
type Query struct {
	Machine   Machine   `json:"machine"`
	Events    uint64    `json:"events"`
	Devices   int       `json:"devices"`
	AtOnce    int       `json:"at_once"`
	Kinds     []Asked   `json:"kinds"`
	Processes []Process `json:"processes"`
	Elsewhere float64   `json:"cores_used_by_other_work"`
}

// Asked is one kind of query.
type Asked struct {
	What      string  `json:"what"`
	Count     uint64  `json:"count"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
}

func queryCommand() command.Command {
	return command.Command{
		Name: "bench query", Summary: "how long the cell's API takes for what the console asks",
		Details: fmt.Sprintf("Gives %d devices %s of events, one every %s, then asks one kind of query after the other, --at-once at a time.", queriedDevices, queriedHistory, queriedEvery),
		Prepare: func(fs *flag.FlagSet) command.Run {
			f := &query{}
			fs.IntVar(&f.atOnce, "at-once", 2, "`number` of queries at once")
			fs.DurationVar(&f.duration, "duration", 10*time.Second, "how long to ask each kind")
			fs.BoolVar(&f.asJSON, "json", false, "print JSON")
			return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
		},
	}
}

func (f *query) run(ctx context.Context, e command.Env) (err error) {
	if f.atOnce < 1 || f.atOnce > 32 || f.duration <= 0 || f.duration > time.Hour {
		return command.Usage("want 1 to 32 --at-once, --duration up to 1h")
	}
	t, err := launch(ctx, e, "empty")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	senders, err := newSenders(ctx, t, e, queriedDevices, 1024)
	if err != nil {
		return err
	}
	result := Query{Machine: machine(e.Now()), Devices: queriedDevices, AtOnce: f.atOnce}
	if result.Events, err = senders.fill(ctx, e.Now().Add(-queriedHistory), queriedHistory, queriedEvery); err != nil {
		return err
	}
	if stored, err := t.awaitRows(ctx, senders.epoch, result.Events, e.Now); err != nil || stored != result.Events {
		return errors.Join(err, fmt.Errorf("%d of %d events can be queried", stored, result.Events))
	}
	api, err := rpc.Dial(t.Server, t.Key)
	if err != nil {
		return err
	}
	cell, err := api.Cell(ctx)
	if err != nil {
		return err
	}
	before, busy, begun := byName(append(tree(t.root), own()...)), busySeconds(), e.Now()
	for _, k := range questions {
		asked, err := f.ask(ctx, e, k.what, func(ctx context.Context, n int) error { return k.ask(ctx, cell, deviceID(n%queriedDevices), e.Now()) })
		if err != nil {
			return fmt.Errorf("%s: %w", k.what, rpc.Explain(err))
		}
		result.Kinds = append(result.Kinds, asked)
	}
	result.Processes = since(before, byName(append(tree(t.root), own()...)))
	result.Elsewhere = elsewhere(busySeconds()-busy, result.Processes, e.Now().Sub(begun))
	return report(e.Out, f.asJSON, result, result.table())
}

// question is a kind of query.
type question struct {
	what string
	ask  func(ctx context.Context, cell telemetryv1connect.TelemetryServiceClient, device string, now time.Time) error
}

var questions = []question{
	{"newest values of every device", func(ctx context.Context, cell telemetryv1connect.TelemetryServiceClient, _ string, _ time.Time) error {
		_, err := cell.Latest(ctx, &telemetryv1.LatestRequest{})
		return err
	}},
	{"one device, 10 minutes, as sent", series(10*time.Minute, telemetryv1.Resolution_RESOLUTION_UNSPECIFIED)},
	{"one device, 2 hours, seconds", series(2*time.Hour, telemetryv1.Resolution_RESOLUTION_SECOND)},
	{"one device, a day, minutes", series(queriedHistory, telemetryv1.Resolution_RESOLUTION_MINUTE)},
	{"one device, a day, hours", series(queriedHistory, telemetryv1.Resolution_RESOLUTION_HOUR)},
	{"one device, a day, hours with 3 quantiles", series(queriedHistory, telemetryv1.Resolution_RESOLUTION_HOUR, 0.5, 0.95, 0.99)},
}

func series(span time.Duration, resolution telemetryv1.Resolution, quantiles ...float64) func(context.Context, telemetryv1connect.TelemetryServiceClient, string, time.Time) error {
	return func(ctx context.Context, cell telemetryv1connect.TelemetryServiceClient, device string, now time.Time) error {
		answer, err := cell.Query(ctx, &telemetryv1.QueryRequest{
			DeviceId: device, Start: timestamppb.New(now.Add(-span)), End: timestamppb.New(now), Resolution: resolution, Quantiles: quantiles,
		})
		if err == nil && len(answer.GetSeries()) != measurements {
			return fmt.Errorf("%d series were answered, want %d", len(answer.GetSeries()), measurements)
		}
		return err
	}
}

// ask asks one kind for a while; the next question comes when one is answered.
func (f *query) ask(ctx context.Context, e command.Env, what string, do func(ctx context.Context, n int) error) (Asked, error) {
	begun := e.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var took latency.Histogram
	var callers sync.WaitGroup
	for caller := range f.atOnce {
		callers.Go(func() {
			for n := caller; ctx.Err() == nil && e.Now().Sub(begun) < f.duration; n += f.atOnce {
				asked := e.Now()
				if err := do(ctx, n); err != nil {
					cancel(err)
					return
				}
				took.Add(e.Now().Sub(asked))
			}
		})
	}
	callers.Wait()
	seconds := e.Now().Sub(begun).Seconds()
	return Asked{
		What: what, Count: took.Count(), PerSecond: float64(took.Count()) / seconds, P50: milliseconds(took.Quantile(0.5)), P99: milliseconds(took.Quantile(0.99)),
	}, context.Cause(ctx)
}

// fill sends each device's events of a span in the past, as fast as they are acknowledged.
func (s *senders) fill(ctx context.Context, from time.Time, span, every time.Duration) (uint64, error) {
	connected, disconnect := context.WithCancel(ctx)
	var conns, loops sync.WaitGroup
	for _, p := range s.all {
		conns.Go(func() { _ = p.client.Run(connected) }) // a lost message shows as one that is not acknowledged
		loops.Go(func() {
			for n := range uint64(span / every) {
				at := from.Add(time.Duration(n) * every)
				if p.client.Publish("v1/telemetry", p.payload.next(at, n), mqttclient.Mark{Sequence: sent(n), EventTime: at.UnixNano(), Due: s.now().UnixNano()}) != nil {
					return
				}
			}
		})
	}
	loops.Wait()
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	left := 0
	for _, p := range s.all {
		left += p.client.Drain(drain)
	}
	disconnect()
	conns.Wait()
	if left > 0 || s.refused.Load() > 0 {
		return 0, fmt.Errorf("fill the store: %d events were not answered, %d refused", left, s.refused.Load())
	}
	return s.acked.Load(), nil
}

func (r Query) table() []string {
	lines := []string{
		r.Machine.String() + fmt.Sprintf("; other work: %.2f cores", r.Elsewhere),
		fmt.Sprintf("%d events of %d devices, %d measurements each; %d queries at once", r.Events, r.Devices, measurements, r.AtOnce), "",
		fmt.Sprintf("%-44s %9s %12s %12s", "query", "/s", "p50", "p99"),
	}
	for _, k := range r.Kinds {
		lines = append(lines, fmt.Sprintf("%-44s %9.1f %9.1f ms %9.1f ms", k.What, k.PerSecond, k.P50, k.P99))
	}
	lines = append(lines, "", fmt.Sprintf("%-14s %10s %12s", "process", "CPU", "resident"))
	for _, p := range r.Processes {
		lines = append(lines, fmt.Sprintf("%-14s %8.2f s %9d MB", p.Name, p.CPU, p.Resident>>20))
	}
	return lines
}
