package controlplane

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds the question to Postgres.
const readyTimeout = 2 * time.Second

func (a *App) metricsHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "millwright_controlplane_nats_connected", Help: "1 while NATS is there.",
		}, func() float64 {
			if a.nats.Connected() {
				return 1
			}
			return 0
		}),
		reconciled{a.reconciliation},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "millwright_controlplane_cells_lagging", Help: "Cells whose catalog could not be brought up to date.",
		}, func() float64 { return float64(a.distributor.Lagging()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "millwright_controlplane_postgres_connections", Help: "Open connections to Postgres.",
		}, func() float64 { return float64(a.store.Pool().Stat().TotalConns()) }),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	return mux
}

// healthz answers while the process serves.
func (a *App) healthz(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") }

// readyz answers 200 when requests can be served: Postgres is there. Without NATS the control plane serves on.
func (a *App) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := a.store.Ping(ctx); err != nil {
		answer(w, http.StatusServiceUnavailable, "postgres does not answer")
		return
	}
	answer(w, http.StatusOK, "ok")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
