package edge

import (
	"context"
	"flag"
	"log/slog"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// Commands returns the verb `edge`.
func Commands() []command.Command {
	return []command.Command{{
		Name: "edge", Summary: "run at a plant: take MQTT from its devices, keep it on disk, send it to the cell",
		Details: "The edge is a device of its own, which must be a gateway for the others: `millwright device gateway EDGE --groups G`. " +
			"It stores every message before it acknowledges it, and goes on without the cell until its store is full. docs/edge.md has the whole.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			cfg := DefaultConfig()
			fs.StringVar(&cfg.Data, "data", cfg.Data, "`DIR` of the store")
			fs.StringVar(&cfg.Credentials, "credentials", "", "`DIR` with cert.pem, key.pem and ca.pem of the edge's own device; newer files are taken up with the next connection")
			fs.StringVar(&cfg.Uplink, "uplink", "", "`URL` of the cell's NATS for devices, e.g. tls://127.0.0.1:8885")
			fs.StringVar(&cfg.MQTTAddress, "mqtt-address", cfg.MQTTAddress, "`HOST:PORT` of MQTT for the plant's devices, without TLS and without passwords: whoever reaches it may send")
			fs.StringVar(&cfg.MetricsAddress, "metrics-address", cfg.MetricsAddress, "`HOST:PORT` of metrics and health")
			fs.Int64Var(&cfg.StoreBytes, "store-bytes", cfg.StoreBytes, "`bytes` that may wait on the disk; beyond, devices are refused and nothing is dropped")
			fs.IntVar(&cfg.PayloadBytes, "payload-bytes", cfg.PayloadBytes, "`bytes` of the largest message")
			fs.IntVar(&cfg.Connections, "connections", cfg.Connections, "`number` of devices connected at once")
			fs.IntVar(&cfg.Devices, "devices", cfg.Devices, "`number` of devices that messages may come from")
			verbose := fs.Bool("verbose", false, "log each refusal")
			return func(ctx context.Context, e command.Env, _ []string) error {
				level := slog.LevelInfo
				if *verbose {
					level = slog.LevelDebug
				}
				return Run(ctx, cfg, slog.New(slog.NewTextHandler(e.Err, &slog.HandlerOptions{Level: level})).With(slog.String("role", "edge")))
			}
		},
	}}
}
