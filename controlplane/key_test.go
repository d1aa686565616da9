package controlplane_test

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

func timestampOf(text string) *timestamppb.Timestamp {
	at, _ := time.Parse(time.RFC3339, text)
	return timestamppb.New(at)
}

func (s *stack) newKey(t *testing.T, by as, req *keyv1.CreateRequest) (*keyv1.Key, as) {
	t.Helper()
	res, err := s.keys(by).Create(t.Context(), req)
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return res.GetKey(), as{key: res.GetSecret()}
}

func TestAKeyMayDoItsScopesAtItsFacilities(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, owner := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	for _, d := range []*devicev1.CreateRequest{
		{DeviceId: "press_01", DeviceType: "press", Location: &devicev1.Location{Facility: "north"}},
		{DeviceId: "press_02", DeviceType: "press", Location: &devicev1.Location{Facility: "south"}},
	} {
		if _, err := s.devices(owner).Create(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	_, k := s.newKey(t, owner, &keyv1.CreateRequest{
		Name: "report", Role: tenantv1.Role_ROLE_OPERATOR, Scopes: []string{"devices.read"}, Facilities: []string{"north"},
	})
	list, err := s.devices(k).List(t.Context(), &devicev1.ListRequest{})
	if err != nil || len(list.GetDevices()) != 1 || list.GetDevices()[0].GetDeviceId() != "press_01" {
		t.Errorf("it sees %v, %v", list, err)
	}
	_, err = s.devices(k).Suspend(t.Context(), &devicev1.SuspendRequest{DeviceId: "press_01"})
	s.wants(t, connect.CodePermissionDenied, "this key's scopes do not include devices.operate", err)
	_, err = s.tenants(k).Get(t.Context(), &tenantv1.GetRequest{})
	s.wants(t, connect.CodePermissionDenied, "scopes do not include tenant.read", err)
	for want, req := range map[string]*keyv1.CreateRequest{
		"the role viewer does not include keys.write": {Name: "k", Role: tenantv1.Role_ROLE_VIEWER, Scopes: []string{"keys.write"}},
		"role: name one":                         {Name: "k"},
		"name a role of your organisation's own": {Name: "k", Role: tenantv1.Role_ROLE_VIEWER, CustomRole: "x"},
		"expires_at 2020":                        {Name: "k", Role: tenantv1.Role_ROLE_VIEWER, ExpiresAt: timestampOf("2020-01-01T00:00:00Z")},
	} {
		_, err := s.keys(owner).Create(t.Context(), req)
		s.wants(t, connect.CodeInvalidArgument, want, err)
	}
	_, scoped := s.newKey(t, owner, &keyv1.CreateRequest{Name: "maker", Role: tenantv1.Role_ROLE_ADMIN, Scopes: []string{"keys.write", "devices.read"}})
	_, err = s.keys(scoped).Create(t.Context(), &keyv1.CreateRequest{Name: "wide", Role: tenantv1.Role_ROLE_VIEWER})
	s.wants(t, connect.CodePermissionDenied, "which you may not do yourself", err)
	s.newKey(t, scoped, &keyv1.CreateRequest{Name: "narrow", Role: tenantv1.Role_ROLE_VIEWER, Scopes: []string{"devices.read"}})
}

func TestARotatedKeyHasTwoSecretsForAWhile(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) { c.LastUseInterval = 20 * time.Millisecond })
	_, owner := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	k, first := s.newKey(t, owner, &keyv1.CreateRequest{Name: "line", Role: tenantv1.Role_ROLE_VIEWER})
	works := func(who as) error {
		_, err := s.tenants(who).Get(t.Context(), &tenantv1.GetRequest{})
		return err
	}
	rotate := func(overlap time.Duration) (*keyv1.Key, as) {
		res, err := s.keys(owner).Rotate(t.Context(), &keyv1.RotateRequest{KeyId: k.GetKeyId(), Overlap: durationpb.New(overlap)})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetKey(), as{key: res.GetSecret()}
	}
	after, second := rotate(time.Hour)
	if list := after.GetSecrets(); len(list) != 2 || list[0].GetExpiresAt() != nil || time.Until(list[1].GetExpiresAt().AsTime()) < 59*time.Minute ||
		!strings.HasPrefix(second.key, list[0].GetPrefix()) || !strings.HasPrefix(first.key, list[1].GetPrefix()) {
		t.Errorf("both secrets are not to be seen: %v", list)
	}
	for name, who := range map[string]as{"old": first, "new": second} {
		if err := works(who); err != nil {
			t.Errorf("the %s secret: %v", name, err)
		}
	}
	eventually(t, "it is known that both were used", func() bool {
		list, err := s.keys(owner).List(t.Context(), &keyv1.ListRequest{})
		if err != nil {
			return false
		}
		used := 0
		for _, key := range list.GetKeys() {
			for _, x := range key.GetSecrets() {
				if key.GetKeyId() == k.GetKeyId() && x.GetLastUsedAddress() == "127.0.0.1" && x.GetLastUsedAtPlane() == "controlplane" && time.Since(x.GetLastUsedAt().AsTime()) < time.Minute {
					used++
				}
			}
		}
		return used == 2
	})
	after, third := rotate(0)
	if len(after.GetSecrets()) != 1 {
		t.Errorf("after a rotation without overlap: %v", after.GetSecrets())
	}
	for _, who := range []as{first, second} {
		s.wants(t, connect.CodeUnauthenticated, "unknown or revoked", works(who))
	}
	if err := works(third); err != nil {
		t.Errorf("the newest: %v", err)
	}
	_, fourth := rotate(time.Second)
	eventually(t, "the overlap ends", func() bool { return connect.CodeOf(works(third)) == connect.CodeUnauthenticated })
	s.wants(t, connect.CodeUnauthenticated, "use the newer one", works(third))
	if err := works(fourth); err != nil {
		t.Errorf("after the overlap: %v", err)
	}
	log, err := s.audit(owner).List(t.Context(), &auditv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range log.GetEntries() {
		for _, who := range []as{first, second, third, fourth} {
			if strings.Contains(e.String(), who.key[20:]) {
				t.Error("a secret is in the audit log")
			}
		}
	}
}

func TestAServiceAccountsRoleIsThatOfItsKeys(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, owner := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	if _, err := s.keys(owner).CreateServiceAccount(t.Context(), &keyv1.CreateServiceAccountRequest{ServiceAccountId: "mes", Title: "MES", Role: tenantv1.Role_ROLE_VIEWER}); err != nil {
		t.Fatal(err)
	}
	var holders []as
	for range 2 {
		k, who := s.newKey(t, owner, &keyv1.CreateRequest{Name: "mes", ServiceAccountId: "mes"})
		if k.GetRole() != tenantv1.Role_ROLE_VIEWER || k.GetServiceAccountId() != "mes" {
			t.Errorf("the key: %v", k)
		}
		holders = append(holders, who)
	}
	_, err := s.keys(owner).Create(t.Context(), &keyv1.CreateRequest{Name: "k", ServiceAccountId: "mes", Role: tenantv1.Role_ROLE_ADMIN})
	s.wants(t, connect.CodeInvalidArgument, "the key has those of its service account", err)
	create := func(who as, id string) error {
		_, err := s.devices(who).Create(t.Context(), &devicev1.CreateRequest{DeviceId: id, DeviceType: "press"})
		return err
	}
	s.wants(t, connect.CodePermissionDenied, "role viewer may not devices.write", create(holders[0], "a"))
	if _, err := s.keys(owner).UpdateServiceAccount(t.Context(), &keyv1.UpdateServiceAccountRequest{ServiceAccountId: "mes", Role: tenantv1.Role_ROLE_ADMIN}); err != nil {
		t.Fatal(err)
	}
	for i, who := range holders {
		if err := create(who, string(rune('a'+i))); err != nil {
			t.Errorf("with the new role: %v", err)
		}
	}
	log, err := s.audit(owner).List(t.Context(), &auditv1.ListRequest{Object: "device/a"})
	if err != nil || len(log.GetEntries()) != 1 || !strings.HasPrefix(log.GetEntries()[0].GetActor(), "service:mes/key:") {
		t.Errorf("the audit log: %v, %v", log, err)
	}
	// Whoever may do less than the account can neither use nor change it.
	_, small := s.newKey(t, owner, &keyv1.CreateRequest{Name: "small", Role: tenantv1.Role_ROLE_ADMIN, Scopes: []string{"keys.write"}})
	_, err = s.keys(small).Create(t.Context(), &keyv1.CreateRequest{Name: "k", ServiceAccountId: "mes"})
	s.wants(t, connect.CodePermissionDenied, "which you may not do yourself", err)
	_, err = s.keys(small).DeleteServiceAccount(t.Context(), &keyv1.DeleteServiceAccountRequest{ServiceAccountId: "mes"})
	s.wants(t, connect.CodePermissionDenied, "which you may not do yourself", err)
	if _, err := s.keys(owner).DeleteServiceAccount(t.Context(), &keyv1.DeleteServiceAccountRequest{ServiceAccountId: "mes"}); err != nil {
		t.Fatal(err)
	}
	for _, who := range holders {
		s.wants(t, connect.CodeUnauthenticated, "unknown or revoked", create(who, "c"))
	}
}

func TestARoleOfOnesOwn(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, owner := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	roles := s.roles(owner)
	made, err := roles.Create(t.Context(), &rolev1.CreateRequest{CustomRole: "shift-lead", Title: "Leads a shift.", Actions: []string{"devices.read", "devices.operate"}})
	if err != nil || len(made.GetRole().GetActions()) != 3 {
		t.Fatalf("create: %v, %v", made, err)
	}
	for want, req := range map[string]*rolev1.CreateRequest{
		"none that a role can have":  {CustomRole: "r2", Actions: []string{"tenant.own"}},
		"\"rockets.fire\" is none":   {CustomRole: "r2", Actions: []string{"rockets.fire"}},
		"none of our roles' names":   {CustomRole: "admin", Actions: []string{"devices.read"}},
		"want 2 to 40 of a-z":        {CustomRole: "admin", Actions: []string{"devices.read"}},
		"does not match regex":       {CustomRole: "Ünï", Actions: []string{"devices.read"}},
		"must contain at least 1 it": {CustomRole: "r2"},
	} {
		_, err := roles.Create(t.Context(), req)
		s.wants(t, connect.CodeInvalidArgument, want, err)
	}
	_, err = roles.Create(t.Context(), &rolev1.CreateRequest{CustomRole: "shift-lead", Actions: []string{"devices.read"}})
	s.wants(t, connect.CodeAlreadyExists, "has a role shift-lead already", err)

	_, lead := s.newKey(t, owner, &keyv1.CreateRequest{Name: "lead", Role: tenantv1.Role_ROLE_CUSTOM, CustomRole: "shift-lead"})
	_, err = s.keys(owner).Create(t.Context(), &keyv1.CreateRequest{Name: "k", Role: tenantv1.Role_ROLE_CUSTOM, CustomRole: "nobody"})
	s.wants(t, connect.CodeNotFound, "has no role \"nobody\"", err)
	create := func() error {
		_, err := s.devices(lead).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press"})
		return err
	}
	s.wants(t, connect.CodePermissionDenied, "role shift-lead may not devices.write", create())
	if _, err := s.devices(lead).List(t.Context(), &devicev1.ListRequest{}); err != nil {
		t.Error(err)
	}
	update := func(revision int64, actions ...string) error {
		_, err := roles.Update(t.Context(), &rolev1.UpdateRequest{CustomRole: "shift-lead", Actions: actions, Revision: revision})
		return err
	}
	if err := update(1, "devices.write", "roles.write"); err != nil {
		t.Fatal(err)
	}
	s.wants(t, connect.CodeFailedPrecondition, "you saw revision 1, it is 2 now", update(1, "devices.read"))
	if err := create(); err != nil {
		t.Errorf("with the changed role: %v", err)
	}
	// Who has it cannot make it, or another, wider.
	_, err = s.roles(lead).Update(t.Context(), &rolev1.UpdateRequest{CustomRole: "shift-lead", Actions: []string{"devices.write", "roles.write", "keys.write"}})
	s.wants(t, connect.CodePermissionDenied, "it includes keys.write, which you may not do yourself", err)
	_, err = s.roles(lead).Create(t.Context(), &rolev1.CreateRequest{CustomRole: "wide", Actions: []string{"keys.write"}})
	s.wants(t, connect.CodePermissionDenied, "which you may not do yourself", err)
	_, err = roles.Delete(t.Context(), &rolev1.DeleteRequest{CustomRole: "shift-lead"})
	s.wants(t, connect.CodeFailedPrecondition, "is in use", err)
	if list, err := roles.List(t.Context(), &rolev1.ListRequest{}); err != nil || len(list.GetRoles()) != 8 {
		t.Errorf("the roles: %v, %v", list, err)
	}
	keys, _ := s.keys(owner).List(t.Context(), &keyv1.ListRequest{})
	for _, k := range keys.GetKeys() {
		if k.GetCustomRole() != "" {
			_, _ = s.keys(owner).Revoke(t.Context(), &keyv1.RevokeRequest{KeyId: k.GetKeyId()})
		}
	}
	if _, err := roles.Delete(t.Context(), &rolev1.DeleteRequest{CustomRole: "shift-lead"}); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// TestAKeyIsInTheCatalogBeforeItsMakerHasIt looks into the cell's catalog as soon as a key is made or rotated; and without NATS
// a key is made all the same.
func TestAKeyIsInTheCatalogBeforeItsMakerHasIt(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, owner := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	var kv jetstream.KeyValue
	eventually(t, "the catalog is there", func() (ok bool) {
		var err error
		kv, err = s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
		return err == nil
	})
	secrets := func(key string) int {
		t.Helper()
		e, err := kv.Get(t.Context(), subject.APIKeyKey(id, key))
		if err != nil {
			t.Fatalf("the key is not in the catalog: %v", err)
		}
		var m catalogv1.Key
		if err := proto.Unmarshal(e.Value(), &m); err != nil {
			t.Fatal(err)
		}
		return len(m.GetSecrets())
	}
	for range 20 {
		k, _ := s.newKey(t, owner, &keyv1.CreateRequest{Name: "line", Role: tenantv1.Role_ROLE_VIEWER})
		if n := secrets(k.GetKeyId()); n != 1 {
			t.Fatalf("%d secrets", n)
		}
		if _, err := s.keys(owner).Rotate(t.Context(), &keyv1.RotateRequest{KeyId: k.GetKeyId(), Overlap: durationpb.New(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if n := secrets(k.GetKeyId()); n != 2 {
			t.Fatalf("after a rotation, %d secrets", n)
		}
	}
	s.nats.Stop()
	begun := time.Now()
	s.newKey(t, owner, &keyv1.CreateRequest{Name: "late", Role: tenantv1.Role_ROLE_VIEWER})
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("without NATS a key takes %s", took)
	}
}
