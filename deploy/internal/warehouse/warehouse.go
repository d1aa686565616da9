// Package warehouse serves ClickHouse's HTTP interface over an embedded ClickHouse engine.
//
// It stands in for a ClickHouse server in development, in tests and on small single machines: the cell talks to it with
// stock clickhouse-go and cannot tell the difference. Only the millwright command may import it.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

// Server is the endpoint over one data directory. A process can have only one: the engine keeps one path.
type Server struct {
	cfg      Config
	log      *slog.Logger
	now      func() time.Time
	lock     *lock
	engine   *engine
	users    *users
	sessions *sessions
	slots    *slots
	turns    *turns
	rules    rules
	listener net.Listener
	version  string
	timezone string
}

// New locks the data directory, starts the engine on it and binds the address; requests are answered once Run is
// called. On an error it closes what it opened.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, now: time.Now}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) open() error {
	path, err := chdb.Find(s.cfg.Library, s.cfg.SearchFrom)
	if err != nil {
		return err
	}
	if s.lock, err = acquireLock(s.cfg.DataDir); err != nil {
		return err
	}
	if s.users, err = openUsers(s.cfg); err != nil {
		return err
	}
	library, err := chdb.Load(path)
	if err != nil {
		return err
	}
	if s.engine, err = startEngine(library, s.cfg, s.users.grantSets(), s.log); err != nil {
		return err
	}
	if s.version, s.timezone, err = s.engine.identity(); err != nil {
		return err
	}
	if s.rules, err = s.engine.rules(); err != nil {
		return err
	}
	s.slots = newSlots(s.cfg.MaxConcurrentQueries, s.cfg.MaxQueuedQueries)
	s.turns = newTurns(s.now, s.cfg.TenantQueries, max(1, s.cfg.TenantQueries/4), s.cfg.MaxQueuedQueries)
	s.sessions = newSessions(s.now, s.cfg.MaxSessions)
	s.engine.onClose = s.sessions.closeAll
	if s.listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", s.cfg.Address); err != nil {
		return fmt.Errorf("listen on %s for ClickHouse: %w", s.cfg.Address, err)
	}
	return nil
}

// Addr is the address that the server listens on, with the port that the system chose for port 0.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx is done, lets running statements finish within the drain timeout, cancels the rest, and closes
// the engine. It returns nil after a clean stop.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.log.InfoContext(ctx, "clickhouse endpoint ready", slog.String("address", s.Addr()), slog.String("version", s.version))
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	swept := make(chan struct{})
	sweep, stopSweep := context.WithCancel(ctx)
	go func() { defer close(swept); s.sessions.sweep(sweep) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	stopSweep()
	<-swept
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	if shutdownErr := server.Shutdown(drain); shutdownErr != nil {
		s.engine.killAll()
		_ = server.Close()
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, s.close())
}

func (s *Server) close() error {
	var errs []error
	if s.listener != nil {
		_ = s.listener.Close()
	}
	if s.engine != nil {
		errs = append(errs, s.engine.stop(s.cfg.DrainTimeout))
	}
	if s.lock != nil {
		s.lock.release()
	}
	return errors.Join(errs...)
}
