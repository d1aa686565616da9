package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/latency"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

const (
	maxConnections = 5000
	// drainTimeout is how long to wait for the last acknowledgements, queryTimeout for the last rows.
	drainTimeout = 30 * time.Second
	queryTimeout = 60 * time.Second
)

type ingest struct {
	api         *rpc.Options
	connections int
	inflight    int
	duration    time.Duration
	rate        float64
	asJSON      bool
}

// Ingest is the result of `bench ingest`.
type Ingest struct {
	Machine      Machine `json:"machine"`
	Connections  int     `json:"connections"`
	PayloadBytes int     `json:"payload_bytes"`
	Measurements int     `json:"measurements"`
	Seconds      float64 `json:"seconds"`
	Acked        uint64  `json:"acked"`
	Refused      uint64  `json:"refused"`
	Stored       uint64  `json:"stored"`
	// AckedPerSecond is over the sending time; StoredPerSecond until the last row could be queried.
	AckedPerSecond  float64   `json:"acked_per_second"`
	StoredPerSecond float64   `json:"stored_per_second"`
	AckP50          float64   `json:"ack_p50_ms"`
	AckP99          float64   `json:"ack_p99_ms"`
	Processes       []Process `json:"processes"`
}

func ingestFlags(fs *flag.FlagSet) *ingest {
	f := &ingest{api: rpc.Flags(fs)}
	fs.IntVar(&f.connections, "connections", 50, "`number` of devices, each with its own connection")
	fs.IntVar(&f.inflight, "inflight", 256, "`messages` of a connection that may wait for their acknowledgement")
	fs.DurationVar(&f.duration, "duration", 30*time.Second, "how long to send")
	fs.Float64Var(&f.rate, "rate", 0, "`events` a second over all connections; 0: as fast as they are acknowledged")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	return f
}

func (f *ingest) run(ctx context.Context, e command.Env) (err error) {
	if f.connections < 1 || f.connections > maxConnections || f.inflight < 1 || f.inflight > 65535 || f.duration <= 0 || f.duration > time.Hour || f.rate < 0 {
		return command.Usage("want 1 to %d --connections, 1 to 65535 --inflight, --duration up to 1h, --rate 0 or more", maxConnections)
	}
	t, err := aim(ctx, e, f.api, "empty")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	senders, err := f.senders(ctx, t, e)
	if err != nil {
		return err
	}
	result := Ingest{Machine: machine(e.Now()), Connections: f.connections, Measurements: measurements, PayloadBytes: len(senders.all[0].payload.text)}
	before := byName(append(tree(t.root), own()...))
	begun := e.Now()
	senders.send(ctx, begun.Add(f.duration), f.rate)
	result.Seconds = e.Now().Sub(begun).Seconds()
	result.Acked, result.Refused = senders.acked.Load(), senders.refused.Load()
	result.AckedPerSecond = float64(senders.ackedInTime.Load()) / f.duration.Seconds()
	if result.Stored, err = t.awaitRows(ctx, senders.epoch, result.Acked, e.Now); err != nil {
		return err
	}
	result.StoredPerSecond = float64(result.Stored) / e.Now().Sub(begun).Seconds()
	result.AckP50, result.AckP99 = milliseconds(senders.latency.Quantile(0.5)), milliseconds(senders.latency.Quantile(0.99))
	result.Processes = since(before, byName(append(tree(t.root), own()...)))
	if err := report(e.Out, f.asJSON, result, result.table()); err != nil {
		return err
	}
	if result.Stored != result.Acked {
		return fmt.Errorf("%d events were acknowledged, %d are stored", result.Acked, result.Stored)
	}
	return nil
}

func (r Ingest) table() []string {
	lines := []string{
		r.Machine.String(),
		fmt.Sprintf("%d connections, MQTT QoS 1 over TLS, %d bytes, %d measurements, %.1f s", r.Connections, r.PayloadBytes, r.Measurements, r.Seconds),
		"",
		fmt.Sprintf("acknowledged  %10d events  %9.0f /s   p50 %.1f ms  p99 %.1f ms", r.Acked, r.AckedPerSecond, r.AckP50, r.AckP99),
		fmt.Sprintf("queryable     %10d rows    %9.0f /s", r.Stored, r.StoredPerSecond),
		fmt.Sprintf("refused       %10d", r.Refused), "",
		fmt.Sprintf("%-14s %10s %14s %12s", "process", "CPU", "CPU an event", "resident"),
	}
	var all float64
	for _, p := range r.Processes {
		all += p.CPU
		lines = append(lines, fmt.Sprintf("%-14s %8.2f s %11.2f us %9d MB", p.Name, p.CPU, p.CPU/float64(max(r.Acked, 1))*1e6, p.Resident>>20))
	}
	return append(lines, fmt.Sprintf("%-14s %8.2f s %11.2f us", "all", all, all/float64(max(r.Acked, 1))*1e6))
}

// own is this process: the load generator.
func own() []Process {
	p, _ := readProcess("/proc/" + strconv.Itoa(os.Getpid()))
	p.Name = "generator"
	return []Process{p}
}

// senders are the devices and what came of their messages.
type senders struct {
	all                         []*publisher
	epoch                       string
	now                         func() time.Time
	end                         atomic.Int64
	acked, refused, ackedInTime atomic.Uint64
	latency                     latency.Histogram
}

