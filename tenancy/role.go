package tenancy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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

// customPrefix begins the roles that a tenant made for itself: custom/shift-lead.
const customPrefix = "custom/"

var customName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

// CustomRole is the tenant's own role of that name.
func CustomRole(name string) Role { return Role(customPrefix + name) }

// Custom returns the name of a role of the tenant's own, and whether r is one.
func (r Role) Custom() (name string, ok bool) { return strings.CutPrefix(string(r), customPrefix) }

// CheckRoleName says what is wrong with the name of a role of the tenant's own.
func CheckRoleName(name string) error {
	if _, ours := Role(name).template(); ours || !customName.MatchString(name) {
		return fmt.Errorf("role name %q: want 2 to 40 of a-z, 0-9 and -, not at the ends, and none of our roles' names: %w", name, ErrInvalid)
	}
	return nil
}

// CustomRoles are what a tenant's own roles may do at one moment. Nobody changes one: a change makes another.
type CustomRoles struct{ Actions map[Role][]Action }

// Assignable are the actions that a role of a tenant's own may have: all of a tenant's but the owners'.
func Assignable() []Action {
	return slices.DeleteFunc(Actions(), func(a Action) bool { return a.OfAccount() || a == ActionTenantOwn })
}

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
		ActionMembersWrite, ActionRolesWrite, ActionKeysRead, ActionKeysWrite, ActionAuditRead, ActionStoreRead, ActionProvisioningRead, ActionProvisioningWrite, ActionInvoicesRead, ActionBillingWrite)
)

// templates is the one table of what roles may do. The authorizer enforces it, and the console shows it.
var templates = []RoleTemplate{
	{RoleOwner, "Everything, other owners and the organisation's end included.", append(slices.Clone(managing), ActionTenantOwn)},
	{RoleAdmin, "Devices, people, keys and settings.", managing},
	{RoleOperator, "Runs the line: suspends and resumes devices, puts refused messages right.", operating},
	{RoleMaintenance, "Services machines: as an operator, and gives devices new certificates.", append(slices.Clone(operating), ActionCertificatesWrite)},
	{RoleQuality, "Examines what was measured: reads everything stored, and the audit log.", append(slices.Clone(viewing), ActionDeadLettersRead, ActionStoreRead, ActionAuditRead)},
	{RoleFinance, "Reads usage and invoices, changes the plan, keeps the budget; sees no machine.", []Action{ActionTenantRead, ActionCellEnter, ActionUsageRead, ActionInvoicesRead, ActionBillingWrite}},
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

// Valid reports whether r is one of the roles, or has the form of a tenant's own.
func (r Role) Valid() bool {
	if name, ok := r.Custom(); ok {
		return customName.MatchString(name)
	}
	_, ok := r.template()
	return ok
}

// Actions are what r may do, if it is one of ours.
func (r Role) Actions() []Action {
	t, _ := r.template()
	return slices.Clone(t.Actions)
}

// May reports whether the role's template has the action.
func (r Role) May(a Action) bool {
	t, _ := r.template()
	return slices.Contains(t.Actions, a)
}
