package casbin_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/casbin"
)

// matrix is the whole permission table, written out by hand once more.
var matrix = map[tenancy.Action][]tenancy.Role{
	tenancy.ActionTenantRead: {owner, admin, operator, maintenance, quality, finance, viewer}, tenancy.ActionUsageRead: {owner, admin, operator, maintenance, quality, finance, viewer},
	tenancy.ActionCellEnter: {owner, admin, operator, maintenance, quality, finance, viewer}, tenancy.ActionDevicesRead: {owner, admin, operator, maintenance, quality, viewer},
	tenancy.ActionTelemetryRead: {owner, admin, operator, maintenance, quality, viewer}, tenancy.ActionDeadLettersRead: {owner, admin, operator, maintenance, quality},
	tenancy.ActionDeadLettersWrite: {owner, admin, operator, maintenance},
	tenancy.ActionDevicesOperate:   {owner, admin, operator, maintenance}, tenancy.ActionCertificatesWrite: {owner, admin, maintenance},
	tenancy.ActionAuditRead: {owner, admin, quality}, tenancy.ActionStoreRead: {owner, admin, quality},
	tenancy.ActionTenantWrite: {owner, admin}, tenancy.ActionDevicesWrite: {owner, admin},
	tenancy.ActionMembersRead: {owner, admin}, tenancy.ActionMembersWrite: {owner, admin}, tenancy.ActionRolesWrite: {owner, admin},
	tenancy.ActionKeysRead: {owner, admin}, tenancy.ActionKeysWrite: {owner, admin},
	tenancy.ActionJobsRead: {owner, admin, operator, maintenance}, tenancy.ActionJobsWrite: {owner, admin, operator, maintenance},
	tenancy.ActionGroupsRead: {owner, admin, operator, maintenance, quality, viewer}, tenancy.ActionGroupsWrite: {owner, admin},
	tenancy.ActionTenantOwn: {owner}, tenancy.ActionDeviceTypesWrite: {owner, admin}, tenancy.ActionFacilitiesWrite: {owner, admin},
	tenancy.ActionInvoicesRead:     {owner, admin, finance},
	tenancy.ActionBillingWrite:     {owner, admin, finance},
	tenancy.ActionProvisioningRead: {owner, admin}, tenancy.ActionProvisioningWrite: {owner, admin},
}

const (
	owner       = tenancy.RoleOwner
	admin       = tenancy.RoleAdmin
	operator    = tenancy.RoleOperator
	maintenance = tenancy.RoleMaintenance
	quality     = tenancy.RoleQuality
	finance     = tenancy.RoleFinance
	viewer      = tenancy.RoleViewer
)

var account = []tenancy.Action{tenancy.ActionAccountRead, tenancy.ActionAccountFound, tenancy.ActionAccountSwitch, tenancy.ActionAccountJoin}

var credentials = []tenancy.Credential{tenancy.CredentialSession, tenancy.CredentialKey, tenancy.CredentialCellToken}

func TestMatrix(t *testing.T) {
	t.Parallel()
	a, err := casbin.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, procedure := range tenancy.Procedures() {
		act, _ := tenancy.ActionOf(procedure)
		if _, ok := matrix[act]; !ok && !slices.Contains(account, act) && !slices.Contains(platform, act) {
			t.Errorf("%s needs %s, which is in no row of the matrix", procedure, act)
		}
	}
	for _, role := range []tenancy.Role{owner, admin, operator, maintenance, quality, finance, viewer, "person", "", "root"} {
		for act, may := range matrix {
			for _, cred := range credentials {
				p := tenancy.Principal{Tenant: tenancy.NewID(), Role: role, Credential: cred, Subject: "s"}
				err := a.Authorize(t.Context(), p, act)
				if slices.Contains(may, role) != (err == nil) {
					t.Errorf("%s by %s with %s: %v", act, role, cred, err)
				}
				if err != nil && !errors.Is(err, tenancy.ErrForbidden) {
					t.Errorf("%s by %s with %s is refused as %v", act, role, cred, err)
				}
			}
		}
	}
}

