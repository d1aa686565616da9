package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/latency"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

const (
	// idleDevices share the connections: a device may have several, each with a client id of its own.
	idleDevices = 100
	// spareFiles is what a process needs beside its connections.
	spareFiles = 500
	maxIdle    = 50_000
)

type connections struct {
	count, atOnce int
	settle        time.Duration
	asJSON        bool
}

// Connections is the result of `bench connections`.
type Connections struct {
	Machine     Machine `json:"machine"`
	Connections int     `json:"connections"`
	// PerSecond counts connections from TCP to CONNACK, each with a whole TLS handshake.
	PerSecond float64 `json:"handshakes_per_second"`
	P50       float64 `json:"connect_p50_ms"`
	P99       float64 `json:"connect_p99_ms"`
	// Bytes is what the cell's resident memory grew by, a connection.
	Bytes float64 `json:"cell_bytes_a_connection"`
	// Before and After are the cell's resident memory.
	Before    uint64    `json:"cell_resident_before"`
	After     uint64    `json:"cell_resident_after"`
	Processes []Process `json:"processes"`
	Elsewhere float64   `json:"cores_used_by_other_work"`
}

func connectionsCommand() command.Command {
	return command.Command{
		Name: "bench connections", Summary: "what idle MQTT connections over TLS cost, and how fast they are made",
		Details: "Every connection is a whole TLS 1.3 handshake with a client certificate, its chain checked against the catalog, CONNECT and CONNACK; then it is silent.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			f := &connections{}
			fs.IntVar(&f.count, "connections", 10_000, "`number` of connections")
			fs.IntVar(&f.atOnce, "at-once", 8, "`number` of connections that are being made at once")
			fs.DurationVar(&f.settle, "settle", 15*time.Second, "how long to leave the cell alone before looking at its memory")
			fs.BoolVar(&f.asJSON, "json", false, "print JSON")
			return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
		},
	}
}

func (f *connections) run(ctx context.Context, e command.Env) (err error) {
	if f.count < 1 || f.count > maxIdle || f.atOnce < 1 || f.atOnce > 1000 || f.settle < 0 || f.settle > time.Hour {
		return command.Usage("want 1 to %d --connections, 1 to 1000 --at-once, --settle up to 1h", maxIdle)
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur < uint64(f.count+spareFiles) {
		return command.Usage("a process may open %d files and %d connections need %d: raise `ulimit -n`, or ask for fewer", files.Cur, f.count, f.count+spareFiles)
	}
	t, err := launch(ctx, e, "empty")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	clients, err := f.clients(ctx, t)
	if err != nil {
		return err
	}
	if err := pause(ctx, f.settle); err != nil {
		return err
	}
	result := Connections{Machine: machine(e.Now()), Connections: f.count, Before: resident(t.root, "gateway")}
	before, busy, begun := byName(append(tree(t.root), own()...)), busySeconds(), e.Now()
	var took latency.Histogram
	open, err := f.connect(ctx, e, clients, &took)
	defer func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	if err != nil {
		return err
	}
	seconds := e.Now().Sub(begun).Seconds()
	result.Processes = since(before, byName(append(tree(t.root), own()...)))
	result.Elsewhere = elsewhere(busySeconds()-busy, result.Processes, e.Now().Sub(begun))
	result.PerSecond, result.P50, result.P99 = float64(f.count)/seconds, milliseconds(took.Quantile(0.5)), milliseconds(took.Quantile(0.99))
	if err := pause(ctx, f.settle); err != nil {
		return err
	}
	result.After = resident(t.root, "gateway")
	result.Bytes = (float64(result.After) - float64(result.Before)) / float64(f.count)
	return report(e.Out, f.asJSON, result, result.table())
}

func resident(root int, name string) uint64 {
	for _, p := range byName(tree(root)) {
		if p.Name == name {
			return p.Resident
		}
	}
	return 0
}

// clients are one configuration a device.
func (f *connections) clients(ctx context.Context, t *target) ([]mqttclient.Config, error) {
	api, err := rpc.Dial(t.Server, t.Key)
	if err != nil {
		return nil, err
	}
	answer, err := api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	devices := make([]enrol.Device, min(idleDevices, f.count))
	for i := range devices {
		devices[i] = enrol.Device{ID: deviceID(i), Type: "temperature_sensor"}
	}
	credentials, err := enrol.All(ctx, api.Devices, devices)
	if err != nil {
		return nil, rpc.Explain(err)
	}
	list := make([]mqttclient.Config, 0, len(devices))
	for _, c := range credentials {
		config, err := c.TLS()
		if err != nil {
			return nil, err
		}
		list = append(list, mqttclient.Config{Address: answer.GetTenant().GetMqttAddress(), TLS: config, Version: mqttclient.V5, KeepAlive: 20 * time.Minute})
	}
	return list, nil
}

// connect makes the connections; what is open when one fails is returned as well.
func (f *connections) connect(ctx context.Context, e command.Env, clients []mqttclient.Config, took *latency.Histogram) (open []net.Conn, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range f.atOnce {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < f.count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				config := clients[i%len(clients)]
				config.ClientID = fmt.Sprintf("idle-%d", i)
				begun := e.Now()
				conn, err := mqttclient.Open(ctx, config)
				if err != nil {
					cancel(fmt.Errorf("connection %d: %w", i+1, err))
					return
				}
				took.Add(e.Now().Sub(begun))
				mu.Lock()
				open = append(open, conn)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return open, context.Cause(ctx)
}

func (r Connections) table() []string {
	lines := []string{
		r.Machine.String() + fmt.Sprintf("; other work: %.2f cores", r.Elsewhere),
		fmt.Sprintf("%d idle connections, MQTT 5 over TLS 1.3 with client certificates", r.Connections), "",
		fmt.Sprintf("made         %8.0f /s   p50 %.1f ms  p99 %.1f ms", r.PerSecond, r.P50, r.P99),
		fmt.Sprintf("cell memory  %8.1f KB a connection (resident %d → %d MB)", r.Bytes/1024, r.Before>>20, r.After>>20), "",
		fmt.Sprintf("%-14s %10s %16s", "process", "CPU", "CPU a connection"),
	}
	for _, p := range r.Processes {
		lines = append(lines, fmt.Sprintf("%-14s %8.2f s %13.2f ms", p.Name, p.CPU, p.CPU/float64(r.Connections)*1e3))
	}
	return lines
}
