// Command cmd runs the warehouse alone, for those who work on what talks to it. The product starts it as
// `millwright clickhouse`.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/millwright-io/millwright/deploy/internal/warehouse"
)

func main() {
	var cfg warehouse.Config
	flag.StringVar(&cfg.Address, "address", "127.0.0.1:8123", "loopback host:port to listen on; port 0 picks a free one")
	flag.StringVar(&cfg.DataDir, "data", "", "data directory")
	flag.StringVar(&cfg.Library, "library", "", "path of libchdb.so (default: found in the checkout)")
	flag.StringVar(&cfg.AdminUser, "admin", "default", "name of the admin")
	flag.StringVar(&cfg.AdminPasswordFile, "password-file", "", "file with the admin's password (default: made in the data directory)")
	flag.Int64Var(&cfg.MemoryLimit, "memory", 2<<30, "the engine's memory in bytes")
	flag.Parse()
	if err := run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(cfg warehouse.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := warehouse.New(cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	fmt.Println(server.Addr())
	return server.Run(ctx)
}
