package gateway

import (
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// lane says what a message takes from: the rates of what is live, or, if it holds nothing but late events, the tenant's rate of those.
func (g *Gateway) lane(got telemetry.Result) func(tenant tenancy.ID, device string, n int, most time.Duration) (time.Duration, error) {
	if len(got.Invalid) > 0 || !telemetry.Late(got.Events) {
		return g.Limiter.ReserveN
	}
	return g.Limiter.ReserveLate
}
