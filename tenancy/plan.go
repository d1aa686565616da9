package tenancy

import (
	"maps"
	"slices"
)

// The plans.
const (
	PlanFree       = "free"
	PlanTeam       = "team"
	PlanPlant      = "plant"
	PlanEnterprise = "enterprise"
)

// Kept is for how many days telemetry is kept: events after they were received, minutes made of them and hours made of those after
// they were stored.
type Kept struct{ Events, Minutes, Hours int }

// Plan is what a tenant's limits begin with; an override replaces one of them for one tenant.
type Plan struct {
	Name string
	// Limits has a value for every limit but that of groups, which each group's policy sets.
	Limits map[string]int64
	// RefusesOverDay: events above events_per_day are refused until midnight UTC. Otherwise they are taken.
	RefusesOverDay bool
	// Title says in a sentence whom the plan is for.
	Title string
	// Kept is the most that telemetry is kept.
	Kept Kept
}

const (
	kib = 1 << 10
	day = 24 * 60 * 60
)

var plans = []Plan{
	{PlanFree, map[string]int64{
		LimitDevices: 10, LimitGroups: 5, LimitRules: 10, LimitMembers: 3, LimitKeys: 5, LimitPointsRetained: 10_000_000,
		LimitEventsPerSecond: 50, LimitEventsBurst: 200, LimitEventsPerDay: 1_000_000,
		LimitDeviceEventsPerSecond: 20, LimitDeviceEventsBurst: 100, LimitPayloadBytes: 64 * kib, LimitMeasurementsPerDevice: 512, LimitSeries: 1_000,
		LimitConnections: 20, LimitRequestsPerSecond: 20, LimitLiveSessions: 10, LimitQueryConcurrency: 4, LimitQueryTime: 250,
	}, true, "A first machine, to try it out.", Kept{30, 90, 400}},
	{PlanTeam, map[string]int64{
		LimitDevices: 10_000, LimitGroups: 200, LimitRules: 200, LimitMembers: 100, LimitKeys: 50, LimitPointsRetained: 10_000_000_000,
		LimitEventsPerSecond: 5_000, LimitEventsBurst: 10_000, LimitEventsPerDay: 50_000_000,
		LimitDeviceEventsPerSecond: 0, LimitDeviceEventsBurst: 0, LimitPayloadBytes: 256 * kib, LimitMeasurementsPerDevice: 512, LimitSeries: 200_000,
		LimitConnections: 10_000, LimitRequestsPerSecond: 200, LimitLiveSessions: 500, LimitQueryConcurrency: 32, LimitQueryTime: 1_000,
	}, false, "A line or a hall, and the people who run it.", Kept{400, 400, 1100}},
	{PlanPlant, map[string]int64{
		LimitDevices: 100_000, LimitGroups: 500, LimitRules: 1_000, LimitMembers: 500, LimitKeys: 200, LimitPointsRetained: 100_000_000_000,
		LimitEventsPerSecond: 20_000, LimitEventsBurst: 40_000, LimitEventsPerDay: 20_000 * day / 2,
		LimitDeviceEventsPerSecond: 0, LimitDeviceEventsBurst: 0, LimitPayloadBytes: 256 * kib, LimitMeasurementsPerDevice: 512, LimitSeries: 1_000_000,
		LimitConnections: 20_000, LimitRequestsPerSecond: 500, LimitLiveSessions: 1_000, LimitQueryConcurrency: 64, LimitQueryTime: 2_000,
	}, false, "A whole plant.", Kept{1100, 1100, 3650}},
	{PlanEnterprise, map[string]int64{
		LimitDevices: 500_000, LimitGroups: 1_000, LimitRules: 5_000, LimitMembers: 5_000, LimitKeys: 1_000, LimitPointsRetained: 1_000_000_000_000,
		LimitEventsPerSecond: 100_000, LimitEventsBurst: 200_000, LimitEventsPerDay: 100_000 * day / 2,
		LimitDeviceEventsPerSecond: 0, LimitDeviceEventsBurst: 0, LimitPayloadBytes: 1024 * kib, LimitMeasurementsPerDevice: 512, LimitSeries: 5_000_000,
		LimitConnections: 20_000, LimitRequestsPerSecond: 2_000, LimitLiveSessions: 5_000, LimitQueryConcurrency: 128, LimitQueryTime: 4_000,
	}, false, "Several plants.", Kept{3650, 3650, 3650}},
}

// Plans returns every plan, smallest first.
func Plans() []Plan {
	all := slices.Clone(plans)
	for i := range all {
		all[i].Limits = maps.Clone(all[i].Limits)
	}
	return all
}

// PlanNamed returns the plan of that name.
func PlanNamed(name string) (Plan, bool) {
	i := slices.IndexFunc(plans, func(p Plan) bool { return p.Name == name })
	if i < 0 {
		return Plan{}, false
	}
	return Plans()[i], true
}