type publisher struct {
	client  *mqttclient.Client
	payload *payload
}

func (f *ingest) senders(ctx context.Context, t *target, e command.Env) (*senders, error) {
	api, err := rpc.Dial(t.Server, t.Key)
	if err != nil {
		return nil, err
	}
	answer, err := api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	devices := make([]enrol.Device, f.connections)
	for i := range devices {
		devices[i] = enrol.Device{ID: fmt.Sprintf("bench_%d", i), Type: "temperature_sensor"}
	}
	credentials, err := enrol.All(ctx, api.Devices, devices)
	if err != nil {
		return nil, rpc.Explain(err)
	}
	s := &senders{epoch: "bench-" + strconv.FormatInt(e.Now().UnixNano(), 36), now: e.Now}
	log := slog.New(slog.NewTextHandler(e.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for i, d := range devices {
		config, err := credentials[i].TLS()
		if err != nil {
			return nil, err
		}
		s.all = append(s.all, &publisher{payload: newPayload(d.ID, s.epoch, e.Now()), client: mqttclient.New(mqttclient.Config{
			Address: answer.GetTenant().GetMqttAddress(), TLS: config, ClientID: d.ID, Window: f.inflight, Now: e.Now, OnAcks: s.settle,
		}, log)})
	}
	return s, nil
}

func (s *senders) settle(acks []mqttclient.Ack) {
	now := s.now().UnixNano()
	took := make([]time.Duration, 0, len(acks))
	for i := range acks {
		if acks[i].Refused() {
			s.refused.Add(1)
			continue
		}
		took = append(took, time.Duration(now-acks[i].Due))
	}
	s.acked.Add(uint64(len(took)))
	if now <= s.end.Load() {
		s.ackedInTime.Add(uint64(len(took)))
	}
	s.latency.Add(took...)
}

// send runs every connection until end and waits for the last acknowledgements.
func (s *senders) send(ctx context.Context, end time.Time, rate float64) {
	s.end.Store(end.UnixNano())
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	var conns, loops sync.WaitGroup
	begun := s.now()
	for i, p := range s.all {
		conns.Go(func() { _ = p.client.Run(connected) }) // a lost message shows as one that is not acknowledged
		loops.Go(func() { s.publish(ctx, p, i, begun, end, rate) })
	}
	loops.Wait()
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	for _, p := range s.all {
		p.client.Drain(drain)
	}
	cancel()
	disconnect()
	conns.Wait()
}

// publish sends one device's messages; with a rate each has its own time, which does not move when the server is slow.
func (s *senders) publish(ctx context.Context, p *publisher, turn int, begun, end time.Time, rate float64) {
	between := 0.0
	if rate > 0 {
		between = float64(len(s.all)) / rate * 1e9
	}
	for n := uint64(0); ; n++ {
		now := s.now()
		due := now
		if between > 0 {
			due = begun.Add(time.Duration(between * (float64(n) + float64(turn)/float64(len(s.all)))))
			if wait := due.Sub(now); wait > time.Millisecond {
				p.client.Flush()
				time.Sleep(wait)
			}
		}
		if due.After(end) || now.After(end) || ctx.Err() != nil {
			return
		}
		mark := mqttclient.Mark{Sequence: sent(n), EventTime: due.UnixNano(), Due: due.UnixNano()}
		if p.client.Publish("v1/telemetry", p.payload.next(due, n), mark) != nil {
			return
		}
	}
}

// awaitRows asks the tenant's own database until it has as many rows of the run as were acknowledged.
func (t *target) awaitRows(ctx context.Context, epoch string, want uint64, now func() time.Time) (uint64, error) {
	if t.access.ClickHouseURL == "" {
		if err := t.readAccess(ctx); err != nil {
			return 0, err
		}
	}
	deadline := now().Add(queryTimeout)
	for {
		n, err := t.countRows(ctx, epoch)
		if err != nil || n >= want || now().After(deadline) {
			return n, err
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (t *target) readAccess(ctx context.Context) error {
	api, err := rpc.Dial(t.Server, t.Key)
	if err != nil {
		return err
	}
	cell, err := api.Cell(ctx)
	if err != nil {
		return err
	}
	a, err := cell.GetStoreAccess(ctx, &telemetryv1.GetStoreAccessRequest{})
	if err != nil {
		return rpc.Explain(err)
	}
	t.access = access{ClickHouseURL: a.GetUrl(), ClickHouseDatabase: a.GetDatabase(), ClickHouseUsername: a.GetUsername(), ClickHousePassword: a.GetPassword()}
	return nil
}

func (t *target) countRows(ctx context.Context, epoch string) (uint64, error) {
	q := url.Values{"database": {t.access.ClickHouseDatabase}, "param_epoch": {epoch}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.access.ClickHouseURL+"/?"+q.Encode(),
		strings.NewReader("select count() from events where epoch = {epoch:String}"))
	if err != nil {
		return 0, fmt.Errorf("count rows: %w", err)
	}
	req.SetBasicAuth(t.access.ClickHouseUsername, t.access.ClickHousePassword)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("count rows: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err != nil || res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("count rows: %s: %s: %w", res.Status, text, err)
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}
