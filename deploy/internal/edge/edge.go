// Package edge is the process at the plant: it takes telemetry from devices on the plant's own network, keeps it on its disk, and sends it to
// the cell as a gateway that speaks for them, in each device's order and once. Nothing is acknowledged to a device before it is on the disk, and
// nothing leaves the disk before the cell has it. Command millwright imports it for the verb `edge`.
package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/health"
)

// Config is what an edge agent is told.
type Config struct {
	// Data is the directory of the store.
	Data string
	// Credentials is the folder of the edge's own device: cert.pem, key.pem and ca.pem.
	Credentials string
	// Uplink is the cell's NATS for devices, e.g. tls://127.0.0.1:8885.
	Uplink string
	// MQTTAddress takes the plant's devices, without TLS.
	MQTTAddress string
	// MetricsAddress serves /metrics, /healthz and /readyz.
	MetricsAddress string
	// StoreBytes bounds what waits on the disk. When it is full, devices are refused.
	StoreBytes int64
	// PayloadBytes is the largest message that is taken.
	PayloadBytes int
	// Connections bounds the devices that are connected, Devices those that anything waits of.
	Connections, Devices int
}

// DefaultConfig leaves Credentials and Uplink to the caller.
func DefaultConfig() Config {
	return Config{
		Data: ".millwright-edge", MQTTAddress: "127.0.0.1:1883", MetricsAddress: "127.0.0.1:9091", StoreBytes: 1 << 30, PayloadBytes: 256 << 10,
		Connections: 1000, Devices: 10_000,
	}
}

func (c Config) check() error {
	u, err := url.Parse(c.Uplink)
	switch {
	case c.Credentials == "":
		return command.Usage("edge: name the folder with cert.pem, key.pem and ca.pem of the edge's own device by --credentials")
	case err != nil || u.Scheme != "tls" || u.Host == "":
		return command.Usage("edge: --uplink %q: want the cell's NATS for devices, e.g. tls://cell.example.com:8885; `millwright tenant get` shows it", c.Uplink)
	case c.StoreBytes < 1<<20 || c.StoreBytes > 1<<40:
		return command.Usage("edge: --store-bytes %d: want 1 MiB to 1 TiB", c.StoreBytes)
	case c.PayloadBytes < 1<<10 || c.PayloadBytes > 4<<20:
		return command.Usage("edge: --payload-bytes %d: want 1 KiB to 4 MiB", c.PayloadBytes)
	case c.Connections < 1 || c.Devices < 1:
		return command.Usage("edge: --connections and --devices: want above 0")
	}
	for name, address := range map[string]string{"mqtt-address": c.MQTTAddress, "metrics-address": c.MetricsAddress} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return command.Usage("edge: --%s %q: want host:port", name, address)
		}
	}
	return nil
}

// Run takes and sends until ctx is done, then stops taking, waits a moment for what is on its way, and returns.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	if err := cfg.check(); err != nil {
		return err
	}
	credentials, err := cfg.tls()
	if err != nil {
		return err
	}
	unlock, err := lock(cfg.Data)
	if err != nil {
		return err
	}
	defer unlock()
	counts := &counts{}
	kept, err := openStore(ctx, filepath.Join(cfg.Data, "store"), cfg.StoreBytes, log)
	if err != nil {
		return err
	}
	defer kept.close()
	up := newUplink(cfg.Uplink, credentials, log)
	fleet := newFleet(kept, up, cfg.Devices, counts, log)
	if err := fleet.resume(ctx); err != nil {
		return err
	}
	local, err := listen(cfg, kept, fleet, counts, log)
	if err != nil {
		return err
	}
	defer local.stop()
	server, err := health.Start(ctx, cfg.MetricsAddress, status(kept, up, fleet, counts), log)
	if err != nil {
		return err
	}
	defer server.Stop()
	log.InfoContext(ctx, "edge ready", slog.String("mqtt", local.address()), slog.String("metrics", server.Address()), slog.String("uplink", cfg.Uplink),
		slog.Uint64("waiting", kept.waiting()))
	return serve(ctx, local, up, fleet)
}

// drainWithin bounds how long a stop waits for answers of the cell.
const drainWithin = 3 * time.Second

// serve runs the uplink for as long as anything may still be answered.
func serve(ctx context.Context, local *local, up *uplink, fleet *fleet) error {
	base := context.WithoutCancel(ctx)
	upCtx, stopUp := context.WithCancel(base)
	defer stopUp()
	group, running := errgroup.WithContext(base)
	group.Go(func() error { return up.run(upCtx) })
	group.Go(func() error {
		defer stopUp()
		select {
		case <-ctx.Done():
		case <-running.Done():
		}
		local.stop()
		fleet.stop(drainWithin)
		return nil
	})
	return group.Wait()
}

// tls reads the edge's certificate again for every connection, so that a renewed one is taken up.
func (c Config) tls() (func() (*tls.Config, error), error) {
	load := func() (*tls.Config, error) {
		credentials, err := enrol.Load(c.Credentials)
		if err != nil {
			return nil, err
		}
		return credentials.TLS()
	}
	_, err := load()
	return load, err
}

// lock keeps a second edge off the store.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, command.Usage("edge: the data directory %s is in use by another edge: name another by --data", dir)
		}
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return func() { _ = file.Close() }, nil // the kernel unlocks it
}
