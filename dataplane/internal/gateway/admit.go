package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// heldAtMost is how long a sender that cannot be told why is held back. Beyond that its connection ends.
const heldAtMost = 30 * time.Second

// metered is for how many bytes of a message one event is counted at the rates, at least.
const metered = 4 << 10

// weight is what a message takes from the rates: one for each of its events, or for each begun metered bytes if these are more. What
// it costs to take, to keep and to look through goes by its size as much as by its events.
func weight(got telemetry.Result, size int) int {
	return max(len(got.Events)+len(got.Invalid), (size+metered-1)/metered)
}

// reserve asks the rates of the device, its groups and its tenant for a message of so many bytes. A sender slightly over one is held back; who
// cannot be told is held back longer. What refuses is the error.
func (g *Gateway) reserve(ctx context.Context, id *Identity, got telemetry.Result, size int, untold bool) error {
	n, reserve := weight(got, size), g.lane(got)
	for held := false; ; held = true {
		wait, err := reserve(id.Tenant, id.Device, n, g.cfg.AdmissionWait)
		if err == nil {
			if !pause(ctx, wait) {
				return ctx.Err()
			}
			return nil
		}
		var limit *tenancy.LimitError
		if !errors.As(err, &limit) || !untold || limit.RetryAfter > heldAtMost {
			return err
		}
		if !held {
			g.overLimit(id.Tenant, err, len(got.Events)+len(got.Invalid))
		}
		if !pause(ctx, max(limit.RetryAfter, time.Millisecond)) {
			return ctx.Err()
		}
	}
}

// Who goes on above a rate is not read, or answered, for as long as the limit says, within these bounds.
const (
	unreadAtLeast = 100 * time.Millisecond
	unreadAtMost  = time.Second
)

func unread(err error) time.Duration {
	var limit *tenancy.LimitError
	if !errors.As(err, &limit) {
		return 0
	}
	return min(max(limit.RetryAfter, unreadAtLeast), unreadAtMost)
}

// pause returns false when the connection ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
