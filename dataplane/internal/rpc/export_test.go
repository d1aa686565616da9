package rpc

import (
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

// MaxShares is for tests.
const MaxShares = maxShares

// Attributable is for tests.
func Attributable(from, to time.Time) error { return attributable(from, to) }

// AddUp makes shares of usage whose key is the device.
func AddUp(list []query.DeviceUsage) (shares []*telemetryv1.UsageShare, other *telemetryv1.UsageShare) {
	a := attributed{byKey: map[string]*telemetryv1.UsageShare{}}
	for _, u := range list {
		a.add(u.Device, u)
	}
	return a.shares, a.other
}
