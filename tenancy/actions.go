package tenancy

import (
	"context"
	"maps"
	"slices"
)

// Action is a permission: what the role templates speak of. Every procedure needs exactly one.
type Action string

// The actions. Those of the account need a signed-in person and no tenant; those of the platform need an operator of the
// installation, signed in; all others need a role in a tenant.
const (
	ActionAccountRead   Action = "account.read"
	ActionAccountFound  Action = "account.found"
	ActionAccountSwitch Action = "account.switch"
	ActionAccountJoin   Action = "account.join"

	ActionPlatformRead          Action = "platform.read"
	ActionPlatformCells         Action = "platform.cells"
	ActionPlatformTenants       Action = "platform.tenants"
	ActionPlatformFlags         Action = "platform.flags"
	ActionPlatformAnnouncements Action = "platform.announcements"
	ActionPlatformProfile       Action = "platform.profile"
	ActionPlatformKeys          Action = "platform.keys"
	ActionPlatformBilling       Action = "platform.billing"

	ActionTenantRead   Action = "tenant.read"
	ActionTenantWrite  Action = "tenant.write"
	ActionTenantOwn    Action = "tenant.own"
	ActionCellEnter    Action = "cell.enter"
	ActionMembersRead  Action = "members.read"
	ActionMembersWrite Action = "members.write"
	ActionRolesWrite   Action = "roles.write"
	ActionKeysRead     Action = "keys.read"
	ActionKeysWrite    Action = "keys.write"
	ActionAuditRead    Action = "audit.read"

	ActionDevicesRead       Action = "devices.read"
	ActionDevicesWrite      Action = "devices.write"
	ActionDevicesOperate    Action = "devices.operate"
	ActionDeviceTypesWrite  Action = "device_types.write"
	ActionFacilitiesWrite   Action = "facilities.write"
	ActionCertificatesWrite Action = "certificates.write"
	// How devices are made and get certificates by themselves: templates, claim tokens, CAs of the tenant's own.
	ActionProvisioningRead  Action = "provisioning.read"
	ActionProvisioningWrite Action = "provisioning.write"

	ActionGroupsRead  Action = "groups.read"
	ActionGroupsWrite Action = "groups.write"

	ActionJobsRead  Action = "jobs.read"
	ActionJobsWrite Action = "jobs.write"

	ActionTelemetryRead    Action = "telemetry.read"
	ActionDeadLettersRead  Action = "dead_letters.read"
	ActionDeadLettersWrite Action = "dead_letters.write"
	ActionStoreRead        Action = "store.read"
	ActionUsageRead        Action = "usage.read"
	ActionInvoicesRead     Action = "invoices.read"
	ActionBillingWrite     Action = "billing.write"
)

// wholeTenant are the actions that a caller who is confined to facilities may not do, whatever the role.
var wholeTenant = []Action{
	ActionTenantWrite, ActionTenantOwn, ActionMembersRead, ActionMembersWrite, ActionRolesWrite, ActionKeysRead, ActionKeysWrite, ActionAuditRead, ActionStoreRead,
	ActionDeviceTypesWrite, ActionFacilitiesWrite, ActionGroupsWrite,
	ActionProvisioningRead, ActionProvisioningWrite, ActionInvoicesRead, ActionBillingWrite,
}

// account are what every signed-in person may do, in no tenant.
var account = []Action{ActionAccountRead, ActionAccountFound, ActionAccountSwitch, ActionAccountJoin}

// platform are what the operators of the installation may do, whatever tenant they act for. No role of a tenant has any.
var platform = []Action{
	ActionPlatformRead, ActionPlatformCells, ActionPlatformTenants, ActionPlatformFlags, ActionPlatformAnnouncements, ActionPlatformProfile, ActionPlatformKeys, ActionPlatformBilling,
}

// PlatformActions are what an operator of the installation may do.
func PlatformActions() []Action { return slices.Clone(platform) }

// OfPlatform reports whether a is for operators of the installation.
func (a Action) OfPlatform() bool { return slices.Contains(platform, a) }

