package controlplane_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/controlplane"
	"github.com/millwright-io/millwright/migrations/natstest"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/proto/gen/millwright/audit/v1/auditv1connect"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1/certificatev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/device/v1/devicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/devicetype/v1/devicetypev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/facility/v1/facilityv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/group/v1/groupv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/job/v1/jobv1connect"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/key/v1/keyv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/member/v1/memberv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/role/v1/rolev1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1/tenantv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/usage/v1/usagev1connect"
	"github.com/millwright-io/millwright/proto/subject"
)

const cell = "local"

// stack is a control plane on a real Postgres and a real NATS, with an identity server that knows who is named.
type stack struct {
	url, metrics string
	est          string
	cfg          controlplane.Config
	nats         *natstest.Server
	js           jetstream.JetStream
	mails        *mails
	stop         func()
}

func setup(t *testing.T, change ...func(*controlplane.Config)) *stack {
	t.Helper()
	dir := t.TempDir()
	dsn := filepath.Join(dir, "dsn")
	if err := os.WriteFile(dsn, []byte(pgtest.New(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &stack{nats: natstest.New(t)}
	identity := httptest.NewServer(http.HandlerFunc(identityServer))
	t.Cleanup(identity.Close)
	s.cfg = controlplane.DefaultConfig()
	s.cfg.Address, s.cfg.PostgresDSNFile, s.cfg.NATSURL = "127.0.0.1:0", dsn, s.nats.URL
	s.cfg.KratosPublicURL = identity.URL
	s.cfg.ESTAddress, s.cfg.ESTURL = "127.0.0.1:0", "https://127.0.0.1:8444"
	s.cfg.KEKFile, s.cfg.GatewayCertificateDir = filepath.Join(dir, "kek"), filepath.Join(dir, "gateway")
	s.cfg.Cells = []controlplane.Cell{{Name: cell, Region: cell, URL: "http://127.0.0.1:8081", MQTTAddress: "127.0.0.1:8883"}}
	s.cfg.Operators = []string{"Ops@example.com", "hasty@example.com"}
	s.mails = mailServer(t)
	s.cfg.MailURLFile, s.cfg.MailFrom = filepath.Join(dir, "mail-url"), "millwright@example.com"
	if err := os.WriteFile(s.cfg.MailURLFile, []byte("smtp://"+s.mails.address+"?tls=none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cfg.LastUseInterval = time.Hour // the tests compare keys with what they were
	for _, c := range change {
		c(&s.cfg)
	}
	js, err := jetstream.New(s.nats.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	s.js = js
	s.start(t)
	return s
}

// start runs the control plane; it stops with the test or before.
func (s *stack) start(t *testing.T) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	app, err := controlplane.New(t.Context(), s.cfg, log)
	if err != nil {
		t.Fatalf("open control plane: %v", err)
	}
	s.est = "https://" + app.ESTAddr() + "/.well-known/est/"
	s.url, s.metrics = "http://"+app.Addr(), "http://"+app.MetricsAddr()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("control plane: %v", err)
		}
	}
	stop := s.stop
	t.Cleanup(func() { stop() })
}

// identityServer speaks for Kratos: the session cookie names the person; everybody but hasty@ has
// verified their address.
func identityServer(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	identity := func(name string) map[string]any {
		return map[string]any{
			"id": "identity-" + name, "schema_id": "default", "schema_url": "http://localhost", "traits": map[string]string{"email": name + "@example.com"},
			"verifiable_addresses": []any{map[string]any{
				"id": "address-" + name, "value": name + "@example.com", "verified": name != "hasty", "via": "email", "status": "completed",
			}},
		}
	}
	switch r.URL.Path {
	case "/sessions/whoami":
		name := r.Header.Get("X-Session-Token")
		if c, err := r.Cookie("ory_kratos_session"); err == nil {
			name = c.Value
		}
		if name == "" || name == "ended" {
			answer(http.StatusUnauthorized, map[string]any{"error": map[string]any{"code": 401}})
			return
		}
		answer(http.StatusOK, map[string]any{"id": "session-" + name, "active": true, "identity": identity(name)})
	default:
		answer(http.StatusOK, map[string]string{"path": r.URL.Path})
	}
}

// as is a client with the session of a person, or with an API key.
type as struct {
	cookie, key string
}

func (a as) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if a.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "ory_kratos_session", Value: a.cookie})
	}
	if a.key != "" {
		r.Header.Set("Authorization", "Bearer "+a.key)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (s *stack) tenants(a as) tenantv1connect.TenantServiceClient {
	return tenantv1connect.NewTenantServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) members(a as) memberv1connect.MemberServiceClient {
	return memberv1connect.NewMemberServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) keys(a as) keyv1connect.KeyServiceClient {
	return keyv1connect.NewKeyServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) roles(a as) rolev1connect.RoleServiceClient {
	return rolev1connect.NewRoleServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) audit(a as) auditv1connect.AuditServiceClient {
	return auditv1connect.NewAuditServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) devices(a as) devicev1connect.DeviceServiceClient {
	return devicev1connect.NewDeviceServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) types(a as) devicetypev1connect.DeviceTypeServiceClient {
	return devicetypev1connect.NewDeviceTypeServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) groups(a as) groupv1connect.GroupServiceClient {
	return groupv1connect.NewGroupServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) gateways(a as) devicev1connect.GatewayServiceClient {
	return devicev1connect.NewGatewayServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) bulk(a as) devicev1connect.BulkServiceClient {
	return devicev1connect.NewBulkServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) jobs(a as) jobv1connect.JobServiceClient {
	return jobv1connect.NewJobServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) certificates(a as) certificatev1connect.CertificateServiceClient {
	return certificatev1connect.NewCertificateServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) places(a as) facilityv1connect.FacilityServiceClient {
	return facilityv1connect.NewFacilityServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) usage(a as) usagev1connect.UsageServiceClient {
	return usagev1connect.NewUsageServiceClient(&http.Client{Transport: a}, s.url)
}

// found makes a tenant whose owner is the person, and returns an API key of that role.
func (s *stack) found(t *testing.T, person string, role tenantv1.Role) (tenantID string, key as) {
	t.Helper()
	owner := s.tenants(as{cookie: person})
	res, err := owner.Create(t.Context(), &tenantv1.CreateRequest{Name: person + " works"})
	if err != nil {
		t.Fatalf("create tenant: %v", err)
	}
	k, err := s.keys(as{cookie: person}).Create(t.Context(), &keyv1.CreateRequest{Name: "test", Role: role})
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return res.GetTenant().GetTenantId(), as{key: k.GetSecret()}
}

// provisioned says for the cell that the tenant's storage is there.
func (s *stack) provisioned(t *testing.T, id string) {
	t.Helper()
	s.report(t, &catalogv1.CellReport{ProvisionedTenantId: id})
}

func (s *stack) report(t *testing.T, report *catalogv1.CellReport) {
	t.Helper()
	data, err := proto.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.js.Publish(t.Context(), subject.Report(cell), data); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok reports true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("in 20 s not: %s", what)
		case <-tick.C:
		}
	}
}
