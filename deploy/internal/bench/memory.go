package bench

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/nats"
)

const (
	maxMemoryTenants = 1000
	maxMemoryDevices = 500_000
	// storedWithin is how long the engine may take for what was acknowledged.
	storedWithin = 2 * time.Minute
)

type memoryBench struct {
	tenants, devices int
	settle           time.Duration
	asJSON           bool
}

// Memory is the result of `bench memory`.
type Memory struct {
	Machine Machine `json:"machine"`
	Tenants int     `json:"tenants"`
	Devices int     `json:"devices"`
	// Events were sent, two a device; CatalogSeconds and SendSeconds are how long entries and events took.
	Events         int     `json:"events"`
	CatalogSeconds float64 `json:"catalog_seconds"`
	SendSeconds    float64 `json:"send_seconds"`
	// Empty, Catalog and Full are the processes before anything is there, with all devices known, and with all windows open.
	Empty   []Process `json:"empty"`
	Catalog []Process `json:"catalog"`
	Full    []Process `json:"full"`
	// Peak is the most that the cell's resident memory ever was.
	Peak uint64 `json:"cell_resident_peak"`
}

func memoryCommand() command.Command {
	return command.Command{
		Name: "bench memory", Summary: "what a cell takes with many tenants and devices, all windows open",
		Details: "Writes tenants and devices into the cell's catalog as the control plane does, then has one gateway device a tenant send two events of nine " +
			"measurements for every device, a minute apart. NATS runs in the bench's own process, unsynced.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			f := &memoryBench{}
			fs.IntVar(&f.tenants, "tenants", 200, "`number` of tenants")
			fs.IntVar(&f.devices, "devices", 100_000, "`number` of devices of all tenants")
			fs.DurationVar(&f.settle, "settle", 10*time.Second, "how long to leave the cell alone before looking")
			fs.BoolVar(&f.asJSON, "json", false, "print JSON")
			return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
		},
	}
}

func (f *memoryBench) run(ctx context.Context, e command.Env) (err error) {
	if f.tenants < 1 || f.tenants > maxMemoryTenants || f.devices < f.tenants || f.devices > maxMemoryDevices || f.settle < 0 || f.settle > time.Minute {
		return command.Usage("want 1 to %d --tenants, at least as many and at most %d --devices, --settle up to 1m", maxMemoryTenants, maxMemoryDevices)
	}
	dir, err := os.MkdirTemp("", "millwright-bench-nats-")
	if err != nil {
		return fmt.Errorf("make a directory for nats: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := nats.Unsynced(dir, slog.New(slog.NewTextHandler(e.Err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer server.Stop()
	t, err := launch(ctx, e, "empty", "--nats-url", server.URL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	result, err := f.measure(ctx, e, t, server.URL())
	if err != nil {
		return err
	}
	return report(e.Out, f.asJSON, result, result.table())
}

func (f *memoryBench) measure(ctx context.Context, e command.Env, t *target, natsURL string) (*Memory, error) {
	look := func() []Process { return byName(append(tree(t.root), own()...)) }
	result := &Memory{Machine: machine(e.Now()), Tenants: f.tenants, Devices: f.devices, Events: 2 * f.devices, Empty: look()}
	begun := e.Now()
	fleets, err := newFleets(f.tenants, f.devices, e.Now())
	if err != nil {
		return nil, err
	}
	if err := fillCatalog(ctx, natsURL, fleets); err != nil {
		return nil, err
	}
	result.CatalogSeconds = e.Now().Sub(begun).Seconds()
	if err := pause(ctx, f.settle); err != nil {
		return nil, err
	}
	result.Catalog = look()
	begun = e.Now()
	if err := sendAll(ctx, e, t, fleets); err != nil {
		return nil, err
	}
	if err := t.awaitEngine(ctx, e, result.Events); err != nil {
		return nil, err
	}
	result.SendSeconds = e.Now().Sub(begun).Seconds()
	if err := pause(ctx, f.settle); err != nil {
		return nil, err
	}
	result.Full = look()
	for _, p := range tree(t.root) {
		if p.Name == "cell" {
			result.Peak = peak(p.id)
		}
	}
	return result, nil
}

// awaitEngine waits until the cell's engine has taken so many events as new.
func (t *target) awaitEngine(ctx context.Context, e command.Env, want int) error {
	deadline := e.Now().Add(storedWithin)
	for {
		n, err := t.counter(ctx, "millwright_engine_events_total", `outcome="stored"`)
		if err != nil {
			return err
		}
		if int(n) >= want {
			return nil
		}
		if e.Now().After(deadline) {
			return fmt.Errorf("%d of %d events went through the engine within %s", int(n), want, storedWithin)
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// counter adds up a figure of the installation's metrics with a label.
func (t *target) counter(ctx context.Context, name, label string) (sum float64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.metrics, nil)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	found := false
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		labels, value, ok := strings.Cut(lines.Text(), "} ")
		if !ok || !strings.HasPrefix(labels, name+"{") || !strings.Contains(labels, label) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s of %s: %w", name, t.metrics, err)
		}
		sum, found = sum+n, true
	}
	if !found {
		return 0, fmt.Errorf("%s has no %s with %s", t.metrics, name, label)
	}
	return sum, nil
}

func (r *Memory) table() []string {
	lines := []string{
		r.Machine.String(),
		fmt.Sprintf("%d tenants, %d devices of %d measurements, two events a device in two minutes: all windows open", r.Tenants, r.Devices, measurements),
		fmt.Sprintf("catalog written in %.1f s, %d events sent and through the engine in %.1f s", r.CatalogSeconds, r.Events, r.SendSeconds), "",
		fmt.Sprintf("%-14s %12s %12s %12s", "resident", "empty", "catalog", "windows open"),
	}
	was := func(all []Process, name string) uint64 {
		for _, p := range all {
			if p.Name == name {
				return p.Resident >> 20
			}
		}
		return 0
	}
	for _, p := range r.Full {
		lines = append(lines, fmt.Sprintf("%-14s %9d MB %9d MB %9d MB", p.Name, was(r.Empty, p.Name), was(r.Catalog, p.Name), p.Resident>>20))
	}
	return append(lines, "", fmt.Sprintf("the cell's peak was %d MB; the generator holds NATS as well", r.Peak>>20))
}
