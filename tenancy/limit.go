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
	LimitSeries                = "series"
	LimitConnections           = "connections"
	LimitRequestsPerSecond     = "requests_per_second"
	LimitLiveSessions          = "live_sessions"
	LimitQueryConcurrency      = "query_concurrency"
	LimitQueryTime             = "query_time"
)

// The bounds by name: limits of the product itself, the same in every plan. Their maximum is part of the definition.
const (
	LimitDeviceTypes           = "device_types"
	LimitPlaces                = "places"
	LimitRoles                 = "roles"
	LimitServiceAccounts       = "service_accounts"
	LimitProvisioningTemplates = "provisioning_templates"
	LimitClaimTokens           = "claim_tokens"
	LimitAuthorities           = "authorities"
	LimitCertificates          = "certificates"
	LimitTemplateDevices       = "template_devices"
	LimitJobs                  = "jobs"
	LimitJobItems              = "job_items"
	LimitImportRows            = "import_rows"
	LimitAlertRecipients       = "alert_recipients"
	LimitRetentionDays         = "retention_days"
	LimitMinuteRetentionDays   = "minute_retention_days"
	LimitHourRetentionDays     = "hour_retention_days"
	LimitLateEventsPerSecond   = "late_events_per_second"
	LimitDatabases             = "databases"
	LimitFlags                 = "flags"
	LimitAnnouncements         = "announcements"
)

// The maxima of bounds.
const (
	MaxDeviceTypes           = 1_000
	MaxPlaces                = 10_000
	MaxRoles                 = 30
	MaxServiceAccounts       = 100
	MaxProvisioningTemplates = 100
	MaxClaimTokens           = 1_000
	MaxAuthorities           = 10
	MaxCertificates          = 10
	MaxJobs                  = 20
	MaxJobItems              = 100_000
	MaxImportRows            = 10_000
	MaxAlertRecipients       = 10
	MaxFlags                 = 200
	MaxAnnouncements         = 20
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

// ScopeInstallation is the scope of what belongs to the platform.
const ScopeInstallation = "installation"

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
	// Bound is the maximum of a limit of the product itself; 0: plans, and overrides of them, say it.
	Bound int64
	// BoundBy says what decides the maximum of a limit that neither plans nor the product do.
	BoundBy string
}

// OfPlans reports whether every plan has a value of its own for the limit, which an override may replace for one tenant.
func (l Limit) OfPlans() bool { return l.Bound == 0 && l.BoundBy == "" }

const (
	controlPlane = "control plane, in the transaction of the change"
	gateway      = "gateway, before the message is taken"
	cellAPI      = "cell API"
)

var limits = []Limit{
	{LimitDevices, "Devices", "devices", ScopeTenant, KindCount, "another device is refused", controlPlane, false, true, 0, ""},
	{LimitGroups, "Groups", "groups", ScopeTenant, KindCount, "another group is refused", controlPlane, false, true, 0, ""},
	{LimitRules, "Rules", "rules", ScopeTenant, KindCount, "another rule is refused", controlPlane, false, true, 0, ""},
	{LimitMembers, "Members", "people", ScopeTenant, KindCount, "another member, or invitation, is refused", controlPlane, false, true, 0, ""},
	{LimitKeys, "API keys", "keys", ScopeTenant, KindCount, "another key is refused", controlPlane, false, true, 0, ""},
	{LimitPointsRetained, "Points retained", "points", ScopeTenant, KindCount, "nothing is refused: owners and admins are told", "usage ledger", false, true, 0, ""},
	{LimitEventsPerSecond, "Events per second", "events/s", ScopeTenant, KindRate, "held back for up to a second, then refused", gateway, false, true, 0, ""},
	{LimitEventsBurst, "Events at once", "events", ScopeTenant, KindSize, "what comes on top counts against events_per_second", gateway, false, false, 0, ""},
	{LimitEventsPerDay, "Events per day", "events", ScopeTenant, KindRate, "as the plan says: refused until midnight UTC, or taken and told", gateway, false, true, 0, ""},
	{LimitDeviceEventsPerSecond, "Events per second of a device", "events/s", "device", KindRate, "held back for up to a second, then refused", gateway, true, false, 0, ""},
	{LimitDeviceEventsBurst, "Events at once of a device", "events", "device", KindSize, "what comes on top counts against device_events_per_second", gateway, true, false, 0, ""},
	{LimitGroupEventsPerSecond, "Events per second of a group", "events/s", "group", KindRate, "held back for up to a second, then refused", gateway, true, false, 0, ""},
	{LimitPayloadBytes, "Size of a message", "bytes", ScopeTenant, KindSize, "the message is refused", gateway, false, false, 0, ""},
	{LimitMeasurementsPerDevice, "Measurements of a device", "names", "device", KindCount, "events with further names become dead letters", "stream engine", false, false, 0, ""},
	{LimitSeries, "Measurements of all devices", "series", ScopeTenant, KindCount, "events with further names of a device become dead letters", "stream engine, by partition", false, false, 0, ""},
	{LimitConnections, "Device connections", "connections", ScopeTenant, KindConcurrency, "another connection is refused", "gateway, at CONNECT", false, true, 0, ""},
	{LimitRequestsPerSecond, "API requests per second", "requests/s", ScopeTenant, KindRate, "refused until the second is over", "both APIs, each for itself", false, true, 0, ""},
	{LimitLiveSessions, "Live sessions", "sessions", ScopeTenant, KindConcurrency, "another session is refused", cellAPI, false, true, 0, ""},
	{LimitQueryConcurrency, "Queries at once", "queries", ScopeTenant, KindConcurrency, "another query is refused", cellAPI, false, true, 0, ""},
	{LimitQueryTime, "Query time", "ms/s", ScopeTenant, KindRate, "refused until what was taken is earned back; five seconds' worth can be saved up", "store, by its quota", true, false, 0, ""},
}

