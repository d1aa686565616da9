package tenancy

import (
	"context"
	"maps"
	"slices"
)

// Action is a permission: what the role templates speak of. Every procedure needs exactly one.
type Action string

// The actions. Those of the account need a signed-in person and no tenant; all others need a role in a tenant.
const (
	ActionAccountRead   Action = "account.read"
	ActionAccountFound  Action = "account.found"
	ActionAccountSwitch Action = "account.switch"
	ActionAccountJoin   Action = "account.join"

	ActionTenantRead   Action = "tenant.read"
	ActionTenantWrite  Action = "tenant.write"
	ActionTenantOwn    Action = "tenant.own"
	ActionCellEnter    Action = "cell.enter"
	ActionMembersRead  Action = "members.read"
	ActionMembersWrite Action = "members.write"
	ActionKeysRead     Action = "keys.read"
	ActionKeysWrite    Action = "keys.write"
	ActionAuditRead    Action = "audit.read"

	ActionDevicesRead       Action = "devices.read"
	ActionDevicesWrite      Action = "devices.write"
	ActionDevicesOperate    Action = "devices.operate"
	ActionCertificatesWrite Action = "certificates.write"

	ActionTelemetryRead   Action = "telemetry.read"
	ActionDeadLettersRead Action = "dead_letters.read"
	ActionStoreRead       Action = "store.read"
	ActionUsageRead       Action = "usage.read"
)

// wholeTenant are the actions that a caller who is confined to facilities may not do, whatever the role.
var wholeTenant = []Action{
	ActionTenantWrite, ActionTenantOwn, ActionMembersRead, ActionMembersWrite, ActionKeysRead, ActionKeysWrite, ActionAuditRead, ActionStoreRead,
}

// WholeTenant reports whether a concerns the tenant as a whole and nothing at one facility.
func (a Action) WholeTenant() bool { return slices.Contains(wholeTenant, a) }

// procedures is the permission table of every RPC of both planes. A procedure that is not here is refused to everybody.
var procedures = map[string]Action{
	"/millwright.tenant.v1.TenantService/Create":         ActionAccountFound,
	"/millwright.tenant.v1.TenantService/List":           ActionAccountRead,
	"/millwright.tenant.v1.TenantService/Switch":         ActionAccountSwitch,
	"/millwright.tenant.v1.TenantService/Get":            ActionTenantRead,
	"/millwright.tenant.v1.TenantService/ListMembers":    ActionMembersRead,
	"/millwright.tenant.v1.TenantService/AddMember":      ActionMembersWrite,
	"/millwright.tenant.v1.TenantService/RemoveMember":   ActionMembersWrite,
	"/millwright.tenant.v1.TenantService/CreateKey":      ActionKeysWrite,
	"/millwright.tenant.v1.TenantService/ListKeys":       ActionKeysRead,
	"/millwright.tenant.v1.TenantService/RevokeKey":      ActionKeysWrite,
	"/millwright.tenant.v1.TenantService/IssueCellToken": ActionCellEnter,

	"/millwright.audit.v1.AuditService/List": ActionAuditRead,

	"/millwright.device.v1.DeviceService/Create":            ActionDevicesWrite,
	"/millwright.device.v1.DeviceService/Get":               ActionDevicesRead,
	"/millwright.device.v1.DeviceService/List":              ActionDevicesRead,
	"/millwright.device.v1.DeviceService/Suspend":           ActionDevicesOperate,
	"/millwright.device.v1.DeviceService/Resume":            ActionDevicesOperate,
	"/millwright.device.v1.DeviceService/IssueCertificate":  ActionCertificatesWrite,
	"/millwright.device.v1.DeviceService/RevokeCertificate": ActionCertificatesWrite,

	"/millwright.telemetry.v1.TelemetryService/Query":           ActionTelemetryRead,
	"/millwright.telemetry.v1.TelemetryService/Latest":          ActionTelemetryRead,
	"/millwright.telemetry.v1.TelemetryService/Watch":           ActionTelemetryRead,
	"/millwright.telemetry.v1.TelemetryService/ListDeadLetters": ActionDeadLettersRead,
	"/millwright.telemetry.v1.TelemetryService/GetStoreAccess":  ActionStoreRead,
	"/millwright.telemetry.v1.TelemetryService/VerifyEvents":    ActionTelemetryRead,

	"/millwright.usage.v1.UsageService/Get": ActionUsageRead,
}

// ActionOf returns what a procedure (with its leading slash) needs; false means that nobody may call it.
func ActionOf(procedure string) (Action, bool) {
	a, ok := procedures[procedure]
	return a, ok
}

// Actions returns every action that some role, or every signed-in person, may do; sorted.
func Actions() []Action {
	all := map[Action]bool{ActionAccountRead: true, ActionAccountFound: true, ActionAccountSwitch: true, ActionAccountJoin: true}
	for _, t := range templates {
		for _, a := range t.Actions {
			all[a] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Procedures returns every procedure of the table, sorted.
func Procedures() []string { return slices.Sorted(maps.Keys(procedures)) }

// Authorizer decides whether a verified caller may do something. It returns nil or an ErrForbidden (an ErrConflict
// when the caller has yet to choose a tenant).
type Authorizer interface {
	Authorize(ctx context.Context, p Principal, a Action) error
}
