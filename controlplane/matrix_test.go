package controlplane_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/controlplane"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// TestEveryRoleMayDoWhatTheTableSays calls every RPC as every role, confined to a facility and not, and compares with the
// table of roles: permission_denied exactly when the role lacks the RPC's action. The requests are harmless: they name
// what is not there.
func TestEveryRoleMayDoWhatTheTableSays(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) { c.PlanLimits = []string{"requests_per_second=100000"} })
	s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	fields := map[string]any{
		"placeId": strings.Repeat("a", 16), "parentId": strings.Repeat("b", 16),
		"settings": map[string]any{"name": " ", "timeZone": "UTC", "units": "UNITS_METRIC", "alertSeverity": "ALERT_SEVERITY_INFO"}, "confirm": "no",
		"deviceId": "nothing", "serial": "00", "keyId": "nothing", "memberId": "nothing", "invitationId": "nothing", "jobId": "nothing", "groupId": "nothing", "deviceIds": []string{"nothing"}, "query": "false", "csv": "rubbish", "tenantId": strings.Repeat("a", 16),
		"token": strings.Repeat("a", 48), "name": " ", "slug": "ada-works", "deviceType": "press", "version": 1, "firmware": "1", "csrPem": "rubbish", "role": "ROLE_VIEWER",
		"templateId": "nothing", "claimTokenId": "nothing", "authorityId": "nothing", "certificatePem": "rubbish", "idPattern": "(", "maxDevices": 1,
		"customRole": "nothing", "serviceAccountId": "nothing", "actions": []string{"tenant.read"},
		"email": "ada@example.com", "limit": "devices", "maximum": 7, "reason": "for a test", "start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z",
	}
	cases := 0
	for _, template := range tenancy.Roles() {
		for _, confined := range []bool{false, true} {
			wholeTenant := template.Role == tenancy.RoleOwner || template.Role == tenancy.RoleAdmin || template.Role == tenancy.RoleFinance
			if confined && wholeTenant {
				continue // cannot be confined
			}
			person := fmt.Sprintf("%s-%t", template.Role, confined)
			req := &memberv1.InviteRequest{Email: person + "@example.com", Role: roleOf(template.Role)}
			if confined {
				req.Facilities = []string{"north"}
			}
			s.join(t, person, req)
			for _, m := range methods() {
				procedure := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
				if procedure == "/millwright.member.v1.MemberService/Leave" {
					continue // they would
				}
				action, _ := tenancy.ActionOf(procedure)
				may := action.OfAccount() || (template.Role.May(action) && (!confined || !action.WholeTenant()))
				body, _ := json.Marshal(fieldsOf(m, fields))
				status, answer := call(t, as{cookie: person}, http.MethodPost, s.url+procedure, body)
				refused := status == http.StatusForbidden
				if refused == may || status >= 500 {
					t.Errorf("%s (confined: %t) calls %s, which needs %s: %d %s", template.Role, confined, procedure, action, status, answer)
				}
				cases++
			}
		}
	}
	if want := (7 + 4) * (len(methods()) - 1); cases != want {
		t.Errorf("%d cases, want %d", cases, want)
	}
}

func roleOf(r tenancy.Role) tenantv1.Role {
	return tenantv1.Role(tenantv1.Role_value["ROLE_"+strings.ToUpper(string(r))])
}

// TestAFacilityIsAWall calls every RPC that names a device as a person of another facility.
func TestAFacilityIsAWall(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	dev, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_02", DeviceType: marker, Location: &devicev1.Location{Facility: "south"}})
	if err != nil {
		t.Fatal(err)
	}
	s.join(t, "bob", &memberv1.InviteRequest{Email: "bob@example.com", Role: tenantv1.Role_ROLE_MAINTENANCE, Facilities: []string{"north"}})
	_, before := call(t, key, http.MethodGet, s.url+"/api/v1/devices/press_02", nil)
	fields := map[string]any{"deviceId": "press_02", "serial": dev.GetCredentials().GetSerial(), "deviceType": "press", "version": 1, "firmware": "1"}
	walked := 0
	for _, m := range methods() {
		if m.Input().Fields().ByName("device_id") == nil {
			continue
		}
		body, _ := json.Marshal(fieldsOf(m, fields))
		status, answer := call(t, as{cookie: "bob"}, http.MethodPost, s.url+"/"+string(m.Parent().FullName())+"/"+string(m.Name()), body)
		if status < 400 || status >= 500 || strings.Contains(answer, marker) {
			t.Errorf("%s of another facility's device: %d %s", m.FullName(), status, answer)
		}
		walked++
	}
	if walked < 6 {
		t.Errorf("walked %d RPCs", walked)
	}
	if _, after := call(t, key, http.MethodGet, s.url+"/api/v1/devices/press_02", nil); after != before {
		t.Errorf("the device changed: %s %s", before, after)
	}
	if status, answer := call(t, as{cookie: "bob"}, http.MethodPost, s.url+"/millwright.device.v1.DeviceService/List", []byte("{}")); status != 200 || strings.Contains(answer, "press_02") {
		t.Errorf("bob's list: %d %s", status, answer)
	}
}
