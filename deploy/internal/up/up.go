package up

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/demo"
	"github.com/millwright-io/millwright/deploy/internal/health"
)

// Run starts everything, prints the line that begins with `ready: `, and keeps it running until ctx is done. Then it
// stops in reverse order and returns nil. When the start fails, nothing is left running.
func Run(ctx context.Context, cfg Config, executable string, out io.Writer, log *slog.Logger, now func() time.Time) error {
	begun := now()
	if err := cfg.complete(executable); err != nil {
		return err
	}
	if err := cfg.checkParts(); err != nil {
		return err
	}
	dir, err := openDirectory(cfg.Data)
	if err != nil {
		return err
	}
	defer dir.close()
	if err := cfg.checkCells(dir); err != nil {
		return err
	}
	if err := cfg.checkPorts(ctx); err != nil {
		return err
	}
	log.InfoContext(ctx, "starting", slog.String("version", cfg.Version), slog.String("data", cfg.Data))
	s, err := newSite(ctx, cfg, dir, executable, log, now)
	if err != nil {
		return err
	}
	t := &tree{log: log, now: now}
	var started atomic.Bool
	err = s.startAll(ctx, t, &started)
	if err == nil {
		started.Store(true)
		s.announce(out, begun)
		<-ctx.Done()
		started.Store(false)
		log.Info("stopping")
	}
	stopping := now()
	t.stop()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("start: %w", err)
	}
	log.Info("stopped", slog.String("in", now().Sub(stopping).Round(time.Millisecond).String()))
	return nil
}

// startAll starts the parts in the order of what they need of each other.
func (s *site) startAll(ctx context.Context, t *tree, started *atomic.Bool) error {
	if err := t.start(ctx, s.healthPart(t, started)); err != nil {
		return err
	}
	if s.mailbox != nil {
		if err := t.start(ctx, s.mailboxPart()); err != nil {
			return err
		}
	}
	stores := []*part{s.postgresPart(), s.natsPart()}
	for _, c := range s.cfg.cells {
		clickhouse, err := s.clickhousePart(c)
		if err != nil {
			return err
		}
		stores = append(stores, clickhouse)
	}
	if err := t.start(ctx, stores...); err != nil {
		return err
	}
	if err := t.start(ctx, s.kratosPart()); err != nil {
		return err
	}
	control, err := s.controlPlanePart()
	if err != nil {
		return err
	}
	if err := t.start(ctx, control); err != nil {
		return err
	}
	var cells, gateways []*part
	for _, c := range s.cfg.cells {
		cell, gateway, err := s.cellParts(c)
		if err != nil {
			return err
		}
		cells, gateways = append(cells, cell), append(gateways, gateway)
	}
	if err := t.start(ctx, cells...); err != nil {
		return err
	}
	if err := t.start(ctx, gateways...); err != nil { // the cells have made the streams
		return err
	}
	return s.startDemo(ctx, t)
}

// healthPart serves what the tree knows of itself.
func (s *site) healthPart(t *tree, started *atomic.Bool) *part {
	var server *health.Server
	return &part{
		name: "health",
		start: func(ctx context.Context) (err error) {
			server, err = health.Start(ctx, s.cfg.MetricsAddress, watchTree(t, s, started), s.log)
			return err
		},
		stop:  func() { server.Stop() },
		check: func(context.Context) error { return nil },
	}
}

// announce prints the line that says that everything works.
func (s *site) announce(out io.Writer, begun time.Time) {
	signIn := ""
	if s.cfg.Demo != "none" {
		signIn = fmt.Sprintf("  demo: %s / password in %s", demo.Email, s.dir.at("demo.json"))
	}
	_, _ = fmt.Fprintf(out, "ready: console %s%s  (started in %s)\n", s.cfg.Origin, signIn, s.now().Sub(begun).Round(100*time.Millisecond))
}
