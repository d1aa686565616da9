package controlplane_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/controlplane"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// catalogTenant is the tenant as its cell knows it; nil while it does not.
func (s *stack) catalogTenant(t *testing.T, id string) *catalogv1.Tenant {
	t.Helper()
	kv, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
	if err != nil {
		return nil
	}
	e, err := kv.Get(t.Context(), subject.TenantKey(id))
	if err != nil {
		return nil
	}
	var m catalogv1.Tenant
	if err := proto.Unmarshal(e.Value(), &m); err != nil {
		t.Fatal(err)
	}
	return &m
}

func (s *stack) status(t *testing.T, who as) tenantv1.TenantStatus {
	t.Helper()
	res, err := s.tenants(who).Get(t.Context(), &tenantv1.GetRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetTenant().GetStatus()
}

func TestAnOperatorSuspendsAndResumes(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	s.provisioned(t, id)
	eventually(t, "the tenant is served", func() bool { return s.status(t, key) == tenantv1.TenantStatus_TENANT_STATUS_ACTIVE })
	ops := s.tenants(as{cookie: "ops"})
	_, err := s.tenants(as{cookie: "ada"}).Suspend(t.Context(), &tenantv1.SuspendRequest{TenantId: id, Reason: "I like it"})
	s.wants(t, connect.CodePermissionDenied, "", err)
	_, err = ops.Suspend(t.Context(), &tenantv1.SuspendRequest{TenantId: id, Reason: " \n "})
	s.wants(t, connect.CodeInvalidArgument, "reason: want 1 to 200 characters", err)
	_, err = ops.Suspend(t.Context(), &tenantv1.SuspendRequest{TenantId: strings.Repeat("a", 16), Reason: "nobody"})
	s.wants(t, connect.CodeNotFound, "there is no organisation", err)

	if _, err := ops.Suspend(t.Context(), &tenantv1.SuspendRequest{TenantId: id, Reason: "invoice 7\nis not paid"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell knows why", func() bool {
		e := s.catalogTenant(t, id)
		return e.GetSuspended() && e.GetSuspension() == "invoice 7 is not paid"
	})
	got, err := s.tenants(key).Get(t.Context(), &tenantv1.GetRequest{})
	if err != nil || got.GetTenant().GetStatus() != tenantv1.TenantStatus_TENANT_STATUS_SUSPENDED || got.GetTenant().GetSuspension().GetReason() != "invoice 7 is not paid" {
		t.Errorf("its people read %v, %v", got.GetTenant(), err)
	}
	if _, err := ops.Resume(t.Context(), &tenantv1.ResumeRequest{TenantId: id}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell serves it again", func() bool { e := s.catalogTenant(t, id); return e != nil && !e.GetSuspended() })
	if s.status(t, key) != tenantv1.TenantStatus_TENANT_STATUS_ACTIVE {
		t.Error("resumed is not active")
	}
	log, err := s.audit(key).List(t.Context(), &auditv1.ListRequest{Action: "TenantService/Suspend"})
	if err != nil || len(log.GetEntries()) != 2 || !slices.ContainsFunc(log.GetEntries(), func(e *auditv1.Entry) bool {
		return e.GetActor() == "ops@example.com" && strings.Contains(e.GetAfterJson(), "invoice 7 is not paid")
	}) {
		t.Errorf("audit: %v, %v", log.GetEntries(), err)
	}
}

func TestSettingsAreOfOneVersion(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	ada := s.tenants(key)
	good := func() *tenantv1.Settings {
		return &tenantv1.Settings{
			Name: "Ada & Co", TimeZone: "Europe/Berlin", Units: tenantv1.Units_UNITS_IMPERIAL, RetentionDays: 90, MinuteRetentionDays: 200,
			AlertRecipients: []string{"Shift@example.com"}, AlertSeverity: tenantv1.AlertSeverity_ALERT_SEVERITY_CRITICAL,
		}
	}
	for name, c := range map[string]struct {
		code  connect.Code
		words string
		spoil func(*tenantv1.Settings)
	}{
		"only spaces":    {connect.CodeInvalidArgument, "name: want", func(s *tenantv1.Settings) { s.Name = "  " }},
		"no such zone":   {connect.CodeInvalidArgument, `time_zone "Mars/Olympus": want a name of the IANA database`, func(s *tenantv1.Settings) { s.TimeZone = "Mars/Olympus" }},
		"a path":         {connect.CodeInvalidArgument, "time_zone", func(s *tenantv1.Settings) { s.TimeZone = "../../etc/passwd" }},
		"over the plan":  {connect.CodeResourceExhausted, "limit retention_days of plan team: 401 of 400", func(s *tenantv1.Settings) { s.RetentionDays = 401 }},
		"minutes over":   {connect.CodeResourceExhausted, "limit minute_retention_days of plan team: 401 of 400", func(s *tenantv1.Settings) { s.MinuteRetentionDays = 401 }},
		"hours over":     {connect.CodeResourceExhausted, "limit hour_retention_days of plan team: 1101 of 1100", func(s *tenantv1.Settings) { s.HourRetentionDays = 1101 }},
		"minutes first":  {connect.CodeInvalidArgument, "minute_retention_days 89: events are kept for 90 days", func(s *tenantv1.Settings) { s.MinuteRetentionDays = 89 }},
		"hours first":    {connect.CodeInvalidArgument, "hour_retention_days 199: minutes are kept for 200 days", func(s *tenantv1.Settings) { s.HourRetentionDays = 199 }},
		"no address":     {connect.CodeInvalidArgument, "alert_recipients", func(s *tenantv1.Settings) { s.AlertRecipients = []string{"shift"} }},
		"a name of 1 MB": {connect.CodeInvalidArgument, "name", func(s *tenantv1.Settings) { s.Name = strings.Repeat("x", 1<<20) }},
	} {
		settings := good()
		c.spoil(settings)
		_, err := ada.UpdateSettings(t.Context(), &tenantv1.UpdateSettingsRequest{Settings: settings, Version: 1})
		if connect.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	res, err := ada.UpdateSettings(t.Context(), &tenantv1.UpdateSettingsRequest{Settings: good(), Version: 1})
	if err != nil || res.GetSettings().GetVersion() != 2 || res.GetSettings().GetAlertRecipients()[0] != "shift@example.com" {
		t.Fatalf("%v, %v", res, err)
	}
	eventually(t, "the cell knows how long to keep", func() bool {
		is := s.catalogTenant(t, id)
		return is.GetRetentionDays() == 90 && is.GetMinuteRetentionDays() == 200 && is.GetHourRetentionDays() == 1100
	})

	late := good()
	late.Name = "Somebody else's"
	_, err = ada.UpdateSettings(t.Context(), &tenantv1.UpdateSettingsRequest{Settings: late, Version: 1})
	s.wants(t, connect.CodeFailedPrecondition, "the settings were changed meanwhile: they are of version 2, you read version 1", err)
	var ce *connect.Error
	if !asConnect(err, &ce) || len(ce.Details()) == 0 {
		t.Fatal("the conflict has no detail")
	}
	value, err := ce.Details()[0].Value()
	conflict, ok := value.(*tenantv1.SettingsConflict)
	if err != nil || !ok || conflict.GetYours().GetName() != "Somebody else's" || conflict.GetCurrent().GetName() != "Ada & Co" || conflict.GetCurrent().GetVersion() != 2 {
		t.Errorf("detail %v, %v", value, err)
	}
}

func asConnect(err error, into **connect.Error) bool {
	ce, ok := err.(*connect.Error) //nolint:errorlint // what a client gets
	*into = ce
	return ok
}

func TestFoundingChoosesRegionAndPlan(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ada := s.tenants(as{cookie: "ada"})
	_, err := ada.Create(t.Context(), &tenantv1.CreateRequest{Name: "A", Slug: "works-a", Region: "atlantis"})
	s.wants(t, connect.CodeInvalidArgument, `there is no region "atlantis"`, err)
	_, err = ada.Create(t.Context(), &tenantv1.CreateRequest{Name: "A", Slug: "works-a", Plan: "gold"})
	s.wants(t, connect.CodeInvalidArgument, `plan "gold": want one of [free team plant enterprise]`, err)
	res, err := ada.Create(t.Context(), &tenantv1.CreateRequest{Name: "A", Slug: "works-a", Plan: "free"})
	if err != nil || res.GetTenant().GetPlan() != "free" || res.GetTenant().GetLimits().GetDevices() != 10 || res.GetTenant().GetRegion() == "" {
		t.Errorf("%v, %v", res, err)
	}
	if steps := res.GetTenant().GetSteps(); len(steps) != 4 || steps[0].GetState() != tenantv1.StepState_STEP_STATE_DONE {
		t.Errorf("steps %v", steps)
	}
	plans, err := ada.ListPlans(t.Context(), &tenantv1.ListPlansRequest{})
	if err != nil || len(plans.GetPlans()) != 4 || plans.GetPlans()[0].GetRetentionDays() != 30 || plans.GetPlans()[0].GetHourRetentionDays() != 400 {
		t.Errorf("plans %v, %v", plans, err)
	}
}

func TestOwnershipIsHandedOver(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	s.join(t, "bob", &memberv1.InviteRequest{Email: "bob@example.com", Role: tenantv1.Role_ROLE_MAINTENANCE, Facilities: []string{"north"}})
	ada := s.tenants(as{cookie: "ada"})
	transfer := func(who as, member, confirm string) error {
		_, err := s.tenants(who).TransferOwnership(t.Context(), &tenantv1.TransferOwnershipRequest{MemberId: member, Confirm: confirm})
		return err
	}
	s.wants(t, connect.CodeInvalidArgument, "type the organisation's short name, ada-works", transfer(as{cookie: "ada"}, "identity-bob", "ada works"))
	s.wants(t, connect.CodeNotFound, "there is no member identity-eve", transfer(as{cookie: "ada"}, "identity-eve", "ada-works"))
	s.wants(t, connect.CodeInvalidArgument, "you own the organisation already", transfer(as{cookie: "ada"}, "identity-ada", "ada-works"))
	s.wants(t, connect.CodePermissionDenied, "", transfer(as{cookie: "bob"}, "identity-bob", "ada-works"))
	s.wants(t, connect.CodePermissionDenied, "signed-in person", transfer(key, "identity-bob", "ada-works"))
	_, err := s.members(as{cookie: "ada"}).Leave(t.Context(), &memberv1.LeaveRequest{})
	s.wants(t, connect.CodeFailedPrecondition, "is the last owner", err)

	res, err := ada.TransferOwnership(t.Context(), &tenantv1.TransferOwnershipRequest{MemberId: "identity-bob", Confirm: "ada-works"})
	if err != nil || res.GetMembership().GetRole() != tenantv1.Role_ROLE_ADMIN {
		t.Fatalf("%v, %v", res, err)
	}
	list, err := s.members(as{cookie: "bob"}).List(t.Context(), &memberv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.GetMembers() {
		want := map[string]tenantv1.Role{"identity-ada": tenantv1.Role_ROLE_ADMIN, "identity-bob": tenantv1.Role_ROLE_OWNER}[m.GetMemberId()]
		if m.GetRole() != want || len(m.GetFacilities()) != 0 {
			t.Errorf("%v", m)
		}
	}
	for to, words := range map[string]string{"ada@example.com": "You made bob@example.com the owner", "bob@example.com": "ada@example.com made you the owner"} {
		eventually(t, "an e-mail to "+to, func() bool { return s.mails.has(to, words) })
	}
	s.wants(t, connect.CodePermissionDenied, "", transfer(as{cookie: "ada"}, "identity-bob", "ada-works"))
	if _, err := s.members(as{cookie: "ada"}).Leave(t.Context(), &memberv1.LeaveRequest{}); err != nil {
		t.Errorf("who is no owner may leave: %v", err)
	}
}

func TestADeletionCanBeCancelled(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	s.provisioned(t, id)
	eventually(t, "the tenant is served", func() bool { return s.status(t, key) == tenantv1.TenantStatus_TENANT_STATUS_ACTIVE })
	ada := s.tenants(as{cookie: "ada"})
	_, err := ada.Delete(t.Context(), &tenantv1.DeleteRequest{Confirm: "yes"})
	s.wants(t, connect.CodeInvalidArgument, "type the organisation's short name", err)
	_, err = ada.CancelDeletion(t.Context(), &tenantv1.CancelDeletionRequest{})
	s.wants(t, connect.CodeFailedPrecondition, "there is no deletion", err)
	res, err := ada.Delete(t.Context(), &tenantv1.DeleteRequest{Confirm: "ada-works"})
	if err != nil || res.GetTenant().GetStatus() != tenantv1.TenantStatus_TENANT_STATUS_DELETING ||
		time.Until(res.GetTenant().GetDeletion().GetDueAt().AsTime()) < 6*24*time.Hour {
		t.Fatalf("%v, %v", res, err)
	}
	eventually(t, "the cell refuses it", func() bool { return strings.Contains(s.catalogTenant(t, id).GetSuspension(), "it will be deleted on") })
	eventually(t, "its owner is told", func() bool { return s.mails.has("ada@example.com", "asked for ada works on Millwright to be deleted") })
	_, err = ada.Delete(t.Context(), &tenantv1.DeleteRequest{Confirm: "ada-works"})
	s.wants(t, connect.CodeFailedPrecondition, "is to be deleted already", err)
	if _, err := ada.CancelDeletion(t.Context(), &tenantv1.CancelDeletionRequest{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell serves it again", func() bool { return !s.catalogTenant(t, id).GetSuspended() })
	if s.status(t, key) != tenantv1.TenantStatus_TENANT_STATUS_ACTIVE {
		t.Error("it is not active again")
	}
}

// TestADeletedTenantLeavesOnlyItsTombstone stops the control plane between the steps: another process goes on.
func TestADeletedTenantLeavesOnlyItsTombstone(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) { c.DeletionGrace = 0 })
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	otherID, other := s.found(t, "bob", tenantv1.Role_ROLE_OWNER)
	for _, k := range []as{key, other} {
		if _, err := s.devices(k).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press", Location: &devicev1.Location{Facility: "north"}}); err != nil {
			t.Fatal(err)
		}
	}
	// Deleting a role leaves something in the outbox, which has to go as well.
	if _, err := s.roles(key).Create(t.Context(), &rolev1.CreateRequest{CustomRole: "lead", Title: "Leads", Actions: []string{"devices.read"}}); err != nil {
		t.Fatal(err)
	}
	s.provisioned(t, id)
	s.provisioned(t, otherID)
	eventually(t, "the tenants are at the cell", func() bool { return len(s.keysOf(t, id)) >= 5 && len(s.keysOf(t, otherID)) >= 5 })
	before := s.keysOf(t, otherID)
	if _, err := s.tenants(as{cookie: "ada"}).Delete(t.Context(), &tenantv1.DeleteRequest{Confirm: "ada-works"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell is told to remove it", func() bool { return s.catalogTenant(t, id).GetRemoved() })
	if _, err := s.tenants(key).Get(t.Context(), &tenantv1.GetRequest{}); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("its key: %v", err)
	}
	_, err := s.tenants(as{cookie: "ada"}).CancelDeletion(t.Context(), &tenantv1.CancelDeletionRequest{})
	s.wants(t, connect.CodeFailedPrecondition, "there is no deletion that can be cancelled", err)
	s.stop()
	s.start(t)
	s.report(t, &catalogv1.CellReport{Storage: &catalogv1.StorageReport{TenantId: id, Removed: true, Tables: 5, Rows: 4711, Bytes: 99}})
	var removed *tenantv1.Removed
	eventually(t, "it is removed, and nothing was found afterwards", func() bool {
		res, err := s.tenants(as{cookie: "ada"}).ListRemoved(t.Context(), &tenantv1.ListRemovedRequest{})
		if err != nil || len(res.GetTenants()) != 1 || res.GetTenants()[0].GetVerifiedAt() == nil {
			return false
		}
		removed = res.GetTenants()[0]
		return true
	})
	for name, want := range map[string]int64{"devices": 1, "certificates": 1, "members": 1, "authorities": 1, "tenants": 1, "store_tables": 5, "store_rows": 4711} {
		if removed.GetCounts()[name] != want {
			t.Errorf("%s: %d removed, want %d; in all %v", name, removed.GetCounts()[name], want, slices.Sorted(maps.Keys(removed.GetCounts())))
		}
	}
	var first map[string]any
	line, _, _ := strings.Cut(removed.GetAuditNdjson(), "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil || !strings.Contains(line, "TenantService/Create") {
		t.Errorf("audit export begins with %q, %v", line, err)
	}
	if left := s.keysOf(t, id); len(left) != 0 {
		t.Errorf("the catalog has %v", left)
	}
	if after := s.keysOf(t, otherID); !slices.Equal(before, after) {
		t.Errorf("the other tenant's entries %v, before %v", after, before)
	}
	if d, err := s.devices(other).List(t.Context(), &devicev1.ListRequest{}); err != nil || len(d.GetDevices()) != 1 {
		t.Errorf("the other tenant's devices: %v, %v", d, err)
	}
	if mine, err := s.tenants(as{cookie: "ada"}).List(t.Context(), &tenantv1.ListRequest{}); err != nil || len(mine.GetMemberships()) != 0 {
		t.Errorf("her organisations: %v, %v", mine, err)
	}
	if theirs, err := s.tenants(as{cookie: "bob"}).ListRemoved(t.Context(), &tenantv1.ListRemovedRequest{}); err != nil || len(theirs.GetTenants()) != 0 {
		t.Errorf("somebody else reads the tombstone: %v, %v", theirs, err)
	}
}

// keysOf lists the tenant's entries in the cell's catalog.
func (s *stack) keysOf(t *testing.T, id string) (names []string) {
	t.Helper()
	kv, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
	if err != nil {
		return nil
	}
	keys, err := kv.ListKeysFiltered(t.Context(), subject.CatalogOf(id)...)
	if err != nil {
		t.Fatal(err)
	}
	for k := range keys.Keys() {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}
