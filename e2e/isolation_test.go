package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/millwright-io/millwright/e2e/stack"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
	_ "github.com/millwright-io/millwright/proto/gen/millwright/group/v1" // walked, as all that is linked in
	_ "github.com/millwright-io/millwright/proto/gen/millwright/job/v1"   // as above
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	_ "github.com/millwright-io/millwright/proto/gen/millwright/pipeline/v1" // as above
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// other is a second tenant, with every kind of credential.
type other struct {
	person    *stack.Person
	tenantID  string
	key       string
	cellToken string
	store     *telemetryv1.GetStoreAccessResponse
}

// victim is what of the first tenant an intruder would like to reach.
type victim struct {
	device, serial, keyID, memberID, tenantID, invitationID, groupID, jobID, placeID string
}

// isolateTenants gives a second tenant every id of the first and tries all that the APIs, topics and the store offer.
func isolateTenants(t *testing.T, s *stack.Stack) {
	dir := newDevice(t, s, "private_press")
	publishCurl(t, s, dir, `{"measurements":{"secret_pressure":4711.125}}`)
	b := newOther(t, s, "intruder@example.com", "Intruder")
	a := describeVictim(t, s, "private_press")
	before := state(t, s)

	for name, auth := range map[string]func(*http.Request){
		"API key":    func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+b.key) },
		"cell token": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+b.cellToken) },
		"session":    func(*http.Request) {},
		"nothing":    nil,
	} {
		t.Run("every RPC and path with the other tenant's "+name, func(t *testing.T) {
			client := http.DefaultClient
			if name == "session" {
				client = b.person.HTTP
			}
			walk(t, s, a, client, auth)
		})
	}
	if after := state(t, s); after != before {
		t.Errorf("the intruder changed something:\nbefore %s\nafter  %s", before, after)
	}
	t.Run("the live stream", func(t *testing.T) { watchIsDeaf(t, s, b, dir) })
	t.Run("topics and payloads", func(t *testing.T) { topicsStayHome(t, s, b) })
	t.Run("the store", func(t *testing.T) { storeStaysShut(t, s, b) })
}

// walk calls each method of each service by Connect and by REST, at both origins.
func walk(t *testing.T, s *stack.Stack, a victim, client *http.Client, auth func(*http.Request)) {
	calls := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			if !strings.HasPrefix(string(service.FullName()), "millwright.") {
				continue
			}
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				body := requestFor(m.Input(), a)
				for _, origin := range []string{s.Demo.ControlURL, s.Demo.CellURL} {
					if !m.IsStreamingServer() {
						try(t, client, auth, http.MethodPost, fmt.Sprintf("%s/%s/%s", origin, service.FullName(), m.Name()), body, a)
						calls++
					}
					if method, path, ok := restOf(m, a); ok {
						try(t, client, auth, method, origin+path, body, a)
						calls++
					}
				}
			}
		}
		return true
	})
	if calls < 60 {
		t.Fatalf("only %d calls were tried", calls)
	}
}