func TestAccountActionsNeedAPersonAndNoTenant(t *testing.T) {
	t.Parallel()
	a, err := casbin.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range account {
		for _, cred := range credentials {
			for _, tenant := range []tenancy.ID{"", tenancy.NewID()} {
				err := a.Authorize(t.Context(), tenancy.Principal{Tenant: tenant, Credential: cred, Subject: "s"}, act)
				if (cred == tenancy.CredentialSession) != (err == nil) {
					t.Errorf("%s with %s: %v", act, cred, err)
				}
			}
		}
	}
}

var platform = []tenancy.Action{
	tenancy.ActionPlatformRead, tenancy.ActionPlatformCells, tenancy.ActionPlatformTenants, tenancy.ActionPlatformFlags,
	tenancy.ActionPlatformAnnouncements, tenancy.ActionPlatformProfile, tenancy.ActionPlatformKeys, tenancy.ActionPlatformBilling,
}

// TestPlatformActionsNeedAnOperatorSignedIn tries every role, every credential, with and without a tenant: only a session of an
// operator, or their cell token of no tenant, may, and an operator may nothing else in a tenant than their role there says.
func TestPlatformActionsNeedAnOperatorSignedIn(t *testing.T) {
	t.Parallel()
	a, err := casbin.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tenancy.PlatformActions(), platform) {
		t.Errorf("the actions of the platform are %v", tenancy.PlatformActions())
	}
	for _, role := range []tenancy.Role{owner, admin, operator, maintenance, quality, finance, viewer, "", "platform", "person"} {
		for _, cred := range credentials {
			for _, runs := range []bool{true, false} {
				for _, tenant := range []tenancy.ID{"", tenancy.NewID()} {
					p := tenancy.Principal{Tenant: tenant, Role: role, Credential: cred, Subject: "s", Operator: runs}
					for _, act := range platform {
						err := a.Authorize(t.Context(), p, act)
						session, atCell := cred == tenancy.CredentialSession, cred == tenancy.CredentialCellToken && tenant == ""
						if (runs && (session || atCell)) != (err == nil) || (err != nil && !errors.Is(err, tenancy.ErrForbidden)) {
							t.Errorf("%s by %s with %s, operator %t: %v", act, role, cred, runs, err)
						}
					}
					for act, may := range matrix {
						if err := a.Authorize(t.Context(), p, act); tenant != "" && slices.Contains(may, role) != (err == nil) {
							t.Errorf("%s by %s with %s, operator %t: %v", act, role, cred, runs, err)
						}
					}
				}
			}
		}
	}
	for _, r := range tenancy.Roles() {
		if slices.ContainsFunc(r.Actions, tenancy.Action.OfPlatform) {
			t.Errorf("the role %s has actions of the platform", r.Role)
		}
	}
}

func TestNoTenantIsAConflictAndNobodyIsUnauthenticated(t *testing.T) {
	t.Parallel()
	a, err := casbin.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for act := range matrix {
		p := tenancy.Principal{Role: tenancy.RoleOwner, Credential: tenancy.CredentialSession, Subject: "s"}
		if err := a.Authorize(t.Context(), p, act); !errors.Is(err, tenancy.ErrConflict) {
			t.Errorf("%s without a tenant: %v", act, err)
		}
		if err := a.Authorize(t.Context(), tenancy.Principal{}, act); !errors.Is(err, tenancy.ErrUnauthenticated) {
			t.Errorf("%s by nobody: %v", act, err)
		}
	}
	p := tenancy.Principal{Tenant: tenancy.NewID(), Role: tenancy.RoleOwner, Credential: tenancy.CredentialSession, Subject: "s"}
	if err := a.Authorize(t.Context(), p, "plant.explode"); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("an unknown action: %v", err)
	}
}

// definitions are the roles that two tenants made.
type definitions map[tenancy.ID]*tenancy.CustomRoles

func (d definitions) CustomRoles(_ context.Context, id tenancy.ID) (*tenancy.CustomRoles, error) {
	return d[id], nil
}

