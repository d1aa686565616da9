package controlplane_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// filler fills a field of a request by its name, with what is not there or is refused: who is let in changes nothing with it.
var filler = map[string]any{
	"placeId": strings.Repeat("a", 16), "parentId": strings.Repeat("b", 16), "deviceId": "nothing", "serial": "00", "serials": []string{"00"}, "keyId": "nothing", "memberId": "nothing", "entryId": "nothing",
	"invitationId": "nothing", "jobId": "nothing", "groupId": "nothing", "deviceIds": []string{"nothing"}, "query": "(((", "csv": "rubbish", "tenantId": strings.Repeat("a", 16),
	"token": strings.Repeat("a", 48), "name": " ", "slug": "ada-works", "deviceType": "nothing_yet", "validateOnly": true, "version": 1, "firmware": "1", "csrPem": "rubbish", "role": "ROLE_CUSTOM",
	"templateId": "nothing", "claimTokenId": "nothing", "authorityId": "nothing", "certificatePem": "rubbish", "idPattern": "(", "maxDevices": 1,
	"customRole": "nothing", "serviceAccountId": "nothing", "actions": []string{"no.such"}, "email": "ada@example.com", "limit": "devices", "maximum": 7, "reason": "for a test",
	"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z", "confirm": "no", "action": "BULK_ACTION_SUSPEND", "cell": "nowhere", "flag": "nothing_yet",
	"location": map[string]any{"facility": "north"}, "announcementId": "nothing", "text": " ", "invoiceId": "nothing", "etag": "nothing", "contract": map[string]any{"currency": "XXX"}, "contractId": "nothing", "coupon": map[string]any{"code": "no"}, "code": "NOTHING", "severity": "SEVERITY_INFO",
	"settings": map[string]any{"name": " ", "timeZone": "UTC", "units": "UNITS_METRIC", "alertSeverity": "ALERT_SEVERITY_INFO"},
}

// estate founds a tenant with one of everything that RPCs name, at the facilities north and south. The names of its things begin with
// prefix; secret is in every text about south.
func (s *stack) estate(t *testing.T, person, prefix, secret string) estate {
	t.Helper()
	id, key := s.found(t, person, tenantv1.Role_ROLE_OWNER)
	owner, hyphened := as{cookie: person}, strings.ReplaceAll(prefix, "_", "-")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	serials := map[string]string{}
	for facility, text := range map[string]string{"north": northern, "south": secret} {
		made, err := s.devices(owner).Create(t.Context(), &devicev1.CreateRequest{
			DeviceId: prefix + facility + "_press", DeviceType: "press", Location: &devicev1.Location{Facility: facility}, Labels: map[string]string{"owner": text},
		})
		must(err)
		serials[facility] = made.GetCredentials().GetSerial()
	}
	_, err := s.groups(owner).Create(t.Context(), &groupv1.CreateRequest{GroupId: prefix + "presses", Name: "presses", Query: `type == "press"`})
	must(err)
	begun, err := s.bulk(owner).Import(t.Context(), &devicev1.ImportRequest{Csv: "device_id,device_type,facility,label:owner\n" + prefix + "row,press,south," + secret + "\n" + secret + " row,press,south,x\n"})
	must(err)
	s.jobEnds(t, key, begun.GetJob().GetJobId())
	template, err := s.certificates(owner).CreateTemplate(t.Context(), &certificatev1.CreateTemplateRequest{Name: secret, DeviceType: "press", IdPattern: "p.*", MaxDevices: 5})
	must(err)
	claim, err := s.certificates(owner).CreateClaimToken(t.Context(), &certificatev1.CreateClaimTokenRequest{TemplateId: template.GetTemplate().GetTemplateId()})
	must(err)
	ca := newOwnCA(t, secret)
	authority, err := s.certificates(owner).RegisterAuthority(t.Context(), &certificatev1.RegisterAuthorityRequest{Name: secret, CertificatePem: ca.pem})
	must(err)
	_, err = s.roles(owner).Create(t.Context(), &rolev1.CreateRequest{CustomRole: hyphened + "lead", Title: "leads a shift", Actions: []string{"devices.read"}})
	must(err)
	_, err = s.keys(owner).CreateServiceAccount(t.Context(), &keyv1.CreateServiceAccountRequest{ServiceAccountId: hyphened + "mes", Title: secret, Role: tenantv1.Role_ROLE_VIEWER})
	must(err)
	invited, err := s.members(owner).Invite(t.Context(), &memberv1.InviteRequest{Email: secret + "@example.net", Role: tenantv1.Role_ROLE_VIEWER})
	must(err)
	token := s.token(t, secret+"@example.net", 1)
	places, err := s.places(owner).List(t.Context(), &facilityv1.ListRequest{})
	must(err)
	keys, err := s.keys(owner).List(t.Context(), &keyv1.ListRequest{})
	must(err)
	s.refusalOf(t, id, "device "+prefix+southDevice)
	s.provisioned(t, id)
	eventually(t, person+"'s tenant is served", func() bool { return s.status(t, owner) == tenantv1.TenantStatus_TENANT_STATUS_ACTIVE })
	e := estate{id: id, owner: owner, token: token}
	at := func(facility string) map[string]any {
		place := places.GetPlaces()[slices.IndexFunc(places.GetPlaces(), func(p *facilityv1.Place) bool { return p.GetName() == facility })].GetPlaceId()
		device := prefix + facility + "_press"
		return map[string]any{
			"tenantId": id, "deviceId": device, "deviceIds": []string{device}, "serial": serials[facility], "serials": []string{serials[facility]}, "placeId": place, "parentId": place,
			"groupId": prefix + "presses", "groupIds": []string{prefix + "presses"}, "jobId": begun.GetJob().GetJobId(), "templateId": template.GetTemplate().GetTemplateId(),
			"claimTokenId": claim.GetClaimToken().GetClaimTokenId(), "authorityId": authority.GetAuthority().GetAuthorityId(),
			"customRole": hyphened + "lead", "serviceAccountId": hyphened + "mes", "keyId": keys.GetKeys()[0].GetKeyId(), "memberId": "identity-" + person,
			"invitationId": invited.GetInvitation().GetInvitationId(), "location": map[string]any{"facility": facility}, "facility": facility, "facilities": []string{facility},
			"csv": "device_id,device_type,facility\nnew_by_file,press," + facility + "\n",
		}
	}
	e.north, e.south = at("north"), at("south")
	if prefix != "" { // with another tenant's names, a file would make devices of one's own
		delete(e.north, "csv")
	}
	return e
}

