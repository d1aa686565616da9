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

// reserve asks the rates of the device, its groups and its tenant for a message. A sender slightly over one is held back; who
// cannot be told is held back longer. What refuses is the error.
func (g *Gateway) reserve(ctx context.Context, id *Identity, got telemetry.Result, untold bool) error {
	n, reserve := len(got.Events)+len(got.Invalid), g.lane(got)
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
			g.overLimit(id.Tenant, err, n)
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
