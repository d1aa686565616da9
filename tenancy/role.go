package tenancy

import "slices"

// Role is what a caller may do in a tenant.
type Role string

// The roles.
const (
	RoleOwner       Role = "owner"
	RoleAdmin       Role = "admin"
	RoleOperator    Role = "operator"
	RoleMaintenance Role = "maintenance"
	RoleQuality     Role = "quality"
	RoleFinance     Role = "finance"
	RoleViewer      Role = "viewer"
)

// RoleTemplate is what a role means, the same in every tenant.
type RoleTemplate struct {
	Role Role
	// Title says in a sentence whom the role is for.
	Title   string
	Actions []Action
}

var (
	viewing   = []Action{ActionTenantRead, ActionCellEnter, ActionDevicesRead, ActionTelemetryRead, ActionUsageRead, ActionGroupsRead}
	operating = append(slices.Clone(viewing), ActionDevicesOperate, ActionDeadLettersRead, ActionDeadLettersWrite, ActionJobsRead, ActionJobsWrite)
	managing  = append(slices.Clone(operating), ActionTenantWrite, ActionDevicesWrite, ActionGroupsWrite, ActionDeviceTypesWrite, ActionFacilitiesWrite, ActionCertificatesWrite, ActionMembersRead,
		ActionMembersWrite, ActionKeysRead, ActionKeysWrite, ActionAuditRead, ActionStoreRead, ActionProvisioningRead, ActionProvisioningWrite)
)

// templates is the one table of what roles may do. The authorizer enforces it, and the console shows it.
var templates = []RoleTemplate{
	{RoleOwner, "Everything, other owners and the organisation's end included.", append(slices.Clone(managing), ActionTenantOwn)},
	{RoleAdmin, "Devices, people, keys and settings.", managing},
	{RoleOperator, "Runs the line: suspends and resumes devices, puts refused messages right.", operating},
	{RoleMaintenance, "Services machines: as an operator, and gives devices new certificates.", append(slices.Clone(operating), ActionCertificatesWrite)},
	{RoleQuality, "Examines what was measured: reads everything stored, and the audit log.", append(slices.Clone(viewing), ActionDeadLettersRead, ActionStoreRead, ActionAuditRead)},
	{RoleFinance, "Reads usage and invoices; sees no machine.", []Action{ActionTenantRead, ActionUsageRead}},
	{RoleViewer, "Reads devices, telemetry and usage.", viewing},
}

// Roles returns every role, widest first.
func Roles() []RoleTemplate { return slices.Clone(templates) }

func (r Role) template() (RoleTemplate, bool) {
	i := slices.IndexFunc(templates, func(t RoleTemplate) bool { return t.Role == r })
	if i < 0 {
		return RoleTemplate{}, false
	}
	return templates[i], true
}

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool {
	_, ok := r.template()
	return ok
}

// Actions are what r may do.
func (r Role) Actions() []Action {
	t, _ := r.template()
	return slices.Clone(t.Actions)
}

// Covers reports whether r may do all that other may, so that who has it may give other to somebody.
func (r Role) Covers(other Role) bool {
	mine, ok := r.template()
	theirs, known := other.template()
	if !ok || !known {
		return false
	}
	return !slices.ContainsFunc(theirs.Actions, func(a Action) bool { return !slices.Contains(mine.Actions, a) })
}

// May reports whether the role's template has the action.
func (r Role) May(a Action) bool {
	t, _ := r.template()
	return slices.Contains(t.Actions, a)
}
