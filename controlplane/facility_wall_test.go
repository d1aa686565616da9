package controlplane_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

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