// refusalOf says for the cell that a limit refused something.
func (s *stack) refusalOf(t *testing.T, id, scope string) {
	t.Helper()
	data, err := proto.Marshal(&limitv1.Totals{Source: "estate", Totals: []*limitv1.Total{{
		TenantId: id, Limit: string(tenancy.LimitDeviceEventsPerSecond), Scope: scope, Minute: timestamppb.New(time.Now().UTC().Truncate(time.Minute)), Used: 9, Maximum: 5, Refused: 4,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stream takes a refusal", func() bool {
		_, err := s.js.Publish(t.Context(), subject.Limit(cell), data)
		return err == nil
	})
}

// snapshot is everything of a tenant that an intruder might change.
func (s *stack) snapshot(t *testing.T, e estate) string {
	t.Helper()
	var b strings.Builder
	for _, path := range []string{
		"tenant", "members", "invitations", "keys", "service-accounts", "roles", "jobs", "jobs/" + e.north["jobId"].(string) + "/errors", "groups",
		"groups/" + e.north["groupId"].(string) + "/members", "devices/" + e.north["deviceId"].(string) + "/gateway", "devices", "device-types", "certificates", "provisioning-templates",
		"claim-tokens", "authorities", "places",
	} {
		status, body := call(t, e.owner, http.MethodGet, s.url+"/api/v1/"+path, nil)
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
		b.WriteString(body + "\n")
	}
	return b.String()
}

// confinable are the roles that people and keys may have at some facilities only.
var confinable = []tenancy.Role{tenancy.RoleOperator, tenancy.RoleMaintenance, tenancy.RoleQuality, tenancy.RoleViewer}

// parties makes every kind of caller in a tenant of ada's: the roles of ours, of the tenant's own and none, by session, by key and by
// service account, confined to the facility north and not, with scopes and without, operators of the installation and strangers.
func (s *stack) parties(t *testing.T, e estate) (list []party) {
	t.Helper()
	custom := map[string][]tenancy.Action{
		"few": {tenancy.ActionDevicesRead, tenancy.ActionDevicesOperate, tenancy.ActionJobsRead}, "all": tenancy.Assignable(), "none": {tenancy.ActionTenantRead},
	}
	for name, actions := range custom {
		texts := make([]string, 0, len(actions))
		for _, a := range actions {
			texts = append(texts, string(a))
		}
		if _, err := s.roles(e.owner).Create(t.Context(), &rolev1.CreateRequest{CustomRole: "has-" + name, Actions: texts}); err != nil {
			t.Fatal(err)
		}
	}
	for _, template := range tenancy.Roles() {
		list = append(list, s.partiesOf(t, e, string(template.Role), roleOf(template.Role), "", template.Actions, slices.Contains(confinable, template.Role))...)
	}
	for name, actions := range custom {
		with := append(slices.Clone(actions), tenancy.ActionTenantRead) // which every role has
		list = append(list, s.partiesOf(t, e, "has-"+name, tenantv1.Role_ROLE_CUSTOM, "has-"+name, with, true)...)
	}
	scoped := s.keyParty(t, e, "admin's key with scopes", &keyv1.CreateRequest{Role: tenantv1.Role_ROLE_ADMIN, Scopes: []string{"devices.read", "keys.read"}}, tenancy.RoleAdmin.Actions())
	scoped.scopes = []tenancy.Action{tenancy.ActionDevicesRead, tenancy.ActionKeysRead}
	for account, facilities := range map[string][]string{"robot": nil, "north-robot": {"north"}} {
		req := &keyv1.CreateServiceAccountRequest{ServiceAccountId: account, Role: tenantv1.Role_ROLE_OPERATOR, Facilities: facilities}
		if _, err := s.keys(e.owner).CreateServiceAccount(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		p := s.keyParty(t, e, "service account "+account, &keyv1.CreateRequest{ServiceAccountId: account}, tenancy.RoleOperator.Actions())
		p.confined = facilities != nil
		list = append(list, p)
	}
	s.join(t, "chief", &memberv1.InviteRequest{Email: "chief@example.com", Role: tenantv1.Role_ROLE_VIEWER})
	return append(list, scoped,
		party{name: "operator of the installation and viewer", as: as{cookie: "chief"}, person: true, operator: true, actions: tenancy.RoleViewer.Actions()},
		party{name: "operator of the installation", as: as{cookie: "ops"}, person: true, operator: true, homeless: true},
		party{name: "operator whose address is not verified", as: as{cookie: "hasty"}, person: true, homeless: true},
		party{name: "stranger", as: as{cookie: "eve"}, person: true, homeless: true},
		party{name: "ended session", as: as{cookie: "ended"}, nobody: true},
		party{name: "nobody", nobody: true},
		party{name: "forged key", as: as{key: scoped.as.key[:20] + strings.Repeat("x", 40)}, nobody: true},
	)
}

// partiesOf are a person and a key of a role, and the same confined to north.
func (s *stack) partiesOf(t *testing.T, e estate, name string, role tenantv1.Role, custom string, actions []tenancy.Action, confined bool) (list []party) {
	t.Helper()
	for _, facilities := range [][]string{nil, {"north"}} {
		if facilities != nil && !confined {
			continue
		}
		p := party{name: name, as: e.owner, person: true, actions: actions}
		if facilities != nil {
			p.name += " of north"
		}
		if role != tenantv1.Role_ROLE_OWNER {
			who := strings.ReplaceAll(p.name, " ", "-")
			s.join(t, who, &memberv1.InviteRequest{Email: who + "@example.com", Role: role, CustomRole: custom, Facilities: facilities})
			p.as = as{cookie: who}
		}
		p.confined = facilities != nil
		k := s.keyParty(t, e, p.name+"'s key", &keyv1.CreateRequest{Role: role, CustomRole: custom, Facilities: facilities}, actions)
		k.confined = p.confined
		list = append(list, p, k)
	}
	return list
}

func (s *stack) keyParty(t *testing.T, e estate, name string, req *keyv1.CreateRequest, actions []tenancy.Action) party {
	t.Helper()
	req.Name = name
	made, err := s.keys(e.owner).Create(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return party{name: name, as: as{key: made.GetSecret()}, actions: actions}
}

// unfilled are the fields of requests that name nothing and may stay empty.
var unfilled = map[string]bool{
	"actor": true, "after": true, "currency": true, "note": true, "at": true, "resolved": true, "form": true, "position": true, "coordinates": true, "description": true, "devicePrefix": true, "descending": true, "deviceTypes": true, "dryRun": true, "endsAt": true, "expiresAt": true,
	"exceptDeviceIds": true, "expiresBefore": true, "facilities": true, "facility": true, "groupIds": true, "identity": true, "labels": true, "lifeSeconds": true, "line": true, "maxUses": true,
	"measurements": true, "metadata": true, "month": true, "object": true, "order": true, "outcome": true, "overlap": true, "parked": true, "pageSize": true, "pageToken": true, "percent": true, "plan": true, "policy": true,
	"region": true, "removeLabels": true, "required": true, "revision": true, "scopes": true, "setLabels": true, "station": true, "status": true, "statuses": true,
	"actualPercents": true, "amountMinor": true, "forecastPercents": true, "throttleEventsPerSecond": true, "whenCreditsSpent": true, "whenSpent": true, "used": true,
	"supersededOnly": true, "tenantIds": true, "title": true, "unknown": true, "unknownMeasurements": true, "updateMask": true,
}
