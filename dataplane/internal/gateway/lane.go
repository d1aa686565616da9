package gateway

import (
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// lateAfter is how old every event of a message must be for the lane of devices that catch up.
const lateAfter = 5 * time.Minute

// lane says what a message takes from: the rates of what is live, or, if it holds nothing but late events, the tenant's rate of those.
func (g *Gateway) lane(got telemetry.Result) func(tenant tenancy.ID, device string, n int, most time.Duration) (time.Duration, error) {
	if len(got.Events) == 0 || len(got.Invalid) > 0 {
		return g.Limiter.ReserveN
	}
	for i := range got.Events {
		if got.Events[i].Received-got.Events[i].Time < int64(lateAfter) {
			return g.Limiter.ReserveN
		}
	}
	return g.Limiter.ReserveLate
}