// AccountActions are what every signed-in person may do.
func AccountActions() []Action { return slices.Clone(account) }

// OfAccount reports whether every signed-in person may do a, in no tenant.
func (a Action) OfAccount() bool { return slices.Contains(account, a) }

// WholeTenant reports whether a concerns the tenant as a whole and nothing at one facility.
func (a Action) WholeTenant() bool { return slices.Contains(wholeTenant, a) }

// procedures is the permission table of every RPC of both planes. A procedure that is not here is refused to everybody.
var procedures = map[string]Action{
	"/millwright.tenant.v1.TenantService/Create":              ActionAccountFound,
	"/millwright.tenant.v1.TenantService/List":                ActionAccountRead,
	"/millwright.tenant.v1.TenantService/Switch":              ActionAccountSwitch,
	"/millwright.tenant.v1.TenantService/Get":                 ActionTenantRead,
	"/millwright.tenant.v1.TenantService/ListPlans":           ActionAccountRead,
	"/millwright.tenant.v1.TenantService/UpdateSettings":      ActionTenantWrite,
	"/millwright.tenant.v1.TenantService/TransferOwnership":   ActionTenantOwn,
	"/millwright.tenant.v1.TenantService/Delete":              ActionTenantOwn,
	"/millwright.tenant.v1.TenantService/CancelDeletion":      ActionTenantOwn,
	"/millwright.tenant.v1.TenantService/ListRemoved":         ActionAccountRead,
	"/millwright.tenant.v1.TenantService/Suspend":             ActionPlatformTenants,
	"/millwright.tenant.v1.TenantService/Resume":              ActionPlatformTenants,
	"/millwright.tenant.v1.TenantService/IssueCellToken":      ActionCellEnter,
	"/millwright.tenant.v1.TenantService/RequireSecondFactor": ActionTenantWrite,

	"/millwright.key.v1.KeyService/Create":               ActionKeysWrite,
	"/millwright.key.v1.KeyService/List":                 ActionKeysRead,
	"/millwright.key.v1.KeyService/Rotate":               ActionKeysWrite,
	"/millwright.key.v1.KeyService/Revoke":               ActionKeysWrite,
	"/millwright.key.v1.KeyService/CreateServiceAccount": ActionKeysWrite,
	"/millwright.key.v1.KeyService/ListServiceAccounts":  ActionKeysRead,
	"/millwright.key.v1.KeyService/UpdateServiceAccount": ActionKeysWrite,
	"/millwright.key.v1.KeyService/DeleteServiceAccount": ActionKeysWrite,

	"/millwright.role.v1.RoleService/List":   ActionTenantRead,
	"/millwright.role.v1.RoleService/Create": ActionRolesWrite,
	"/millwright.role.v1.RoleService/Update": ActionRolesWrite,
	"/millwright.role.v1.RoleService/Delete": ActionRolesWrite,

	"/millwright.cell.v1.CellService/List":                      ActionPlatformRead,
	"/millwright.cell.v1.CellService/Get":                       ActionPlatformRead,
	"/millwright.cell.v1.CellService/Enter":                     ActionPlatformRead,
	"/millwright.pipeline.v1.PipelineService/Get":               ActionPlatformRead,
	"/millwright.cell.v1.CellService/Drain":                     ActionPlatformCells,
	"/millwright.cell.v1.CellService/Undrain":                   ActionPlatformCells,
	"/millwright.platform.v1.PlatformService/ListTenants":       ActionPlatformRead,
	"/millwright.platform.v1.PlatformService/ListFlags":         ActionPlatformRead,
	"/millwright.platform.v1.PlatformService/SetFlag":           ActionPlatformFlags,
	"/millwright.platform.v1.PlatformService/RemoveFlag":        ActionPlatformFlags,
	"/millwright.platform.v1.PlatformService/ListAnnouncements": ActionPlatformRead,
	"/millwright.platform.v1.PlatformService/Announce":          ActionPlatformAnnouncements,
	"/millwright.platform.v1.PlatformService/Withdraw":          ActionPlatformAnnouncements,
	"/millwright.platform.v1.PlatformService/ListAudit":         ActionPlatformRead,
	"/millwright.platform.v1.PlatformService/ListTokenKeys":     ActionPlatformRead,
	"/millwright.platform.v1.PlatformService/RetireTokenKey":    ActionPlatformKeys,
	"/millwright.platform.v1.PlatformService/GetNotices":        ActionAccountRead,

	"/millwright.cell.v1.CellService/ListRegions": ActionAccountRead,

	"/millwright.member.v1.MemberService/List":             ActionMembersRead,
	"/millwright.member.v1.MemberService/Update":           ActionMembersWrite,
	"/millwright.member.v1.MemberService/Remove":           ActionMembersWrite,
	"/millwright.member.v1.MemberService/Leave":            ActionTenantRead,
	"/millwright.member.v1.MemberService/Invite":           ActionMembersWrite,
	"/millwright.member.v1.MemberService/ListInvitations":  ActionMembersRead,
	"/millwright.member.v1.MemberService/ResendInvitation": ActionMembersWrite,
	"/millwright.member.v1.MemberService/RevokeInvitation": ActionMembersWrite,
	"/millwright.member.v1.MemberService/AcceptInvitation": ActionAccountJoin,

	"/millwright.audit.v1.AuditService/List": ActionAuditRead,

	"/millwright.device.v1.DeviceService/Create":            ActionDevicesWrite,
	"/millwright.device.v1.DeviceService/Get":               ActionDevicesRead,
	"/millwright.device.v1.DeviceService/List":              ActionDevicesRead,
	"/millwright.device.v1.DeviceService/Update":            ActionDevicesWrite,
	"/millwright.device.v1.DeviceService/Retire":            ActionDevicesWrite,
	"/millwright.device.v1.DeviceService/Suspend":           ActionDevicesOperate,
	"/millwright.device.v1.DeviceService/Resume":            ActionDevicesOperate,
	"/millwright.device.v1.DeviceService/IssueCertificate":  ActionCertificatesWrite,
	"/millwright.device.v1.DeviceService/RevokeCertificate": ActionCertificatesWrite,

	"/millwright.device.v1.BulkService/Import": ActionDevicesWrite,
	"/millwright.device.v1.BulkService/Act":    ActionDevicesOperate, // the least; what is done needs its own

	"/millwright.device.v1.GatewayService/Get": ActionDevicesRead,
	"/millwright.device.v1.GatewayService/Set": ActionDevicesWrite,

	"/millwright.group.v1.GroupService/Create":        ActionGroupsWrite,
	"/millwright.group.v1.GroupService/Get":           ActionGroupsRead,
	"/millwright.group.v1.GroupService/List":          ActionGroupsRead,
	"/millwright.group.v1.GroupService/Update":        ActionGroupsWrite,
	"/millwright.group.v1.GroupService/Delete":        ActionGroupsWrite,
	"/millwright.group.v1.GroupService/AddMembers":    ActionGroupsWrite,
	"/millwright.group.v1.GroupService/RemoveMembers": ActionGroupsWrite,
	"/millwright.group.v1.GroupService/ListMembers":   ActionGroupsRead,
	"/millwright.group.v1.GroupService/Preview":       ActionGroupsWrite,

	"/millwright.job.v1.JobService/Get":        ActionJobsRead,
	"/millwright.job.v1.JobService/List":       ActionJobsRead,
	"/millwright.job.v1.JobService/ListErrors": ActionJobsRead,
	"/millwright.job.v1.JobService/Cancel":     ActionJobsWrite,

	"/millwright.facility.v1.FacilityService/Create": ActionFacilitiesWrite,
	"/millwright.facility.v1.FacilityService/List":   ActionDevicesRead,
	"/millwright.facility.v1.FacilityService/Update": ActionFacilitiesWrite,
	"/millwright.facility.v1.FacilityService/Move":   ActionFacilitiesWrite,
	"/millwright.facility.v1.FacilityService/Delete": ActionFacilitiesWrite,

	"/millwright.devicetype.v1.DeviceTypeService/Create": ActionDeviceTypesWrite,
	"/millwright.devicetype.v1.DeviceTypeService/Get":    ActionDevicesRead,
	"/millwright.devicetype.v1.DeviceTypeService/List":   ActionDevicesRead,
	"/millwright.devicetype.v1.DeviceTypeService/Update": ActionDeviceTypesWrite,
	"/millwright.devicetype.v1.DeviceTypeService/Delete": ActionDeviceTypesWrite,

	"/millwright.certificate.v1.CertificateService/List":              ActionDevicesRead,
	"/millwright.certificate.v1.CertificateService/GetOverview":       ActionDevicesRead,
	"/millwright.certificate.v1.CertificateService/Revoke":            ActionCertificatesWrite,
	"/millwright.certificate.v1.CertificateService/CreateTemplate":    ActionProvisioningWrite,
	"/millwright.certificate.v1.CertificateService/ListTemplates":     ActionProvisioningRead,
	"/millwright.certificate.v1.CertificateService/DeleteTemplate":    ActionProvisioningWrite,
	"/millwright.certificate.v1.CertificateService/CreateClaimToken":  ActionProvisioningWrite,
	"/millwright.certificate.v1.CertificateService/ListClaimTokens":   ActionProvisioningRead,
	"/millwright.certificate.v1.CertificateService/RevokeClaimToken":  ActionProvisioningWrite,
	"/millwright.certificate.v1.CertificateService/RegisterAuthority": ActionProvisioningWrite,
	"/millwright.certificate.v1.CertificateService/VerifyAuthority":   ActionProvisioningWrite,
	"/millwright.certificate.v1.CertificateService/ListAuthorities":   ActionProvisioningRead,
	"/millwright.certificate.v1.CertificateService/RevokeAuthority":   ActionProvisioningWrite,

	"/millwright.telemetry.v1.TelemetryService/Query":          ActionTelemetryRead,
	"/millwright.telemetry.v1.TelemetryService/Rollup":         ActionTelemetryRead,
	"/millwright.telemetry.v1.TelemetryService/Rerun":          ActionStoreRead,
	"/millwright.telemetry.v1.TelemetryService/Latest":         ActionTelemetryRead,
	"/millwright.telemetry.v1.TelemetryService/Watch":          ActionTelemetryRead,
	"/millwright.telemetry.v1.TelemetryService/GetStoreAccess": ActionStoreRead,
	"/millwright.telemetry.v1.TelemetryService/VerifyEvents":   ActionTelemetryRead,
	"/millwright.telemetry.v1.TelemetryService/Recount":        ActionStoreRead,
	"/millwright.telemetry.v1.TelemetryService/CountUsage":     ActionUsageRead,
	"/millwright.telemetry.v1.TelemetryService/AttributeUsage": ActionUsageRead,
	"/millwright.telemetry.v1.TelemetryService/UsageByDevice":  ActionTelemetryRead,

	"/millwright.deadletter.v1.DeadLetterService/ListGroups": ActionDeadLettersRead,
	"/millwright.deadletter.v1.DeadLetterService/List":       ActionDeadLettersRead,
	"/millwright.deadletter.v1.DeadLetterService/Get":        ActionDeadLettersRead,
	"/millwright.deadletter.v1.DeadLetterService/Preview":    ActionDeadLettersRead,
	"/millwright.deadletter.v1.DeadLetterService/Replay":     ActionDeadLettersWrite,
	"/millwright.deadletter.v1.DeadLetterService/Discard":    ActionDeadLettersWrite,

	"/millwright.usage.v1.UsageService/Get":               ActionUsageRead,
	"/millwright.usage.v1.UsageService/ListTotals":        ActionUsageRead,
	"/millwright.usage.v1.UsageService/ListMismatches":    ActionUsageRead,
	"/millwright.usage.v1.UsageService/ListAllMismatches": ActionPlatformRead,
	"/millwright.usage.v1.UsageService/ListMargins":       ActionPlatformRead,

	"/millwright.invoice.v1.InvoiceService/GetDraft":     ActionInvoicesRead,
	"/millwright.invoice.v1.InvoiceService/List":         ActionInvoicesRead,
	"/millwright.invoice.v1.InvoiceService/Get":          ActionInvoicesRead,
	"/millwright.invoice.v1.InvoiceService/GetLineUsage": ActionInvoicesRead,
	"/millwright.invoice.v1.InvoiceService/Export":       ActionInvoicesRead,
	"/millwright.invoice.v1.InvoiceService/ShareOut":     ActionInvoicesRead,

	"/millwright.billing.v1.BillingService/ListInvoices":    ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/GetRevenue":      ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/ListPriceBooks":  ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/CreateContract":  ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/ListContracts":   ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/EndContract":     ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/GrantCredit":     ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/ListCredits":     ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/CreateCoupon":    ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/ListCoupons":     ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/GiveCoupon":      ActionPlatformBilling,
	"/millwright.billing.v1.BillingService/IssueCreditNote": ActionPlatformBilling,

	"/millwright.subscription.v1.SubscriptionService/Get":           ActionInvoicesRead,
	"/millwright.subscription.v1.SubscriptionService/ListPlans":     ActionInvoicesRead,
	"/millwright.subscription.v1.SubscriptionService/ListCredits":   ActionInvoicesRead,
	"/millwright.subscription.v1.SubscriptionService/PreviewChange": ActionInvoicesRead,
	"/millwright.subscription.v1.SubscriptionService/ChangePlan":    ActionBillingWrite,
	"/millwright.subscription.v1.SubscriptionService/CancelChange":  ActionBillingWrite,

	"/millwright.payment.v1.PaymentService/GetStatus":        ActionInvoicesRead,
	"/millwright.payment.v1.PaymentService/GetPaymentMethod": ActionInvoicesRead,
	"/millwright.payment.v1.PaymentService/ListPayments":     ActionInvoicesRead,
	"/millwright.payment.v1.PaymentService/CreateCheckout":   ActionBillingWrite,
	"/millwright.payment.v1.PaymentService/CreatePortal":     ActionBillingWrite,
	"/millwright.payment.v1.PaymentService/ListFailed":       ActionPlatformRead,
	"/millwright.payment.v1.PaymentService/ListOutbox":       ActionPlatformRead,
	"/millwright.payment.v1.PaymentService/RetryEntry":       ActionPlatformTenants,
	"/millwright.payment.v1.PaymentService/ListEvents":       ActionPlatformRead,

	"/millwright.budget.v1.BudgetService/Get":         ActionInvoicesRead,
	"/millwright.budget.v1.BudgetService/Set":         ActionBillingWrite,
	"/millwright.budget.v1.BudgetService/Remove":      ActionBillingWrite,
	"/millwright.budget.v1.BudgetService/ListNotices": ActionInvoicesRead,

	"/millwright.limit.v1.LimitService/List":           ActionUsageRead,
	"/millwright.limit.v1.LimitService/History":        ActionUsageRead,
	"/millwright.limit.v1.LimitService/ListRefusals":   ActionUsageRead,
	"/millwright.limit.v1.LimitService/ListNotices":    ActionUsageRead,
	"/millwright.limit.v1.LimitService/ListTenant":     ActionPlatformRead,
	"/millwright.limit.v1.LimitService/SetOverride":    ActionPlatformTenants,
	"/millwright.limit.v1.LimitService/RemoveOverride": ActionPlatformTenants,
}

// ActionOf returns what a procedure (with its leading slash) needs; false means that nobody may call it.
func ActionOf(procedure string) (Action, bool) {
	a, ok := procedures[procedure]
	return a, ok
}

// Actions returns every action that some role of a tenant, or every signed-in person, may do; sorted.
func Actions() []Action {
	all := map[Action]bool{}
	for _, a := range account {
		all[a] = true
	}
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
