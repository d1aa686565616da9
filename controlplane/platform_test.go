package controlplane_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/platform/v1/platformv1connect"
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
		t.Errorf("the refusals are not in the audit log: %.300s", audit)
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
var platformFields = map[string]any{
	"cell": "nowhere", "tenantId": strings.Repeat("a", 16),
	"flag": "nothing_yet", "announcementId": "nothing", "keyId": "nothing", "text": " ", "severity": "SEVERITY_INFO", "name": "devices", "reason": "none", "value": 1,
}

func (s *stack) platform(a as) platformv1connect.PlatformServiceClient {
	return platformv1connect.NewPlatformServiceClient(&http.Client{Transport: a}, s.url)
}

// TestOperatorsSeeTenantsAndSpeakToAll walks through tenants, a flag and an announcement, as an operator makes them and as a member
// of a tenant hears of them.
func TestOperatorsSeeTenantsAndSpeakToAll(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ops := s.platform(as{cookie: "ops"})
	ids := map[string]string{}
	for _, name := range []string{"ada", "bob", "carol"} {
		ids[name], _ = s.found(t, name, tenantv1.Role_ROLE_OWNER)
	}
	page, err := ops.ListTenants(t.Context(), &platformv1.ListTenantsRequest{PageSize: 2})
	if err != nil || page.GetTotal() != 3 || len(page.GetTenants()) != 2 || page.GetTenants()[0].GetTenantId() != ids["ada"] || page.GetTenants()[0].GetCell() != cell {
		t.Fatalf("%v, %v", page, err)
	}
	if page, err = ops.ListTenants(t.Context(), &platformv1.ListTenantsRequest{PageSize: 2, PageToken: page.GetNextPageToken()}); err != nil || len(page.GetTenants()) != 1 {
		t.Errorf("%v, %v", page, err)
	}
	for _, query := range []string{"BOB", ids["bob"], "bob-works"} {
		if page, err = ops.ListTenants(t.Context(), &platformv1.ListTenantsRequest{Query: query}); err != nil || page.GetTotal() != 1 || page.GetTenants()[0].GetTenantId() != ids["bob"] {
			t.Errorf("%s: %v, %v", query, page, err)
		}
	}
	notices := func(person string) *platformv1.GetNoticesResponse {
		t.Helper()
		res, err := s.platform(as{cookie: person}).GetNotices(t.Context(), &platformv1.GetNoticesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	if _, err := ops.SetFlag(t.Context(), &platformv1.SetFlagRequest{Flag: "new_charts", TenantIds: []string{ids["ada"]}}); err != nil {
		t.Fatal(err)
	}
	if a, b := notices("ada"), notices("bob"); len(a.GetFlags()) != 1 || len(b.GetFlags()) != 0 {
		t.Errorf("one tenant: %v, %v", a, b)
	}
	if _, err := ops.SetFlag(t.Context(), &platformv1.SetFlagRequest{Flag: "new_charts", Percent: 100}); err != nil {
		t.Fatal(err)
	}
	if b, stranger := notices("bob"), notices("eve"); len(b.GetFlags()) != 1 || len(stranger.GetFlags()) != 0 {
		t.Errorf("every tenant: %v, nobody's: %v", b, stranger)
	}
	if _, err := ops.RemoveFlag(t.Context(), &platformv1.RemoveFlagRequest{Flag: "new_charts"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ops.RemoveFlag(t.Context(), &platformv1.RemoveFlagRequest{Flag: "new_charts"}); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("removed twice: %v", err)
	}
	made, err := ops.Announce(t.Context(), &platformv1.AnnounceRequest{Text: "Maintenance at noon", Severity: platformv1.Severity_SEVERITY_WARNING})
	if err != nil {
		t.Fatal(err)
	}
	if list := notices("eve").GetAnnouncements(); len(list) != 1 || list[0].GetText() != "Maintenance at noon" || list[0].GetCreatedBy() != "" {
		t.Errorf("a stranger hears %v", list)
	}
	if _, err := ops.Announce(t.Context(), &platformv1.AnnounceRequest{Text: "x", Severity: platformv1.Severity_SEVERITY_INFO, EndsAt: timestamppb.New(time.Unix(1, 0))}); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("one that has ended: %v", err)
	}
	if _, err := ops.Withdraw(t.Context(), &platformv1.WithdrawRequest{AnnouncementId: made.GetAnnouncement().GetAnnouncementId()}); err != nil {
		t.Fatal(err)
	}
	if list := notices("ada").GetAnnouncements(); len(list) != 0 {
		t.Errorf("withdrawn, and still %v", list)
	}
}
