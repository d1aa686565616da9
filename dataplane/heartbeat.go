package dataplane

import (
	"context"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
)

// heartbeatInterval is how often the cell says how it fares; the control plane takes five missing ones for its absence.
const heartbeatInterval = 2 * time.Second

// heart tells the control plane how the cell fares, all its processes together. What cannot be asked at the moment is told as it was before.
type heart struct {
	app    *App
	sender *jetstream.Heart
	events *jetstream.Log
	// stored counts the events made durable by this process since its start.
	stored func() uint64

	last   jetstream.Heartbeat
	before uint64
	at     time.Time
}

// rate is how many events a second were made durable by this process since it was asked last.
func (h *heart) rate() (rate float64) {
	now, stored := h.app.now(), h.stored()
	if span := now.Sub(h.at).Seconds(); !h.at.IsZero() && span > 0 {
		rate = float64(stored-h.before) / span
	}
	h.before, h.at = stored, now
	return rate
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
	h.last.EventsPerSecond, h.last.Lag = 0, 0
	for _, m := range h.app.owned.Members() {
		h.last.EventsPerSecond += m.EventsPerSecond
		h.last.Lag = max(h.last.Lag, m.Lag)
	}
	h.last.Version = h.app.cfg.Version
	h.last.Tenants, h.last.Devices = h.app.catalog.Size()
	if n, err := h.app.store.Databases(ctx); err == nil {
		h.last.Databases = n
	}
	if state, err := h.events.State(ctx); err == nil {
		h.last.LogBytes, h.last.MaxLogBytes = state.Bytes, state.MaxBytes
		h.app.metrics.logBytes.Set(float64(state.Bytes))
		h.app.metrics.logMost.Set(float64(state.MaxBytes))
	}
	if dir := h.app.cfg.SpaceDirectory; dir != "" {
		if free, whole, err := diskSpace(dir); err == nil {
			h.last.DiskFreeBytes, h.last.DiskBytes = free, whole
			h.app.metrics.diskFree.Set(float64(free))
		}
	}
}
