package controlplane_test

import (
	"slices"
	"testing"

	"connectrpc.com/connect"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// TestWhoIsConfinedToAFacilityFollowsItsName renames a facility: members, keys and service accounts that are confined to it see what
// they saw, here and in the entries of the cell's catalog, and templates make devices at it, and not at a new one of the old name.
func TestWhoIsConfinedToAFacilityFollowsItsName(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, owner := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	for device, facility := range map[string]string{"press_north": "north", "press_south": "south"} {
		if _, err := s.devices(owner).Create(t.Context(), &devicev1.CreateRequest{DeviceId: device, DeviceType: "press", Location: &devicev1.Location{Facility: facility}}); err != nil {
			t.Fatal(err)
		}
	}
	confined := map[string]as{"a member": {cookie: "bob"}}
	s.join(t, "bob", &memberv1.InviteRequest{Email: "bob@example.com", Role: tenantv1.Role_ROLE_VIEWER, Facilities: []string{"north"}})
	if _, err := s.keys(owner).CreateServiceAccount(t.Context(), &keyv1.CreateServiceAccountRequest{
		ServiceAccountId: "robot", Role: tenantv1.Role_ROLE_VIEWER, Facilities: []string{"west", "north"},
	}); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{}
	for name, req := range map[string]*keyv1.CreateRequest{
		"a key": {Role: tenantv1.Role_ROLE_VIEWER, Facilities: []string{"north", "west"}}, "a service account's key": {ServiceAccountId: "robot"},
	} {
		req.Name = name
		made, err := s.keys(owner).Create(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		confined[name] = as{key: made.GetSecret()}
		keys[made.GetKey().GetKeyId()] = made.GetKey().GetFacilities()
	}
	template, err := s.certificates(owner).CreateTemplate(t.Context(), &certificatev1.CreateTemplateRequest{
		Name: "presses", DeviceType: "press", IdPattern: "p.*", MaxDevices: 5, Location: &devicev1.Location{Facility: "north", Line: "a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	invited, err := s.members(owner).Invite(t.Context(), &memberv1.InviteRequest{Email: "carol@example.com", Role: tenantv1.Role_ROLE_VIEWER, Facilities: []string{"north"}})
	if err != nil {
		t.Fatal(err)
	}
	sees := func(who string) (ids []string) {
		t.Helper()
		list, err := s.devices(confined[who]).List(t.Context(), &devicev1.ListRequest{})
		if err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		for _, d := range list.GetDevices() {
			ids = append(ids, d.GetDeviceId())
		}
		return ids
	}
	for who := range confined { // and is remembered from then on
		if got := sees(who); !slices.Equal(got, []string{"press_north"}) {
			t.Fatalf("%s sees %v before", who, got)
		}
	}
	places, err := s.places(owner).List(t.Context(), &facilityv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	north := places.GetPlaces()[slices.IndexFunc(places.GetPlaces(), func(p *facilityv1.Place) bool { return p.GetName() == "north" })]
	if _, err := s.places(owner).Update(t.Context(), &facilityv1.UpdateRequest{PlaceId: north.GetPlaceId(), Version: north.GetVersion(), Name: "nord"}); err != nil {
		t.Fatal(err)
	}
	for who := range confined {
		if got := sees(who); !slices.Equal(got, []string{"press_north"}) {
			t.Errorf("%s sees %v after the facility was renamed", who, got)
		}
	}
	for key := range keys {
		var entry catalogv1.Key
		eventually(t, "the cell hears of the key "+key, func() bool {
			return s.entry(t, subject.APIKeyKey(id, key), &entry) && slices.Contains(entry.GetFacilities(), "nord")
		})
		if slices.Contains(entry.GetFacilities(), "north") || !slices.Contains(entry.GetFacilities(), "west") {
			t.Errorf("the cell confines the key to %v", entry.GetFacilities())
		}
	}
	var member catalogv1.Member
	eventually(t, "the cell hears of the member", func() bool {
		return s.entry(t, subject.MemberKey(id, "identity-bob"), &member) && slices.Equal(member.GetFacilities(), []string{"nord"})
	})
	templates, err := s.certificates(owner).ListTemplates(t.Context(), &certificatev1.ListTemplatesRequest{})
	if err != nil || templates.GetTemplates()[0].GetLocation().GetFacility() != "nord" || templates.GetTemplates()[0].GetLocation().GetLine() != "a" {
		t.Errorf("template %s: %v, %v", template.GetTemplate().GetTemplateId(), templates, err)
	}
	invitations, err := s.members(owner).ListInvitations(t.Context(), &memberv1.ListInvitationsRequest{})
	if err != nil || !slices.Equal(invitations.GetInvitations()[0].GetFacilities(), []string{"nord"}) {
		t.Errorf("invitation %s: %v, %v", invited.GetInvitation().GetInvitationId(), invitations, err)
	}
	if _, err := s.devices(owner).Retire(t.Context(), &devicev1.RetireRequest{DeviceId: "press_north"}); err != nil {
		t.Fatal(err)
	}
	_, err = s.places(owner).Delete(t.Context(), &facilityv1.DeleteRequest{PlaceId: north.GetPlaceId()})
	refused(t, err, connect.CodeFailedPrecondition, "2 people and 2 keys or service accounts are confined to it")
}
