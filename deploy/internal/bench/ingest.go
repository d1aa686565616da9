package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
)

const maxConnections = 5000

type ingest struct {
	api         *rpc.Options
	connections int
	inflight    int
	duration    time.Duration
	rate        float64
	profile     string
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
	f := &ingest{api: rpc.KeyFlags(fs)}
	fs.IntVar(&f.connections, "connections", 50, "`number` of devices, each with its own connection")
	fs.IntVar(&f.inflight, "inflight", 256, "`messages` of a connection that may wait for their acknowledgement")
	fs.DurationVar(&f.duration, "duration", 30*time.Second, "how long to send")
	fs.Float64Var(&f.rate, "rate", 0, "`events` a second over all connections; 0: as fast as they are acknowledged")
	fs.StringVar(&f.profile, "profile", "", "seed: every way of sending, one after the other, each for --duration; the other flags are then left alone")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	return f
}

func (f *ingest) run(ctx context.Context, e command.Env) (err error) {
	if f.profile != "" && f.profile != "seed" {
		return command.Usage("--profile %q: the one profile is seed", f.profile)
	}
	if f.connections < 1 || f.connections > maxConnections || f.inflight < 1 || f.inflight > 65535 || f.duration <= 0 || f.duration > time.Hour || f.rate < 0 {
		return command.Usage("want 1 to %d --connections, 1 to 65535 --inflight, --duration up to 1h, --rate 0 or more", maxConnections)
	}
	t, err := aim(ctx, e, f.api, "empty")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	if f.profile != "" {
		return f.seed(ctx, e, t)
	}
	senders, err := newSenders(ctx, t, e, f.connections, f.inflight)
	if err != nil {
		return err
	}
	result := Ingest{Machine: machine(e.Now()), Connections: f.connections, Measurements: measurements, PayloadBytes: len(senders.all[0].payload.text)}
	if err := senders.connect(ctx); err != nil {
		return err
	}
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
