package simulate

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/plant"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

type flags struct {
	cfg     Config
	devices int
	dir     string
	api     *rpc.Options
}

// Commands are the verbs of this package.
func Commands() []command.Command {
	return []command.Command{{
		Name: "simulate", Summary: "run a plant of simulated devices, each with its own certificate",
		Details: "With --devices-dir the devices in that folder send at their own intervals; else --devices are registered " +
			"as sim_<seed>_<n> and, with --rate, send that many events a second together.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			f := define(fs)
			return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
		},
	}}
}

func define(fs *flag.FlagSet) *flags {
	f := &flags{api: rpc.Flags(fs)}
	fs.IntVar(&f.devices, "devices", 10, "`number` of devices to register")
	fs.StringVar(&f.dir, "devices-dir", "", "`folder` of devices that exist: NAME/{cert,key,ca}.pem and device.json")
	fs.Float64Var(&f.cfg.Rate, "rate", 0, "`events` a second of all devices together; 0: each type's own interval")
	fs.DurationVar(&f.cfg.Duration, "duration", 0, "how long to send; 0: until stopped")
	fs.Uint64Var(&f.cfg.Seed, "seed", 1, "`number` that decides every signal")
	fs.Float64Var(&f.cfg.Speed, "speed", 1, "how many times as fast simulated time runs until it has caught up with the clock")
	fs.DurationVar(&f.cfg.Backfill, "backfill", 0, "how much history to send first")
	fs.DurationVar(&f.cfg.Grace, "grace", 30*time.Second, "how long to wait for acknowledgements at the end")
	fs.StringVar(&f.cfg.Protocol, "protocol", "mqtt", "mqtt, mqtt5, ws, nats or http")
	fs.IntVar(&f.cfg.Window, "window", 64, "`messages` of a device that may wait for their acknowledgement")
	fs.StringVar(&f.cfg.Acks, "acks", "", "`file` that gets one line for each acknowledged event: device, message id, event time")
	fs.StringVar(&f.cfg.Target.MQTT, "mqtt-address", "", "`host:port` of MQTT over TLS; asked of the server when empty")
	fs.StringVar(&f.cfg.Target.WebSocket, "mqtt-websocket-url", "", "`URL` of MQTT over WebSocket; asked of the server when empty")
	fs.StringVar(&f.cfg.Target.NATS, "nats-url", "", "`URL` of NATS over TLS; asked of the server when empty")
	fs.StringVar(&f.cfg.Target.Ingest, "ingest-url", "", "`URL` of the HTTPS ingest; asked of the server when empty")
	fs.StringVar(&f.cfg.EST, "est-url", "", "`URL` where certificates are renewed by EST after two thirds of their life, e.g. https://127.0.0.1:8444/.well-known/est; asked of the server when empty")
	fs.Func("start", "RFC 3339 `time` at which simulated time begins", func(s string) (err error) {
		f.cfg.Start, err = time.Parse(time.RFC3339, s)
		return err
	})
	return f
}

func (f *flags) check() error {
	switch {
	case f.devices < 1 || f.devices > maxDevices:
		return command.Usage("--devices %d: want 1 to %d", f.devices, maxDevices)
	case f.cfg.Rate < 0 || f.cfg.Speed <= 0 || f.cfg.Duration < 0 || f.cfg.Backfill < 0 || f.cfg.Grace < 0:
		return command.Usage("--rate, --duration, --backfill and --grace must not be negative, --speed must be above 0")
	case f.cfg.Window < 1 || f.cfg.Window > 65535:
		return command.Usage("--window %d: want 1 to 65535", f.cfg.Window)
	}
	switch f.cfg.Protocol {
	case "mqtt", "mqtt5", "ws", "nats", "http":
		return nil
	}
	return command.Usage("--protocol %q: want mqtt, mqtt5, ws, nats or http", f.cfg.Protocol)
}

func (f *flags) run(ctx context.Context, e command.Env) error {
	if err := f.check(); err != nil {
		return err
	}
	members, err := f.members(ctx, e)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	err = Run(ctx, f.cfg, members, e.Out, e.Now, log)
	if errors.Is(err, ErrIncomplete) {
		return command.Reported()
	}
	return err
}

// members are the devices of the folder, or new ones at the server, which also says where to send.
func (f *flags) members(ctx context.Context, e command.Env) ([]Member, error) {
	if f.dir != "" {
		if f.cfg.Target == (Target{}) {
			return nil, command.Usage("--devices-dir needs to know where to send: give --mqtt-address, --mqtt-websocket-url, --nats-url or --ingest-url")
		}
		return ReadMembers(f.dir, f.cfg.Seed)
	}
	api, err := f.api.Dial(e)
	if err != nil {
		return nil, err
	}
	answer, err := api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	t := answer.GetTenant()
	f.cfg.Target = Target{
		MQTT:      cmp.Or(f.cfg.Target.MQTT, t.GetMqttAddress()),
		WebSocket: cmp.Or(f.cfg.Target.WebSocket, t.GetMqttWebsocketUrl()),
		NATS:      cmp.Or(f.cfg.Target.NATS, t.GetNatsUrl()),
		Ingest:    cmp.Or(f.cfg.Target.Ingest, t.GetIngestUrl()),
	}
	if f.cfg.EST == "" {
		overview, err := api.Certificates.GetOverview(ctx, &certificatev1.GetOverviewRequest{})
		if err != nil {
			return nil, rpc.Explain(err)
		}
		f.cfg.EST = overview.GetEstUrl()
	}
	signals := plant.New(f.cfg.Seed, f.devices)
	wanted := make([]enrol.Device, len(signals))
	for i, s := range signals {
		wanted[i] = enrol.Device{
			ID: fmt.Sprintf("sim_%d_%d", f.cfg.Seed, i), Type: string(s.Type), Facility: s.Facility, Line: s.Line, Station: s.Station,
		}
	}
	credentials, err := enrol.All(ctx, api.Devices, wanted)
	if err != nil {
		return nil, rpc.Explain(err)
	}
	members := make([]Member, len(signals))
	for i, s := range signals {
		members[i] = Member{ID: wanted[i].ID, Signals: s, Credentials: credentials[i]}
	}
	return members, nil
}
