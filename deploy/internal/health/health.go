// Package health serves the health and the metrics of everything that `millwright up` runs, on one address. Package up
// imports it.
package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Check is one thing that must serve for the whole to be ready.
type Check struct {
	Name string
	// Check returns nil while it serves. It is called with a deadline.
	Check func(ctx context.Context) error
}

// Source is a process that tells its metrics in Prometheus' text form.
type Source struct {
	Process string
	URL     string
}

// Tree is what is looked at. Its functions are called for each request.
type Tree struct {
	// Started reports whether the start is through.
	Started func() bool
	Checks  func() []Check
	Sources func() []Source
	// Own adds the tree's own metrics.
	Own func(ctx context.Context, m *Metrics)
}

const (
	checkWithin  = 5 * time.Second
	scrapeWithin = 5 * time.Second
	drainWithin  = 2 * time.Second
)

// Server answers /healthz, /readyz and /metrics.
type Server struct {
	http   *http.Server
	listen net.Listener
	log    *slog.Logger
	ended  chan struct{}
}

// Start listens on address and serves until Stop.
func Start(ctx context.Context, address string, tree Tree, log *slog.Logger) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for metrics and health: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", tree.ready)
	mux.HandleFunc("GET /metrics", tree.metrics)
	s := &Server{
		http:   &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10},
		listen: listener, log: log, ended: make(chan struct{}),
	}
	go s.serve()
	return s, nil
}

func (s *Server) serve() {
	defer close(s.ended)
	if err := s.http.Serve(s.listen); err != nil && !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("metrics and health ended", slog.String("reason", err.Error()))
	}
}

// Stop ends the server and waits for it.
func (s *Server) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	<-s.ended
}

// Address is where the server listens.
func (s *Server) Address() string { return s.listen.Addr().String() }

// ready answers 200 when the start is through and every check passes, else 503, with a line of JSON for each check.
func (t Tree) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkWithin)
	defer cancel()
	checks := t.Checks()
	problems := make([]string, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			if err := c.Check(ctx); err != nil {
				problems[i] = err.Error()
			}
		})
	}
	wg.Wait()
	answer := struct {
		Ready    bool              `json:"ready"`
		Problems map[string]string `json:"problems,omitempty"`
	}{Ready: true, Problems: map[string]string{}}
	if !t.Started() {
		answer.Ready, answer.Problems["up"] = false, "it is starting or stopping"
	}
	for i, problem := range problems {
		if problem != "" {
			answer.Ready, answer.Problems[checks[i].Name] = false, problem
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}
