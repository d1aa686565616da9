package simulate

import (
	"context"
	"fmt"
	"time"
)

const progressEvery = 5 * time.Second

// progress prints a line every few seconds.
func (r *run) progress(ctx context.Context) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	before := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			acked := r.totals.ackCount.Load()
			rate := float64(acked-before) / progressEvery.Seconds()
			before = acked
			_, _ = fmt.Fprintf(r.out, "sent %d, acked %d, refused %d, resent %d, %.0f events/s, %s\n",
				r.totals.sentCount.Load(), acked, r.totals.refusals(), r.resent(), rate, r.connected())
		}
	}
}

// connected says how many devices are, and why one of the others is not.
func (r *run) connected() string {
	n, example := 0, ""
	for _, d := range r.devices {
		if d.sender.Connected() {
			n++
		} else if example == "" {
			if reason := d.sender.Stats().LastError; reason != "" {
				example = fmt.Sprintf(" (%s: %s)", d.id, reason)
			}
		}
	}
	return fmt.Sprintf("connected %d of %d%s", n, len(r.devices), example)
}

// awaitHistory prints when the history of all devices was acknowledged.
func (r *run) awaitHistory(ctx context.Context) {
	start := r.now()
	for _, d := range r.devices {
		select {
		case <-ctx.Done():
			return
		case <-d.historySent:
		}
	}
	_, _ = fmt.Fprintf(r.out, "history sent: %d events of %d devices in %s\n", r.totals.ackCount.Load(), len(r.devices), short(r.now().Sub(start)))
}
