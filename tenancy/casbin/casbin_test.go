package casbin_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/casbin"
)

// matrix is the whole permission table, written out by hand once more.
var matrix = map[tenancy.Action][]tenancy.Role{
	tenancy.ActionTenantRead: {owner, admin, operator, maintenance, quality, finance, viewer}, tenancy.ActionUsageRead: {owner, admin, operator, maintenance, quality, finance, viewer},
	tenancy.ActionCellEnter: {owner, admin, operator, maintenance, quality, viewer}, tenancy.ActionDevicesRead: {owner, admin, operator, maintenance, quality, viewer},
	tenancy.ActionTelemetryRead: {owner, admin, operator, maintenance, quality, viewer}, tenancy.ActionDeadLettersRead: {owner, admin, operator, maintenance, quality},
	tenancy.ActionDeadLettersWrite: {owner, admin, operator, maintenance},
	tenancy.ActionDevicesOperate:   {owner, admin, operator, maintenance}, tenancy.ActionCertificatesWrite: {owner, admin, maintenance},
	tenancy.ActionAuditRead: {owner, admin, quality}, tenancy.ActionStoreRead: {owner, admin, quality},
	tenancy.ActionTenantWrite: {owner, admin}, tenancy.ActionDevicesWrite: {owner, admin},
	tenancy.ActionMembersRead: {owner, admin}, tenancy.ActionMembersWrite: {owner, admin},
	tenancy.ActionKeysRead: {owner, admin}, tenancy.ActionKeysWrite: {owner, admin},
	tenancy.ActionJobsRead: {owner, admin, operator, maintenance}, tenancy.ActionJobsWrite: {owner, admin, operator, maintenance},
	tenancy.ActionGroupsRead: {owner, admin, operator, maintenance, quality, viewer}, tenancy.ActionGroupsWrite: {owner, admin},
	tenancy.ActionTenantOwn: {owner}, tenancy.ActionDeviceTypesWrite: {owner, admin}, tenancy.ActionFacilitiesWrite: {owner, admin},
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
	a, err := casbin.New()
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
	a, err := casbin.New()
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
	tenancy.ActionPlatformAnnouncements,
}

// TestPlatformActionsNeedAnOperatorSignedIn tries every role, every credential, with and without a tenant: only a session of an
// operator may, and an operator may nothing else in a tenant than their role there says.
func TestPlatformActionsNeedAnOperatorSignedIn(t *testing.T) {
	t.Parallel()
	a, err := casbin.New()
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
						if (runs && cred == tenancy.CredentialSession) != (err == nil) || (err != nil && !errors.Is(err, tenancy.ErrForbidden)) {
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
	a, err := casbin.New()
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

func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	for _, giver := range tenancy.Roles() {
		for _, given := range tenancy.Roles() {
			more := slices.ContainsFunc(given.Actions, func(a tenancy.Action) bool { return !slices.Contains(matrix[a], giver.Role) })
			if giver.Role.Covers(given.Role) == more {
				t.Errorf("%s covers %s: %t", giver.Role, given.Role, !more)
			}
		}
	}
	if tenancy.RoleOwner.Covers("root") || tenancy.Role("root").Covers(tenancy.RoleViewer) {
		t.Error("a role that does not exist covers or is covered")
	}
}

func BenchmarkAuthorize(b *testing.B) {
	a, err := casbin.New()
	if err != nil {
		b.Fatal(err)
	}
	p := tenancy.Principal{Tenant: tenancy.NewID(), Role: viewer, Credential: tenancy.CredentialSession, Subject: "s"}
	b.ReportAllocs()
	for b.Loop() {
		if a.Authorize(b.Context(), p, tenancy.ActionTelemetryRead) != nil {
			b.Fatal("refused")
		}
	}
}
