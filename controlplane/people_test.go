package controlplane_test

import (
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/controlplane"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/member/v1/memberv1connect"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// join makes the person a member of ada's tenant, by an invitation.
func (s *stack) join(t *testing.T, person string, req *memberv1.InviteRequest) {
	t.Helper()
	before := len(s.mails.tokens(person + "@example.com"))
	if _, err := s.members(as{cookie: "ada"}).Invite(t.Context(), req); err != nil {
		t.Fatalf("invite %s: %v", person, err)
	}
	token := s.token(t, person+"@example.com", before+1)
	accepted := func() error {
		_, err := s.members(as{cookie: person}).AcceptInvitation(t.Context(), &memberv1.AcceptInvitationRequest{Token: token})
		return err
	}
	// The e-mail is there a moment before the store knows that it was sent.
	eventually(t, person+" can accept", func() bool { return accepted() == nil })
}

func (s *stack) wants(t *testing.T, want connect.Code, contains string, err error) {
	t.Helper()
	if connect.CodeOf(err) != want || !strings.Contains(err.Error(), contains) {
		t.Errorf("got %v, want %s: %s", err, want, contains)
	}
}

func TestAnInvitationIsForOneReaderAndOnce(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) { c.PlanLimits = []string{"members=4"} })
	s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	ada, bob := s.members(as{cookie: "ada"}), s.members(as{cookie: "bob"})
	invite := func(email string) (*memberv1.InviteResponse, error) {
		return ada.Invite(t.Context(), &memberv1.InviteRequest{Email: email, Role: tenantv1.Role_ROLE_MAINTENANCE, Facilities: []string{"north"}})
	}
	if _, err := invite("bob@example.com"); err != nil {
		t.Fatal(err)
	}
	first := s.token(t, "bob@example.com", 1)
	accept := func(who memberv1connect.MemberServiceClient, token string) error {
		_, err := who.AcceptInvitation(t.Context(), &memberv1.AcceptInvitationRequest{Token: token})
		return err
	}
	eventually(t, "the invitation is sent", func() bool {
		list, err := ada.ListInvitations(t.Context(), &memberv1.ListInvitationsRequest{})
		return err == nil && len(list.GetInvitations()) == 1 && list.GetInvitations()[0].GetStatus() == memberv1.InvitationStatus_INVITATION_STATUS_SENT
	})
	s.wants(t, connect.CodePermissionDenied, "for another e-mail address than yours, eve@example.com", accept(s.members(as{cookie: "eve"}), first))
	s.wants(t, connect.CodeNotFound, "ask for a new one", accept(bob, strings.Repeat("a", len(first))))
	s.wants(t, connect.CodeNotFound, "ask for a new one", accept(bob, first[:16]+strings.Repeat("a", 32)))

	list, _ := ada.ListInvitations(t.Context(), &memberv1.ListInvitationsRequest{})
	if _, err := ada.ResendInvitation(t.Context(), &memberv1.ResendInvitationRequest{InvitationId: list.GetInvitations()[0].GetInvitationId()}); err != nil {
		t.Fatal(err)
	}
	second := s.token(t, "bob@example.com", 2)
	s.wants(t, connect.CodeNotFound, "ask for a new one", accept(bob, first))
	eventually(t, "bob can accept", func() bool { return accept(bob, second) == nil })
	s.wants(t, connect.CodeNotFound, "ask for a new one", accept(bob, second))
	_, err := invite("bob@example.com")
	s.wants(t, connect.CodeAlreadyExists, "bob@example.com is a member already", err)

	if _, err := invite("bounce@example.com"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bounce is told", func() bool {
		list, err := ada.ListInvitations(t.Context(), &memberv1.ListInvitationsRequest{})
		return err == nil && len(list.GetInvitations()) == 1 && strings.Contains(list.GetInvitations()[0].GetFailure(), "there is nobody of that name")
	})
	revoked, err := invite("carol@example.com")
	if err != nil {
		t.Fatal(err)
	}
	_, err = invite("dave@example.com")
	s.wants(t, connect.CodeResourceExhausted, "limit members of tenant: 4 of 4 in use", err)
	token := s.token(t, "carol@example.com", 1)
	if _, err := ada.RevokeInvitation(t.Context(), &memberv1.RevokeInvitationRequest{InvitationId: revoked.GetInvitation().GetInvitationId()}); err != nil {
		t.Fatal(err)
	}
	s.wants(t, connect.CodeNotFound, "ask for a new one", accept(s.members(as{cookie: "carol"}), token))
	log, err := s.audit(as{cookie: "ada"}).List(t.Context(), &auditv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range log.GetEntries() {
		if strings.Contains(e.GetAfterJson()+e.GetBeforeJson(), second) {
			t.Error("a token is in the audit log")
		}
	}
}

