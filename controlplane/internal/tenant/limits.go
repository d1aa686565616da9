package tenant

import (
	"fmt"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Limits are a tenant's maxima. tenancy.Limits says what each means and where it is enforced.
type Limits struct {
	Devices               int64 `json:"devices"`
	Groups                int64 `json:"groups"`
	Rules                 int64 `json:"rules"`
	Members               int64 `json:"members"`
	Keys                  int64 `json:"keys"`
	PointsRetained        int64 `json:"points_retained"`
	EventsPerSecond       int64 `json:"events_per_second"`
	EventsBurst           int64 `json:"events_burst"`
	EventsPerDay          int64 `json:"events_per_day"`
	DeviceEventsPerSecond int64 `json:"device_events_per_second"`
	DeviceEventsBurst     int64 `json:"device_events_burst"`
	PayloadBytes          int64 `json:"payload_bytes"`
	MeasurementsPerDevice int64 `json:"measurements_per_device"`
	Series                int64 `json:"series"`
	Connections           int64 `json:"connections"`
	RequestsPerSecond     int64 `json:"requests_per_second"`
	LiveSessions          int64 `json:"live_sessions"`
	QueryConcurrency      int64 `json:"query_concurrency"`
	QueryTime             int64 `json:"query_time"`
	// RefuseOverDay: what comes above EventsPerDay is refused until midnight UTC. It is the plan's and has no override.
	RefuseOverDay bool `json:"refuse_over_day"`
}

// Override replaces one limit of the plan for one tenant. An operator of the installation sets it.
type Override struct {
	Limit   string `json:"limit"`
	Maximum int64  `json:"maximum"`
	// ExpiresAt is zero for one that stays until it is removed.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Reason    string    `json:"reason"`
	SetBy     string    `json:"set_by"`
	SetAt     time.Time `json:"set_at"`
}

// PlanLimits are those of a plan, and false when there is no such plan.
func PlanLimits(plan string) (Limits, bool) {
	p, ok := tenancy.PlanNamed(plan)
	l := Limits{RefuseOverDay: p.RefusesOverDay}
	fields := l.fields()
	for name, value := range p.Limits {
		*fields[name] = value
	}
	return l, ok
}

// TeamLimits are those of the plan `team`.
func TeamLimits() Limits {
	l, _ := PlanLimits(PlanTeam)
	return l
}

// fields names each limit as overrides and error messages do: all of tenancy's but that of groups, which belongs to them.
func (l *Limits) fields() map[string]*int64 {
	return map[string]*int64{
		tenancy.LimitDevices: &l.Devices, tenancy.LimitGroups: &l.Groups, tenancy.LimitRules: &l.Rules, tenancy.LimitMembers: &l.Members,
		tenancy.LimitKeys: &l.Keys, tenancy.LimitPointsRetained: &l.PointsRetained, tenancy.LimitEventsPerSecond: &l.EventsPerSecond,
		tenancy.LimitEventsBurst: &l.EventsBurst, tenancy.LimitEventsPerDay: &l.EventsPerDay,
		tenancy.LimitDeviceEventsPerSecond: &l.DeviceEventsPerSecond, tenancy.LimitDeviceEventsBurst: &l.DeviceEventsBurst,
		tenancy.LimitPayloadBytes: &l.PayloadBytes, tenancy.LimitMeasurementsPerDevice: &l.MeasurementsPerDevice,
		tenancy.LimitSeries:      &l.Series,
		tenancy.LimitConnections: &l.Connections, tenancy.LimitRequestsPerSecond: &l.RequestsPerSecond,
		tenancy.LimitLiveSessions: &l.LiveSessions, tenancy.LimitQueryConcurrency: &l.QueryConcurrency,
		tenancy.LimitQueryTime: &l.QueryTime,
	}
}

// Of returns the limit of that name; false when a tenant has none of its own by that name.
func (l Limits) Of(name string) (int64, bool) {
	f, ok := l.fields()[name]
	if !ok {
		return 0, false
	}
	return *f, true
}

// maximum is what the wire carries.
const maximum = 1<<31 - 1

// wide are the limits that the wire carries in 64 bits.
var wide = map[string]bool{tenancy.LimitEventsPerDay: true, tenancy.LimitPointsRetained: true}

// With returns the limits with some of them replaced. A name that is no limit, or a value out of range, is an ErrInvalid.
func (l Limits) With(overrides map[string]int64) (Limits, error) {
	fields := l.fields()
	for name, value := range overrides {
		f, ok := fields[name]
		if !ok {
			return Limits{}, fmt.Errorf("limit %q is unknown: %w", name, tenancy.ErrInvalid)
		}
		most := int64(maximum)
		if wide[name] {
			most = 1<<62 - 1
		}
		if value < 0 || value > most {
			return Limits{}, fmt.Errorf("limit %s of %d: want 0 to %d: %w", name, value, most, tenancy.ErrInvalid)
		}
		*f = value
	}
	return l, nil
}
