package tenancy

import "slices"

// The limits by name. Errors, overrides, metrics, the catalog, the API and the console all use these words.
const (
	LimitDevices               = "devices"
	LimitGroups                = "groups"
	LimitRules                 = "rules"
	LimitMembers               = "members"
	LimitKeys                  = "keys"
	LimitPointsRetained        = "points_retained"
	LimitEventsPerSecond       = "events_per_second"
	LimitEventsBurst           = "events_burst"
	LimitEventsPerDay          = "events_per_day"
	LimitDeviceEventsPerSecond = "device_events_per_second"
	LimitDeviceEventsBurst     = "device_events_burst"
	LimitGroupEventsPerSecond  = "group_events_per_second"
	LimitPayloadBytes          = "payload_bytes"
	LimitMeasurementsPerDevice = "measurements_per_device"
	LimitConnections           = "connections"
	LimitRequestsPerSecond     = "requests_per_second"
	LimitLiveSessions          = "live_sessions"
	LimitQueryConcurrency      = "query_concurrency"
)

// LimitKind says what a limit counts, and with that what waiting does about it.
type LimitKind string

// The kinds. Who is over a rate may try again after the time that the refusal names; over a concurrency, when something
// ends; over a count, when something is deleted; over a size, never.
const (
	KindRate        LimitKind = "rate"
	KindCount       LimitKind = "count"
	KindSize        LimitKind = "size"
	KindConcurrency LimitKind = "concurrency"
)

// ScopeTenant is the scope of a limit that holds for the organisation as a whole.
const ScopeTenant = "tenant"

// Limit describes one limit: the one definition that enforcement, API, console and documentation share.
type Limit struct {
	Name  string
	Title string
	// Unit is what is counted, in the plural.
	Unit string
	// Scope is what each has this limit of its own: tenant, group or device.
	Scope string
	Kind  LimitKind
	// Trips says what happens to who is over it, and Where which part sees to that.
	Trips, Where string
	// ZeroIsNone: a value of 0 means that there is no such limit, not that nothing is allowed.
	ZeroIsNone bool
	// Notices: owners and admins hear of 80 and 100 per cent.
	Notices bool
}

const (
	controlPlane = "control plane, in the transaction of the change"
	gateway      = "gateway, before the message is taken"
	cellAPI      = "cell API"
)

var limits = []Limit{
	{LimitDevices, "Devices", "devices", ScopeTenant, KindCount, "another device is refused", controlPlane, false, true},
	{LimitGroups, "Groups", "groups", ScopeTenant, KindCount, "another group is refused", controlPlane, false, true},
	{LimitRules, "Rules", "rules", ScopeTenant, KindCount, "another rule is refused", controlPlane, false, true},
	{LimitMembers, "Members", "people", ScopeTenant, KindCount, "another member, or invitation, is refused", controlPlane, false, true},
	{LimitKeys, "API keys", "keys", ScopeTenant, KindCount, "another key is refused", controlPlane, false, true},
	{LimitPointsRetained, "Points retained", "points", ScopeTenant, KindCount, "nothing is refused: owners and admins are told", "usage ledger", false, true},
	{LimitEventsPerSecond, "Events per second", "events/s", ScopeTenant, KindRate, "held back for up to a second, then refused", gateway, false, true},
	{LimitEventsBurst, "Events at once", "events", ScopeTenant, KindSize, "what comes on top counts against events_per_second", gateway, false, false},
	{LimitEventsPerDay, "Events per day", "events", ScopeTenant, KindRate, "as the plan says: refused until midnight UTC, or taken and told", gateway, false, true},
	{LimitDeviceEventsPerSecond, "Events per second of a device", "events/s", "device", KindRate, "held back for up to a second, then refused", gateway, true, false},
	{LimitDeviceEventsBurst, "Events at once of a device", "events", "device", KindSize, "what comes on top counts against device_events_per_second", gateway, true, false},
	{LimitGroupEventsPerSecond, "Events per second of a group", "events/s", "group", KindRate, "held back for up to a second, then refused", gateway, true, false},
	{LimitPayloadBytes, "Size of a message", "bytes", ScopeTenant, KindSize, "the message is refused", gateway, false, false},
	{LimitMeasurementsPerDevice, "Measurements of a device", "names", "device", KindCount, "events with further names become dead letters", "stream engine", false, false},
	{LimitConnections, "Device connections", "connections", ScopeTenant, KindConcurrency, "another connection is refused", "gateway, at CONNECT", false, true},
	{LimitRequestsPerSecond, "API requests per second", "requests/s", ScopeTenant, KindRate, "refused until the second is over", "both APIs, each for itself", false, true},
	{LimitLiveSessions, "Live sessions", "sessions", ScopeTenant, KindConcurrency, "another session is refused", cellAPI, false, true},
	{LimitQueryConcurrency, "Queries at once", "queries", ScopeTenant, KindConcurrency, "another query is refused", cellAPI, false, true},
}

// Limits returns every limit there is, in the order in which people read them.
func Limits() []Limit { return slices.Clone(limits) }

// LimitNamed returns the limit of that name.
func LimitNamed(name string) (Limit, bool) {
	i := slices.IndexFunc(limits, func(l Limit) bool { return l.Name == name })
	if i < 0 {
		return Limit{}, false
	}
	return limits[i], true
}

// Over reports whether use has reached a share of a maximum, in per cent.
func (l Limit) Over(used, maximum, percent int64) bool {
	if maximum <= 0 {
		return !l.ZeroIsNone && used > 0
	}
	return float64(used)*100 >= float64(maximum)*float64(percent)
}