var bounds = []Limit{
	bound(LimitDeviceTypes, "Device types", "types", ScopeTenant, MaxDeviceTypes, "another type is refused"),
	bound(LimitPlaces, "Facilities, lines and stations", "places", ScopeTenant, MaxPlaces, "another place is refused"),
	bound(LimitRoles, "Roles of one's own", "roles", ScopeTenant, MaxRoles, "another role is refused"),
	bound(LimitServiceAccounts, "Service accounts", "accounts", ScopeTenant, MaxServiceAccounts, "another account is refused"),
	bound(LimitProvisioningTemplates, "Provisioning templates", "templates", ScopeTenant, MaxProvisioningTemplates, "another template is refused"),
	bound(LimitClaimTokens, "Claim tokens", "tokens", ScopeTenant, MaxClaimTokens, "another token is refused"),
	bound(LimitAuthorities, "CAs of one's own", "CAs", ScopeTenant, MaxAuthorities, "another CA is refused"),
	bound(LimitCertificates, "Good certificates of a device", "certificates", "device", MaxCertificates, "another certificate is refused"),
	{LimitTemplateDevices, "Devices of a template", "devices", "template", KindCount, "another device does not enrol", controlPlane, false, false, 0, "the template"},
	bound(LimitJobs, "Jobs that run", "jobs", ScopeTenant, MaxJobs, "another job is refused"),
	bound(LimitJobItems, "Items of a job", "items", "job", MaxJobItems, "the job is refused"),
	bound(LimitImportRows, "Rows of an import", "rows", "file", MaxImportRows, "the file is refused"),
	bound(LimitAlertRecipients, "Recipients of alerts", "addresses", ScopeTenant, MaxAlertRecipients, "the settings are refused"),
	{LimitRetentionDays, "Days that events are kept", "days", ScopeTenant, KindSize, "the settings are refused", controlPlane, false, false, 0, "the plan"},
	{LimitMinuteRetentionDays, "Days that minutes are kept", "days", ScopeTenant, KindSize, "the settings are refused", controlPlane, false, false, 0, "the plan"},
	{LimitHourRetentionDays, "Days that hours are kept", "days", ScopeTenant, KindSize, "the settings are refused", controlPlane, false, false, 0, "the plan"},
	{LimitLateEventsPerSecond, "Late events per second", "events/s", ScopeTenant, KindRate, "held back for up to a second, then refused", gateway, false, false, 0, "half of events_per_second"},
	{LimitDatabases, "Databases of a cell", "databases", "cell", KindCount, "another organisation is not placed there", controlPlane, false, false, 0, "the configuration"},
	bound(LimitFlags, "Feature flags", "flags", ScopeInstallation, MaxFlags, "another flag is refused"),
	bound(LimitAnnouncements, "Announcements at once", "announcements", ScopeInstallation, MaxAnnouncements, "another announcement is refused"),
}

func bound(name, title, unit, scope string, most int64, trips string) Limit {
	return Limit{Name: name, Title: title, Unit: unit, Scope: scope, Kind: KindCount, Trips: trips, Where: controlPlane, Bound: most}
}

// Bounds returns the limits that are the same in every plan.
func Bounds() []Limit { return slices.Clone(bounds) }

// Limits returns every limit that plans have values for, in the order in which people read them.
func Limits() []Limit { return slices.Clone(limits) }

// LimitNamed returns the limit of that name, of plans or the same in all.
func LimitNamed(name string) (Limit, bool) {
	for _, table := range [][]Limit{limits, bounds} {
		if i := slices.IndexFunc(table, func(l Limit) bool { return l.Name == name }); i >= 0 {
			return table[i], true
		}
	}
	return Limit{}, false
}

// Over reports whether use has reached a share of a maximum, in per cent.
func (l Limit) Over(used, maximum, percent int64) bool {
	if maximum <= 0 {
		return !l.ZeroIsNone && used > 0
	}
	return float64(used)*100 >= float64(maximum)*float64(percent)
}
