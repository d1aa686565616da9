package controlplane_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/controlplane"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// TestThePlatformIsForItsOperators calls every RPC of the platform as every role of a tenant, by session and by API key, as nobody,
// as an operator whose address is not verified and as an operator: only the last is not refused, with and without a tenant.
func TestThePlatformIsForItsOperators(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) { c.PlanLimits = []string{"requests_per_second=100000"} })
	_, ownerKey := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	refused := map[string]as{"owner by session": {cookie: "ada"}, "owner by key": ownerKey, "unverified operator": {cookie: "hasty"}, "stranger": {cookie: "eve"}}
	for _, template := range tenancy.Roles() {
		person := "p-" + string(template.Role)
		s.join(t, person, &memberv1.InviteRequest{Email: person + "@example.com", Role: roleOf(template.Role)})
		refused[string(template.Role)+" by session"] = as{cookie: person}
		k, err := s.keys(as{cookie: "ada"}).Create(t.Context(), &keyv1.CreateRequest{Name: "k", Role: roleOf(template.Role)})
		if err != nil {
			t.Fatal(err)
		}
		refused[string(template.Role)+" by key"] = as{key: k.GetSecret()}
	}
	// The operator's own API key, of a tenant that they own, is no operator.
	_, refused["the operator's key"] = s.found(t, "ops", tenantv1.Role_ROLE_OWNER)
	walked := 0
	for _, m := range methods() {
		procedure := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
		action, _ := tenancy.ActionOf(procedure)
		if !action.OfPlatform() {
			continue
		}
		body, _ := json.Marshal(fieldsOf(m, platformFields))
		for who, credential := range refused {
			if status, answer := call(t, credential, http.MethodPost, s.url+procedure, body); status != http.StatusForbidden {
				t.Errorf("%s by %s: %d %s", procedure, who, status, answer)
			}
		}
		if status, answer := call(t, as{}, http.MethodPost, s.url+procedure, body); status != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %d %s", procedure, status, answer)
		}
		if status, answer := call(t, as{cookie: "ops"}, http.MethodPost, s.url+procedure, body); status == http.StatusForbidden || status >= 500 {
			t.Errorf("%s by an operator: %d %s", procedure, status, answer)
		}
		walked++
	}
	if walked < 1 {
		t.Errorf("walked %d RPCs", walked)
	}
	if _, audit := call(t, as{cookie: "ada"}, http.MethodGet, s.url+"/api/v1/audit?outcome=OUTCOME_REFUSED&action=CellService/List", nil); !strings.Contains(audit, "CellService/List") {
		t.Errorf("the refusals are not in the audit log: %s", audit)
	}
}

// TestAnOperatorIsKnownByTheirVerifiedAddress asks the list of tenants, which tells the console.
func TestAnOperatorIsKnownByTheirVerifiedAddress(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for person, want := range map[string]bool{"ops": true, "hasty": false, "ada": false} {
		res, err := s.tenants(as{cookie: person}).List(t.Context(), &tenantv1.ListRequest{})
		if err != nil || res.GetOperator() != want {
			t.Errorf("%s: operator %t, %v", person, res.GetOperator(), err)
		}
	}
}

// platformFields fill the requests of the platform's RPCs with what is not there.
var platformFields = map[string]any{"cell": "nowhere", "tenantId": strings.Repeat("a", 16)}
