package role

import (
	"context"
	"flag"
	"fmt"
	"log/slog"

	"github.com/millwright-io/millwright/controlplane"
	"github.com/millwright-io/millwright/dataplane"
	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/nice"
	"github.com/millwright-io/millwright/deploy/internal/warehouse"
)

// runner is a plane: it serves until ctx is done.
type runner interface {
	Run(ctx context.Context) error
}

// Commands returns the roles.
func Commands() []command.Command {
	return append([]command.Command{controlPlaneCommand(), cellCommand(), gatewayCommand(), clickhouseCommand(), migrateCommand()}, kekCommands()...)
}

func controlPlaneCommand() command.Command {
	return command.Command{
		Name: "controlplane", Summary: "run the control plane: tenants, devices, people, the console and their API",
		Details: "Each flag is a field of the control plane's configuration, described in controlplane/config.go. Secrets are named by file.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			cfg := controlplane.DefaultConfig()
			define(fs, &cfg)
			logging := logFlags(fs)
			return func(ctx context.Context, e command.Env, _ []string) error {
				return serve(ctx, e, "controlplane", logging, cfg.Validate, func(log *slog.Logger) (runner, error) {
					return controlplane.New(ctx, cfg, log)
				})
			}
		},
	}
}

func cellCommand() command.Command {
	return ofCell(command.Command{
		Name: "cell", Summary: "run a cell: the device gateway, the stream engine and the API to what devices sent",
		Details: "Each flag is a field of the cell's configuration, described in dataplane/config.go. Secrets are named by file.",
	}, false)
}

func gatewayCommand() command.Command {
	return ofCell(command.Command{
		Name: "gateway", Summary: "run a device gateway of a cell, whose other processes work on the log",
		Details: "The flags are those of `cell`; it is `cell --gateway-only` under a name of its own.",
	}, true)
}

// ofCell makes a command run a process of a cell.
func ofCell(c command.Command, gatewayOnly bool) command.Command {
	c.Prepare = func(fs *flag.FlagSet) command.Run {
		cfg := dataplane.DefaultConfig()
		cfg.GatewayOnly = gatewayOnly
		define(fs, &cfg)
		logging := logFlags(fs)
		return func(ctx context.Context, e command.Env, _ []string) error {
			return serve(ctx, e, c.Name, logging, cfg.Validate, func(log *slog.Logger) (runner, error) {
				if !cfg.TakesEvents() {
					standBehind(ctx, nice.Cell, log)
				}
				return dataplane.New(ctx, cfg, log)
			})
		}
	}
	return c
}

// standBehind lets other processes of the machine come first.
func standBehind(ctx context.Context, value int, log *slog.Logger) {
	if err := nice.Stand(value); err != nil {
		log.WarnContext(ctx, "it competes with what takes events in", slog.Any("error", err))
	}
}

// serve checks the configuration (unless open does so itself), opens the role and runs it to its end. Where validate
// finds several problems, all are in one line.
func serve(ctx context.Context, e command.Env, name string, logging *logOptions, validate func() error, open func(*slog.Logger) (runner, error)) error {
	if validate != nil {
		if err := validate(); err != nil {
			return command.Usage("%s: %s", name, oneLine(err))
		}
	}
	log, err := logging.logger(e.Err)
	if err != nil {
		return err
	}
	log = log.With(slog.String("role", name))
	app, err := open(log)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	log.InfoContext(ctx, "serving")
	if err := app.Run(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	log.InfoContext(ctx, "drained")
	return nil
}

func clickhouseCommand() command.Command {
	return command.Command{
		Name: "clickhouse", Summary: "serve the embedded ClickHouse engine over ClickHouse's HTTP interface, on loopback",
		Details: "For development, tests, demos and small single-machine installations. Production runs ClickHouse itself.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			var cfg warehouse.Config
			define(fs, &cfg)
			logging := logFlags(fs)
			return func(ctx context.Context, e command.Env, _ []string) error {
				return serve(ctx, e, "clickhouse", logging, nil, func(log *slog.Logger) (runner, error) {
					standBehind(ctx, nice.Store, log)
					return warehouse.New(cfg, log)
				})
			}
		},
	}
}