// try makes one call; its answer must hold nothing of the victim, and without a credential it must be a refusal.
func try(t *testing.T, client *http.Client, auth func(*http.Request), method, url string, body []byte, a victim) {
	t.Helper()
	if strings.HasSuffix(url, "TenantService/Create") || (strings.HasSuffix(url, "/api/v1/tenants") && method == http.MethodPost) {
		return // founding one's own tenant touches nobody
	}
	if method == http.MethodGet || method == http.MethodDelete {
		body = nil
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Connect-Protocol-Version", "1")
	if auth != nil {
		auth(req)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if auth == nil && res.StatusCode < http.StatusBadRequest {
		if strings.Contains(res.Header.Get("Content-Type"), "text/html") {
			return // the console's page
		}
		t.Errorf("%s %s without a credential: %s %s", method, url, res.Status, answer)
	}
	if res.StatusCode < http.StatusBadRequest {
		for _, secret := range []string{a.serial, a.keyID, a.memberID, a.tenantID, a.invitationID, "secret-colleague", "secret-group", "secret row", "secret_pressure", "4711.125", "secret works"} {
			if bytes.Contains(answer, []byte(secret)) {
				t.Errorf("%s %s leaks %q: %s", method, url, secret, answer)
			}
		}
	}
	if res.StatusCode >= http.StatusInternalServerError && res.StatusCode != http.StatusNotImplemented {
		t.Errorf("%s %s: %s %s", method, url, res.Status, answer)
	}
}

// requestFor fills the fields of a request that name things with the victim's.
func requestFor(d protoreflect.MessageDescriptor, a victim) []byte {
	req := map[string]any{}
	letter := "gateway-0-1-0"
	values := map[string]any{
		"id": letter, "selection": map[string]any{"ids": []string{letter}}, "reason": "not mine", "filter": map[string]any{"deviceIds": []string{a.device}},
		"cell": "local", "flag": "nothing_yet", "announcement_id": "nothing", "text": "hear me", "severity": "SEVERITY_INFO",
		"device_id": a.device, "device_ids": []string{a.device}, "serial": a.serial, "key_id": a.keyID, "member_id": a.memberID,
		"tenant_id": a.tenantID, "limit": "devices", "maximum": "0", "place_id": a.placeID, "parent_id": a.placeID, "device_type": "press", "version": "1", "firmware": "1", "name": "mine now", "role": "ROLE_VIEWER", "email": "intruder@example.com",
		"template_id": a.device, "claim_token_id": a.device, "authority_id": a.device, "certificate_pem": "rubbish", "id_pattern": ".*", "max_devices": 1,
		"serials":     []string{a.serial},
		"custom_role": "secret-role", "service_account_id": "secret-account", "actions": []string{"tenant.read"},
		"group_id": a.groupID, "group_ids": []string{a.groupID}, "job_id": a.jobID, "action": "BULK_ACTION_SUSPEND", "query": `id == "private_press"`,
		"invitation_id": a.invitationID, "token": strings.Repeat(a.invitationID, 3),
		"events": []any{map[string]any{"deviceId": a.device, "messageId": "x", "eventTime": "2026-01-01T00:00:00Z"}},
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if v, ok := values[string(f.Name())]; ok {
			req[f.JSONName()] = v
		}
	}
	if d.FullName() == "millwright.device.v1.CreateRequest" {
		req["deviceId"] = "intruders_own"
	}
	b, _ := json.Marshal(req)
	return b
}

func restOf(m protoreflect.MethodDescriptor, a victim) (method, path string, ok bool) {
	rule, found := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !found || rule == nil {
		return "", "", false
	}
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		method, path = http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		method, path = http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		method, path = http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		method, path = http.MethodDelete, p.Delete
	default:
		return "", "", false
	}
	names := strings.NewReplacer("{device_id}", a.device, "{device_type}", "press", "{place_id}", a.placeID, "{serial}", a.serial, "{key_id}", a.keyID, "{member_id}", a.memberID, "{tenant_id}", a.tenantID, "{invitation_id}", a.invitationID, "{group_id}", a.groupID, "{job_id}", a.jobID, "{template_id}", a.device, "{claim_token_id}", a.device, "{authority_id}", a.device, "{id}", "gateway-0-1-0",
		"{custom_role}", "secret-role", "{service_account_id}", "secret-account")
	return method, names.Replace(path), true
}

func describeVictim(t *testing.T, s *stack.Stack, device string) victim {
	t.Helper()
	d, err := s.Devices(s.Demo.APIKey).Get(context.Background(), &devicev1.GetRequest{DeviceId: device})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.Keys(s.Demo.APIKey).List(context.Background(), &keyv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	members, err := s.Members(s.Demo.APIKey).List(context.Background(), &memberv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	invited, err := s.Members(s.Demo.APIKey).Invite(context.Background(), &memberv1.InviteRequest{Email: "secret-colleague@acme.example", Role: tenantv1.Role_ROLE_VIEWER})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Roles(s.Demo.APIKey).Create(context.Background(), &rolev1.CreateRequest{CustomRole: "secret-role", Title: "secret_pressure watcher", Actions: []string{"devices.read"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Keys(s.Demo.APIKey).CreateServiceAccount(context.Background(), &keyv1.CreateServiceAccountRequest{ServiceAccountId: "secret-account", Title: "secret_pressure robot", Role: tenantv1.Role_ROLE_VIEWER}); err != nil {
		t.Fatal(err)
	}
	s.Run(t, "group", "create", "private_group", "--name", "secret-group", "--query", `id == "`+device+`"`)
	file := filepath.Join(t.TempDir(), "devices.csv")
	if err := os.WriteFile(file, []byte("device_id,device_type\nprivate_row,press\nsecret row,press\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var begun struct {
		Job struct {
			JobID string `json:"job_id"`
		} `json:"job"`
	}
	if err := json.Unmarshal([]byte(s.Run(t, "device", "import", file, "--wait", "-o", "json")), &begun); err != nil {
		t.Fatal(err)
	}
	places, err := s.Places(s.Demo.APIKey).Create(context.Background(), &facilityv1.CreateRequest{Name: "secret works"})
	if err != nil {
		t.Fatal(err)
	}
	return victim{groupID: "private_group", jobID: begun.Job.JobID, placeID: places.GetPlace().GetPlaceId(), device: device, serial: d.Device.Certificates[0].Serial, keyID: keys.Keys[0].KeyId, memberID: members.Members[0].MemberId, tenantID: s.Demo.TenantID, invitationID: invited.Invitation.InvitationId}
}

// state is all of the first tenant that an intruder might change.
func state(t *testing.T, s *stack.Stack) string {
	t.Helper()
	var b strings.Builder
	for _, args := range [][]string{
		{"device", "list"},
		{"device-type", "list"},
		{"facility", "list"},
		{"device", "get", "private_press"},
		{"key", "list"},
		{"account", "list"},
		{"role", "list"},
		{"member", "list"},
		{"tenant", "get"},
		{"group", "list"},
		{"group", "get", "private_group"},
		{"job", "list"},
		{"device", "gateway", "private_press"},
	} {
		b.WriteString(s.Run(t, append(args, "-o", "json")...))
	}
	return lastUsed.ReplaceAllString(b.String(), "")
}

// lastUsed is what of a key changes without anybody changing it.
var lastUsed = regexp.MustCompile(`"last_used_\w+":[^\n]*`)

func newOther(t *testing.T, s *stack.Stack, email, name string) other {
	t.Helper()
	ctx := context.Background()
	b := other{person: s.SignUp(t, email)}
	created, err := b.person.Tenants.Create(ctx, &tenantv1.CreateRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	b.tenantID = created.Tenant.TenantId
	key, err := b.person.Keys.Create(ctx, &keyv1.CreateRequest{Name: "all", Role: tenantv1.Role_ROLE_ADMIN})
	if err != nil {
		t.Fatal(err)
	}
	b.key = key.Secret
	token, err := b.person.Tenants.IssueCellToken(ctx, &tenantv1.IssueCellTokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	b.cellToken = token.Token
	stack.Eventually(t, 20*time.Second, "the new tenant is served", func() error {
		got, err := b.person.Tenants.Get(ctx, &tenantv1.GetRequest{})
		if err != nil {
			return err
		}
		if got.Tenant.Status != tenantv1.TenantStatus_TENANT_STATUS_ACTIVE {
			return fmt.Errorf("it is %v", got.Tenant.Status)
		}
		b.store, err = s.Telemetry(b.key).GetStoreAccess(ctx, &telemetryv1.GetStoreAccessRequest{})
		return err
	})
	return b
}
