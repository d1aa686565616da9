package up

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/terminal"
)

// Commands returns the verb `up`. version is the binary's.
func Commands(version string) []command.Command {
	return []command.Command{{
		Name: "up", Summary: "run the whole product on this machine: stores, identity server, control plane and a cell",
		Details: "All state is below the data directory. Ctrl-C stops everything in order; a second one at once.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			cfg := Config{Version: version}
			lists, verbose := flags(fs, &cfg)
			return func(ctx context.Context, e command.Env, _ []string) error {
				cfg.Hosts, cfg.PlanLimits = words(lists.hosts), words(lists.limits)
				cfg.Operators, cfg.Cells = words(lists.operators), words(lists.cells)
				executable, err := os.Executable()
				if err != nil {
					return fmt.Errorf("find this binary: %w", err)
				}
				level := slog.LevelInfo
				if *verbose {
					level = slog.LevelDebug
				}
				return Run(ctx, cfg, executable, e.Out, slog.New(terminal.New(e.Out, level)), e.Now)
			}
		},
	}}
}

func flags(fs *flag.FlagSet, cfg *Config) (given *lists, verbose *bool) {
	given = &lists{}
	fs.StringVar(&cfg.Data, "data", ".millwright", "`DIR` of all state; deleting it resets everything")
	fs.IntVar(&cfg.PortBase, "port-base", 0, "first of nine public ports: console, cell API, HTTPS ingest, MQTT, MQTT over WebSocket, metrics, ClickHouse, EST, NATS for devices (default 8080, 8081, 8443, 8883, 8884, 9090, 8123, 8444, 8885)")
	fs.StringVar(&cfg.Demo, "demo", "plant", "plant: a demo tenant with a simulated plant; empty: the demo tenant alone; none: neither")
	for i, a := range cfg.addresses() {
		fs.StringVar(a.value, a.flag, "", fmt.Sprintf("`HOST:PORT` of %s (default 127.0.0.1:%d, or the port base + %d)", a.serves, a.standard, i))
	}
	fs.StringVar(&cfg.Origin, "origin", "", "`URL` that browsers see the console at (default http:// and the control address)")
	fs.StringVar(&given.hosts, "hosts", "", "further names and addresses, separated by commas, that devices reach the gateway by; they go into its certificate")
	fs.StringVar(&given.cells, "cells", "", "cells to run, separated by commas, each NAME or NAME=REGION, e.g. eu-1,us-1; the first has the addresses below, each further one six ports after the port base's nine, or those of the first plus 100, 200, … (default one, local)")
	fs.DurationVar(&cfg.DeletionGrace, "deletion-grace", 7*24*time.Hour, "how long the deletion of an organisation can be cancelled")
	fs.StringVar(&cfg.StripeKeyFile, "stripe-key-file", "", "`FILE` with Stripe's secret key, with which invoices are collected (default: they are not)")
	fs.StringVar(&cfg.StripeWebhookSecretFile, "stripe-webhook-secret-file", "", "`FILE` with the signing secret of the endpoint /webhooks/stripe of the console's address")
	fs.StringVar(&cfg.StripeURL, "stripe-url", "", "`URL` of Stripe's API, e.g. that of stripe-fake (default: Stripe's own)")
	fs.DurationVar(&cfg.PaymentGrace, "payment-grace", 14*24*time.Hour, "how long an organisation is served whose payment failed")
	fs.StringVar(&cfg.BillingClock, "billing-clock", "", "`FILE` with an RFC 3339 time that billing, and nothing else, lives by; change it to rehearse the end of a month (default: the machine's clock)")
	fs.StringVar(&given.operators, "operators", "", "e-mail addresses, separated by commas, of the people who run the installation: they manage its cells and see its tenants (default: the demo's person, or nobody with --demo none)")
	fs.StringVar(&cfg.MailURLFile, "mail-url-file", "", "`FILE` with the mail server's URL, e.g. smtps://user:password@mail.example.com:465 (default: a mailbox for development, at /mailbox of the console)")
	fs.StringVar(&cfg.MailFrom, "mail-from", "", "address that e-mails come from")
	fs.DurationVar(&cfg.CertificateLife, "device-certificate-life", 0, "how long a device's certificate lives (default 720h)")
	fs.StringVar(&cfg.Home, "home", "", "checkout that has console/dist, .tools/kratos and deploy/tools (default: the folder above this binary's)")
	fs.StringVar(&cfg.Kratos, "kratos", "", "the identity server's binary (default HOME/.tools/kratos)")
	fs.StringVar(&cfg.Library, "library", "", "libchdb.so (default below HOME/deploy/tools/engine)")
	fs.StringVar(&cfg.Console, "console", "", "`DIR` of the console's build (default HOME/console/dist)")
	fs.StringVar(&cfg.PostgresBin, "postgres-bin", "", "`DIR` of initdb and postgres (default: on PATH, /usr/lib/postgresql, or the npm package)")
	fs.StringVar(&cfg.NATSURL, "nats-url", "", "`URLS`, separated by commas, of a NATS server with JetStream, or a cluster, that is there already and lets everybody in (default: one inside this process)")
	fs.IntVar(&cfg.NATSReplicas, "nats-replicas", 1, "`number` of replicas of streams and buckets, 3 in a cluster")
	fs.IntVar(&cfg.Partitions, "partitions", 0, "`number` of partitions of a new cell's log, over which its processes can be spread; it stays as it is (default 2)")
	fs.IntVar(&cfg.SpaceReserve, "space-reserve", 0, "`MB` that must stay free on the data directory's disk: below, new events are refused (default 256)")
	fs.StringVar(&given.limits, "plan-limits", "", "limits of every tenant's plan, separated by commas, e.g. events_per_second=1000000,events_burst=2000000")
	verbose = fs.Bool("verbose", false, "show details, such as what NATS notes")
	return given, verbose
}

// lists are flags that hold several words.
type lists struct{ hosts, limits, operators, cells string }

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