func TestARoleOfATenantsOwn(t *testing.T) {
	t.Parallel()
	a1, b := tenancy.NewID(), tenancy.NewID()
	lead := tenancy.CustomRole("lead")
	defs := definitions{
		a1: {Actions: map[tenancy.Role][]tenancy.Action{lead: {tenancy.ActionTenantRead, tenancy.ActionAuditRead}}},
		b:  {Actions: map[tenancy.Role][]tenancy.Action{tenancy.CustomRole("other"): {tenancy.ActionTenantRead}}},
	}
	a, err := casbin.New(defs)
	if err != nil {
		t.Fatal(err)
	}
	may := func(p tenancy.Principal, act tenancy.Action) bool {
		p.Subject, p.Credential = "s", tenancy.CredentialKey
		err := a.Authorize(t.Context(), p, act)
		if err != nil && !errors.Is(err, tenancy.ErrForbidden) {
			t.Errorf("%s by %+v: %v", act, p, err)
		}
		return err == nil
	}
	for name, c := range map[string]struct {
		p    tenancy.Principal
		act  tenancy.Action
		want bool
	}{
		"what it has":                {tenancy.Principal{Tenant: a1, Role: lead}, tenancy.ActionAuditRead, true},
		"what it has not":            {tenancy.Principal{Tenant: a1, Role: lead}, tenancy.ActionDevicesRead, false},
		"in another tenant":          {tenancy.Principal{Tenant: b, Role: lead}, tenancy.ActionTenantRead, false},
		"in one without roles":       {tenancy.Principal{Tenant: tenancy.NewID(), Role: lead}, tenancy.ActionTenantRead, false},
		"confined":                   {tenancy.Principal{Tenant: a1, Role: lead, Facilities: []string{"north"}}, tenancy.ActionAuditRead, false},
		"confined, no whole":         {tenancy.Principal{Tenant: a1, Role: lead, Facilities: []string{"north"}}, tenancy.ActionTenantRead, true},
		"out of scope":               {tenancy.Principal{Tenant: a1, Role: lead, Scopes: []tenancy.Action{tenancy.ActionTenantRead}}, tenancy.ActionAuditRead, false},
		"in scope":                   {tenancy.Principal{Tenant: a1, Role: lead, Scopes: []tenancy.Action{tenancy.ActionAuditRead}}, tenancy.ActionAuditRead, true},
		"a scope widens nothing":     {tenancy.Principal{Tenant: a1, Role: lead, Scopes: []tenancy.Action{tenancy.ActionKeysWrite}}, tenancy.ActionKeysWrite, false},
		"our role, scoped":           {tenancy.Principal{Tenant: a1, Role: admin, Scopes: []tenancy.Action{tenancy.ActionUsageRead}}, tenancy.ActionTenantWrite, false},
		"without the second factor":  {tenancy.Principal{Tenant: a1, Role: owner, SecondFactorMissing: true}, tenancy.ActionTenantRead, false},
		"a name that looks like one": {tenancy.Principal{Tenant: a1, Role: "custom/"}, tenancy.ActionTenantRead, false},
	} {
		if may(c.p, c.act) != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
	}
	defs[a1] = &tenancy.CustomRoles{Actions: map[tenancy.Role][]tenancy.Action{lead: {tenancy.ActionDevicesRead}}}
	p := tenancy.Principal{Tenant: a1, Role: lead}
	if may(p, tenancy.ActionAuditRead) || !may(p, tenancy.ActionDevicesRead) {
		t.Error("a changed role is as it was")
	}
}

// BenchmarkAuthorize checks what a request checks: one of our roles, and one of a tenant's own among 1000 tenants.
func BenchmarkAuthorize(b *testing.B) {
	lead := tenancy.CustomRole("lead")
	defs := definitions{}
	var ids []tenancy.ID
	for range 1_000 {
		ids = append(ids, tenancy.NewID())
		defs[ids[len(ids)-1]] = &tenancy.CustomRoles{Actions: map[tenancy.Role][]tenancy.Action{lead: {tenancy.ActionTelemetryRead}}}
	}
	a, err := casbin.New(defs)
	if err != nil {
		b.Fatal(err)
	}
	for name, role := range map[string]tenancy.Role{"ours": viewer, "custom": lead} {
		b.Run(name, func(b *testing.B) {
			for _, id := range ids { // what a running process has decided before
				_ = a.Authorize(b.Context(), tenancy.Principal{Tenant: id, Role: role, Credential: tenancy.CredentialSession, Subject: "s"}, tenancy.ActionTelemetryRead)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p := tenancy.Principal{Tenant: ids[i%len(ids)], Role: role, Credential: tenancy.CredentialSession, Subject: "s"}
				if a.Authorize(b.Context(), p, tenancy.ActionTelemetryRead) != nil {
					b.Fatal("refused")
				}
				i++
			}
		})
	}
}
