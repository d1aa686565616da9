package casbin_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/casbin"
)

// matrix is the whole permission table: for each action the narrowest role that may do it.
var matrix = map[tenancy.Action]tenancy.Role{
	tenancy.ActionTenantRead: tenancy.RoleViewer, tenancy.ActionCellEnter: tenancy.RoleViewer,
	tenancy.ActionDevicesRead: tenancy.RoleViewer, tenancy.ActionTelemetryRead: tenancy.RoleViewer,
	tenancy.ActionUsageRead: tenancy.RoleViewer,

	tenancy.ActionDevicesOperate: tenancy.RoleOperator, tenancy.ActionDeadLettersRead: tenancy.RoleOperator,

	tenancy.ActionDevicesWrite: tenancy.RoleAdmin, tenancy.ActionCertificatesWrite: tenancy.RoleAdmin,
	tenancy.ActionMembersRead: tenancy.RoleAdmin, tenancy.ActionMembersWrite: tenancy.RoleAdmin,
	tenancy.ActionKeysRead: tenancy.RoleAdmin, tenancy.ActionKeysWrite: tenancy.RoleAdmin,
	tenancy.ActionAuditRead: tenancy.RoleAdmin, tenancy.ActionStoreRead: tenancy.RoleAdmin,
}

var account = []tenancy.Action{tenancy.ActionAccountRead, tenancy.ActionAccountFound, tenancy.ActionAccountSwitch}

var credentials = []tenancy.Credential{tenancy.CredentialSession, tenancy.CredentialKey, tenancy.CredentialCellToken}

func TestMatrix(t *testing.T) {
	t.Parallel()
	a, err := casbin.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, procedure := range tenancy.Procedures() {
		act, _ := tenancy.ActionOf(procedure)
		if _, ok := matrix[act]; !ok && !slices.Contains(account, act) {
			t.Errorf("%s needs %s, which is in no row of the matrix", procedure, act)
		}
	}
	for _, role := range []tenancy.Role{tenancy.RoleOwner, tenancy.RoleAdmin, tenancy.RoleOperator, tenancy.RoleViewer, "person", "", "root"} {
		for act, narrowest := range matrix {
			for _, cred := range credentials {
				p := tenancy.Principal{Tenant: tenancy.NewID(), Role: role, Credential: cred, Subject: "s"}
				err := a.Authorize(t.Context(), p, act)
				if role.Covers(narrowest) != (err == nil) {
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