func TestARoleTakesEffectWithTheNextCall(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	ada := s.members(as{cookie: "ada"})
	for _, d := range []*devicev1.CreateRequest{
		{DeviceId: "press_01", DeviceType: "press", Location: &devicev1.Location{Facility: "north"}},
		{DeviceId: "press_02", DeviceType: "press", Location: &devicev1.Location{Facility: "south"}},
	} {
		if _, err := s.devices(key).Create(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	s.join(t, "bob", &memberv1.InviteRequest{Email: "bob@example.com", Role: tenantv1.Role_ROLE_MAINTENANCE, Facilities: []string{"north"}})
	bob := s.devices(as{cookie: "bob"})
	sees := func() string {
		list, err := bob.List(t.Context(), &devicev1.ListRequest{})
		if err != nil {
			return err.Error()
		}
		var ids []string
		for _, d := range list.GetDevices() {
			ids = append(ids, d.GetDeviceId())
		}
		return strings.Join(ids, ",")
	}
	if got := sees(); got != "press_01" {
		t.Errorf("bob sees %s", got)
	}
	_, err := bob.Get(t.Context(), &devicev1.GetRequest{DeviceId: "press_02"})
	s.wants(t, connect.CodeNotFound, "there is no device press_02", err)
	_, err = bob.Suspend(t.Context(), &devicev1.SuspendRequest{DeviceId: "press_02"})
	s.wants(t, connect.CodeNotFound, "there is no device press_02", err)
	_, err = bob.IssueCertificate(t.Context(), &devicev1.IssueCertificateRequest{DeviceId: "press_02"})
	s.wants(t, connect.CodeNotFound, "there is no device press_02", err)
	if _, err := bob.Suspend(t.Context(), &devicev1.SuspendRequest{DeviceId: "press_01"}); err != nil {
		t.Errorf("bob at his facility: %v", err)
	}
	update := func(role tenantv1.Role, facilities ...string) error {
		_, err := ada.Update(t.Context(), &memberv1.UpdateRequest{MemberId: "identity-bob", Role: role, Facilities: facilities})
		return err
	}
	s.wants(t, connect.CodeInvalidArgument, "the role admin concerns the whole organisation", update(tenantv1.Role_ROLE_ADMIN, "north"))
	if err := update(tenantv1.Role_ROLE_VIEWER, "south"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "bob sees the other facility", func() bool { return sees() == "press_02" })
	_, err = bob.Suspend(t.Context(), &devicev1.SuspendRequest{DeviceId: "press_02"})
	s.wants(t, connect.CodePermissionDenied, "role viewer may not devices.operate", err)

	_, err = ada.Leave(t.Context(), &memberv1.LeaveRequest{})
	s.wants(t, connect.CodeFailedPrecondition, "ada@example.com is the last owner", err)
	s.wants(t, connect.CodeFailedPrecondition, "ada@example.com is the last owner", func() error {
		_, err := ada.Update(t.Context(), &memberv1.UpdateRequest{MemberId: "identity-ada", Role: tenantv1.Role_ROLE_VIEWER})
		return err
	}())
	if err := update(tenantv1.Role_ROLE_OWNER); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Leave(t.Context(), &memberv1.LeaveRequest{}); err != nil {
		t.Errorf("ada leaves her tenant to bob: %v", err)
	}
	eventually(t, "ada is out", func() bool {
		_, err := s.tenants(as{cookie: "ada"}).Get(t.Context(), &tenantv1.GetRequest{})
		return connect.CodeOf(err) == connect.CodeFailedPrecondition
	})
	keys, err := s.keys(key).List(t.Context(), &keyv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.keys(key).Revoke(t.Context(), &keyv1.RevokeRequest{KeyId: keys.GetKeys()[0].GetKeyId()}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key is useless", func() bool {
		_, err := s.tenants(key).Get(t.Context(), &tenantv1.GetRequest{})
		return connect.CodeOf(err) == connect.CodeUnauthenticated
	})
}

func TestTheShownRolesAreThoseThatAreEnforced(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	shown, err := s.roles(key).List(t.Context(), &rolev1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(shown.GetRoles()) != len(tenancy.Roles()) {
		t.Fatalf("%d roles are shown, %d there are", len(shown.GetRoles()), len(tenancy.Roles()))
	}
	for i, r := range tenancy.Roles() {
		if got := shown.GetRoles()[i]; got.GetRole() == tenantv1.Role_ROLE_UNSPECIFIED || len(got.GetActions()) != len(r.Actions) || got.GetTitle() != r.Title {
			t.Errorf("%s is shown as %v", r.Role, got)
		}
	}
}
