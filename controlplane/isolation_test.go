package controlplane_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millwright-io/millwright/controlplane"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
	budgetv1 "github.com/millwright-io/millwright/proto/gen/millwright/budget/v1"
	cellv1 "github.com/millwright-io/millwright/proto/gen/millwright/cell/v1"
	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	devicetypev1 "github.com/millwright-io/millwright/proto/gen/millwright/devicetype/v1"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	jobv1 "github.com/millwright-io/millwright/proto/gen/millwright/job/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	paymentv1 "github.com/millwright-io/millwright/proto/gen/millwright/payment/v1"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	subscriptionv1 "github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// marker is in every text of tenant A; no answer to tenant B may contain it.
const marker = "confidential"

// ownUse is how often tenant A itself calls, which comes into its state some seconds later.
var ownUse = regexp.MustCompile(`,\s*"used":\s*"\d+"`)

// TestNothingOfAnotherTenantIsInReach walks every RPC, over Connect and REST, with tenant B's credentials and the names
// of tenant A's objects.
func TestNothingOfAnotherTenantIsInReach(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) { c.PlanLimits = []string{"requests_per_second=100000"} })
	ownerA := as{cookie: marker}
	idA, keyA := s.found(t, marker, tenantv1.Role_ROLE_OWNER)
	_, keyB := s.found(t, "mallory", tenantv1.Role_ROLE_OWNER)
	dev, err := s.devices(keyA).Create(t.Context(), &devicev1.CreateRequest{
		DeviceId: "press_01", DeviceType: "press", Location: &devicev1.Location{Facility: marker}, Labels: map[string]string{"owner": marker},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.types(keyA).Update(t.Context(), &devicetypev1.UpdateRequest{DeviceType: "press", Version: 1, Description: marker}); err != nil {
		t.Fatal(err)
	}
	invited, err := s.members(keyA).Invite(t.Context(), &memberv1.InviteRequest{Email: marker + "@example.net", Role: tenantv1.Role_ROLE_VIEWER})
	if err != nil {
		t.Fatal(err)
	}
	token := s.token(t, marker+"@example.net", 1)
	keys, err := s.keys(keyA).List(t.Context(), &keyv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.groups(keyA).Create(t.Context(), &groupv1.CreateRequest{GroupId: "presses", Name: marker, Query: `type == "press"`}); err != nil {
		t.Fatal(err)
	}
	begun, err := s.bulk(keyA).Import(t.Context(), &devicev1.ImportRequest{Csv: "device_id,device_type,label:owner\npress_03,press," + marker + "\npress 04," + marker + ",x\n"})
	if err != nil {
		t.Fatal(err)
	}
	s.jobEnds(t, keyA, begun.GetJob().GetJobId())
	template, err := s.certificates(keyA).CreateTemplate(t.Context(), &certificatev1.CreateTemplateRequest{Name: marker, DeviceType: "press", IdPattern: "p.*", MaxDevices: 5})
	if err != nil {
		t.Fatal(err)
	}
	claim, err := s.certificates(keyA).CreateClaimToken(t.Context(), &certificatev1.CreateClaimTokenRequest{TemplateId: template.GetTemplate().GetTemplateId()})
	if err != nil {
		t.Fatal(err)
	}
	ca := newOwnCA(t, marker)
	own, err := s.certificates(keyA).RegisterAuthority(t.Context(), &certificatev1.RegisterAuthorityRequest{Name: marker, CertificatePem: ca.pem})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.roles(keyA).Create(t.Context(), &rolev1.CreateRequest{CustomRole: "lead", Title: marker, Actions: []string{"devices.read"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.keys(keyA).CreateServiceAccount(t.Context(), &keyv1.CreateServiceAccountRequest{ServiceAccountId: "mes", Title: marker, Role: tenantv1.Role_ROLE_VIEWER}); err != nil {
		t.Fatal(err)
	}
	places, err := s.places(keyA).List(t.Context(), &facilityv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	place := places.GetPlaces()[0].GetPlaceId()
	fields := map[string]any{
		"templateId": template.GetTemplate().GetTemplateId(), "claimTokenId": claim.GetClaimToken().GetClaimTokenId(),
		"authorityId": own.GetAuthority().GetAuthorityId(), "certificatePem": ca.issue(t, own.GetAuthority().GetVerificationCode(), ""), "serials": []string{dev.GetCredentials().GetSerial()},
		"customRole": "lead", "serviceAccountId": "mes", "actions": []string{"devices.read"},
		"placeId": place, "parentId": place,
		"tenantId": idA, "deviceId": "press_01", "serial": dev.GetCredentials().GetSerial(), "keyId": keys.GetKeys()[0].GetKeyId(),
		"memberId": "identity-" + marker, "name": "n", "deviceType": "press", "version": 1, "firmware": "1", "role": "ROLE_VIEWER", "email": "carol@example.com",
		"invitationId": invited.GetInvitation().GetInvitationId(), "token": token, "jobId": begun.GetJob().GetJobId(), "csv": "device_id,device_type\npress_01,press\n", "action": "BULK_ACTION_RETIRE", "groupId": "presses", "limit": "devices", "maximum": 1, "reason": "for a test",
	}
	state := func() string {
		var b strings.Builder
		for _, path := range []string{"/api/v1/tenant", "/api/v1/members", "/api/v1/invitations", "/api/v1/keys", "/api/v1/service-accounts", "/api/v1/roles", "/api/v1/limits", "/api/v1/limit-refusals", "/api/v1/jobs", "/api/v1/jobs/" + begun.GetJob().GetJobId() + "/errors", "/api/v1/groups", "/api/v1/groups/presses/members", "/api/v1/devices/press_01/gateway", "/api/v1/devices", "/api/v1/devices/press_01", "/api/v1/device-types", "/api/v1/certificates", "/api/v1/provisioning-templates", "/api/v1/claim-tokens", "/api/v1/authorities", "/api/v1/places", "/api/v1/usage?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z"} {
			eventually(t, path, func() bool { // it may be asked too often
				status, body := call(t, keyA, http.MethodGet, s.url+path, nil)
				if status != http.StatusTooManyRequests {
					b.WriteString(body + "\n")
				}
				return status != http.StatusTooManyRequests
			})
		}
		return ownUse.ReplaceAllString(b.String(), "")
	}
	// What goes on by itself is over first.
	s.provisioned(t, idA)
	before := ""
	eventually(t, "tenant A is served and its invitation sent", func() bool {
		before = state()
		return strings.Contains(before, "TENANT_STATUS_ACTIVE") && strings.Contains(before, "INVITATION_STATUS_SENT") && !strings.Contains(before, "STEP_STATE_WAITING")
	})
	if !strings.Contains(before, marker) {
		t.Fatal("the marker is not in tenant A's state")
	}
	walked, calls := 0, 0
	random := rand.New(rand.NewPCG(1, 2))
	for calls == 0 || calls < attempts(t) {
		for _, who := range []as{keyB, {cookie: "mallory"}, {cookie: "stranger"}, {}, {key: keyB.key[:20] + strings.Repeat("x", 40)}} {
			for _, m := range methods() {
				asked := fieldsOf(m, fields)
				if calls > 2*len(methods())*5 { // after the first walk, with some of the names only
					maps.DeleteFunc(asked, func(string, any) bool { return random.IntN(4) == 0 })
				}
				body, _ := json.Marshal(asked)
				procedure := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
				status, answer := call(t, who, http.MethodPost, s.url+procedure, body)
				check(t, procedure, who, status, answer)
				calls++
				if verb, path, withBody := rest(m, fields); path != "" {
					if !withBody {
						body = nil
					}
					status, answer = call(t, who, verb, s.url+path, body)
					check(t, verb+" "+path, who, status, answer)
					calls++
				}
				walked++
			}
		}
	}
	t.Logf("%d attempts", calls)
	// The table of all RPCs says how many there are; those of telemetry, dead letters and the pipeline are the cell's.
	want := 0
	for _, procedure := range tenancy.Procedures() {
		if !strings.HasPrefix(procedure, "/millwright.telemetry.") && !strings.HasPrefix(procedure, "/millwright.deadletter.") && !strings.HasPrefix(procedure, "/millwright.pipeline.") {
			want++
		}
	}
	if walked%(5*want) != 0 {
		t.Errorf("walked %d calls, want five callers of %d RPCs: is a new service missing?", walked, want)
	}
	if after := state(); after != before {
		t.Errorf("tenant A changed:\n%s\n%s", before, after)
	}
	if res, err := s.tenants(ownerA).List(t.Context(), &tenantv1.ListRequest{}); err != nil || len(res.GetMemberships()) != 1 {
		t.Errorf("tenant A's owner: %v, %v", res, err)
	}
}

// attempts is how many calls are made at least; MILLWRIGHT_ATTEMPTS repeats the walk until it has as many.
func attempts(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MILLWRIGHT_ATTEMPTS")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("MILLWRIGHT_ATTEMPTS: %v", err)
	}
	return n
}

func check(t *testing.T, what string, who as, status int, answer string) {
	t.Helper()
	// An error may repeat the id that was asked for.
	if strings.Contains(strings.ReplaceAll(answer, "identity-"+marker, ""), marker) {
		t.Errorf("%s by %+v: tenant A's data is in the answer: %s", what, who, answer)
	}
	if status >= 500 {
		t.Errorf("%s by %+v: %d %s", what, who, status, answer)
	}
	nobody := who.cookie == "" && (who.key == "" || strings.HasSuffix(who.key, "xxx"))
	if nobody && status != http.StatusUnauthorized && status != http.StatusBadRequest {
		t.Errorf("%s by nobody: %d %s", what, status, answer)
	}
}

func methods() (list []protoreflect.MethodDescriptor) {
	for _, f := range []protoreflect.FileDescriptor{
		auditv1.File_millwright_audit_v1_audit_proto, cellv1.File_millwright_cell_v1_cell_proto, platformv1.File_millwright_platform_v1_platform_proto, tenantv1.File_millwright_tenant_v1_tenant_proto,
		memberv1.File_millwright_member_v1_member_proto, devicev1.File_millwright_device_v1_device_proto, devicetypev1.File_millwright_devicetype_v1_devicetype_proto, facilityv1.File_millwright_facility_v1_facility_proto, usagev1.File_millwright_usage_v1_usage_proto, budgetv1.File_millwright_budget_v1_budget_proto,
		keyv1.File_millwright_key_v1_key_proto, rolev1.File_millwright_role_v1_role_proto,
		jobv1.File_millwright_job_v1_job_proto, groupv1.File_millwright_group_v1_group_proto, devicev1.File_millwright_device_v1_gateway_proto, devicev1.File_millwright_device_v1_bulk_proto,
		limitv1.File_millwright_limit_v1_limit_proto, invoicev1.File_millwright_invoice_v1_invoice_proto, paymentv1.File_millwright_payment_v1_payment_proto, billingv1.File_millwright_billing_v1_billing_proto, subscriptionv1.File_millwright_subscription_v1_subscription_proto,
		certificatev1.File_millwright_certificate_v1_certificate_proto,
	} {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				list = append(list, f.Services().Get(i).Methods().Get(j))
			}
		}
	}
	return list
}

// fieldsOf picks the values that a method's request has fields for.
func fieldsOf(m protoreflect.MethodDescriptor, values map[string]any) map[string]any {
	out := make(map[string]any)
	for i := range m.Input().Fields().Len() {
		if name := m.Input().Fields().Get(i).JSONName(); values[name] != nil {
			out[name] = values[name]
		}
	}
	return out
}

// rest is a method's REST form with the values in its path.
func rest(m protoreflect.MethodDescriptor, values map[string]any) (verb, path string, body bool) {
	rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		verb, path = http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		verb, path = http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		verb, path = http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		verb, path = http.MethodDelete, p.Delete
	}
	for i := range m.Input().Fields().Len() {
		f := m.Input().Fields().Get(i)
		if text, ok := values[f.JSONName()].(string); ok {
			path = strings.ReplaceAll(path, "{"+string(f.Name())+"}", text)
		}
	}
	return verb, path, rule.GetBody() != ""
}

func call(t *testing.T, who as, verb, url string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), verb, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := (&http.Client{Transport: who}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestAForeignPageCannotActWithACookie(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for origin, want := range map[string]int{"http://evil.example": http.StatusForbidden, "": http.StatusOK, s.url: http.StatusOK, "http://127.0.0.1:8080": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/millwright.tenant.v1.TenantService/List", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		res, err := (&http.Client{Transport: as{cookie: "ada"}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("from %q: %d, want %d", origin, res.StatusCode, want)
		}
	}
}
