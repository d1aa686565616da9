package dataplane

import (
	"context"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
)

// heartbeatInterval is how often the cell says how it fares; the control plane takes five missing ones for its absence.
const heartbeatInterval = 2 * time.Second

// heart tells the control plane how the cell fares. What cannot be asked at the moment is told as it was before.
type heart struct {
	app    *App
	sender *jetstream.Heart
	events *jetstream.Log
	// stored counts the events made durable since the start.
	stored func() uint64

	last   jetstream.Heartbeat
	before uint64
	at     time.Time
}

// run beats until ctx is done.
func (h *heart) run(ctx context.Context) error {
	tick := time.NewTicker(heartbeatInterval)
	defer tick.Stop()
	for {
		h.measure(ctx)
		if err := h.sender.Beat(h.last); err != nil && ctx.Err() == nil {
			h.app.log.DebugContext(ctx, "heartbeat not sent", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *heart) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, heartbeatInterval)
	defer cancel()
	now, stored := h.app.now(), h.stored()
	if span := now.Sub(h.at).Seconds(); !h.at.IsZero() && span > 0 {
		h.last.EventsPerSecond = float64(stored-h.before) / span
	}
	h.before, h.at = stored, now
	h.last.Version = h.app.cfg.Version
	h.last.Tenants, h.last.Devices = h.app.catalog.Size()
	if n, err := h.app.store.Databases(ctx); err == nil {
		h.last.Databases = n
	}
	if state, err := h.events.State(ctx); err == nil {
		h.last.LogBytes, h.last.MaxLogBytes = state.Bytes, state.MaxBytes
		h.last.Lag = h.app.watch.lag(state.Newest)
	}
	if dir := h.app.cfg.SpaceDirectory; dir != "" {
		if free, whole, err := diskSpace(dir); err == nil {
			h.last.DiskFreeBytes, h.last.DiskBytes = free, whole
		}
	}
}
