package controlplane_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

func TestFromFoundingToUsage(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	kv := func(name string) []byte {
		b, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
		if err != nil {
			return nil
		}
		e, err := b.Get(t.Context(), name)
		if err != nil {
			return nil
		}
		return e.Value()
	}
	eventually(t, "the tenant is in the cell's catalog", func() bool { return kv(subject.TenantKey(id)) != nil })

	report, _ := proto.Marshal(&catalogv1.CellReport{ProvisionedTenantId: id})
	if _, err := s.js.Publish(t.Context(), subject.Report(cell), report); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the tenant is active", func() bool {
		res, err := s.tenants(key).Get(t.Context(), &tenantv1.GetRequest{})
		return err == nil && res.GetTenant().GetStatus() == tenantv1.TenantStatus_TENANT_STATUS_ACTIVE
	})

	created, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press", Location: &devicev1.Location{Facility: "north"}})
	if err != nil {
		t.Fatal(err)
	}
	checkChain(t, id, created.GetCredentials())
	var d catalogv1.Device
	eventually(t, "the device is in the cell's catalog", func() bool {
		v := kv(subject.DeviceKey(id, "press_01"))
		return v != nil && proto.Unmarshal(v, &d) == nil
	})
	if len(d.GetCertificates()) != 1 || d.GetCertificates()[0].GetSerial() != created.GetCredentials().GetSerial() || d.GetFacility() != "north" {
		t.Errorf("catalog has %v", &d)
	}
	if _, err := s.devices(key).Suspend(t.Context(), &devicev1.SuspendRequest{DeviceId: "press_01"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the suspension is in the cell's catalog", func() bool {
		return proto.Unmarshal(kv(subject.DeviceKey(id, "press_01")), &d) == nil && d.GetSuspended()
	})

	hour := time.Now().UTC().Truncate(time.Hour)
	send := func(value, version uint64) {
		m, _ := proto.Marshal(&usagev1.Totals{Totals: []*usagev1.Total{{
			TenantId: id, Cell: cell, Hour: timestamppb.New(hour), Meter: "events", Value: value, Version: version,
		}}})
		if _, err := s.js.Publish(t.Context(), subject.Usage(cell), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.js.Publish(t.Context(), subject.Usage(cell), []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	send(40, 4)
	send(70, 7)
	send(40, 4) // came again, late
	var usage *usagev1.GetResponse
	eventually(t, "the usage is 70 events", func() bool {
		var err error
		usage, err = s.usage(key).Get(t.Context(), &usagev1.GetRequest{})
		return err == nil && usage.GetToday().GetEvents() == 70
	})
	if n := len(usage.GetHours()); n != 25 || usage.GetEventsPerDay() != 50_000_000 || usage.GetPlan() != "team" {
		t.Errorf("usage has %d hours, %d events a day, plan %q", n, usage.GetEventsPerDay(), usage.GetPlan())
	}

	log, err := s.audit(key).List(t.Context(), &auditv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range log.GetEntries() {
		object, _, _ := strings.Cut(e.GetObject(), "place/") // its id is random
		seen = append(seen, e.GetAction()+" "+object)
		if strings.Contains(e.GetAfterJson(), "PRIVATE") || strings.Contains(e.GetAfterJson(), key.key) {
			t.Errorf("a secret is in the audit log: %s", e.GetAfterJson())
		}
	}
	want := "millwright.device.v1.DeviceService/Suspend device/press_01|millwright.device.v1.DeviceService/Create device/press_01|millwright.device.v1.DeviceService/Create |millwright.device.v1.DeviceService/Create device_type/press"
	if got := strings.Join(seen, "|"); !strings.HasPrefix(got, want) || len(seen) != 7 {
		t.Errorf("audit log: %s", got)
	}
}

func checkChain(t *testing.T, tenant string, cred *devicev1.Credentials) {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(cred.GetCertificatePem()), []byte(cred.GetPrivateKeyPem()))
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(cred.GetCaPem()))
	intermediate, err := x509.ParseCertificate(pair.Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	between.AddCert(intermediate)
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("verify: %v", err)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a device's certificate is good for a server")
	}
	if want := "spiffe://millwright/tenant/" + tenant + "/device/press_01"; len(pair.Leaf.URIs) != 1 || pair.Leaf.URIs[0].String() != want {
		t.Errorf("URIs %v, want %s", pair.Leaf.URIs, want)
	}
	if got := pair.Leaf.SerialNumber.Text(16); got != cred.GetSerial() || len(got) != 32 {
		t.Errorf("serial %s, answered %s", got, cred.GetSerial())
	}
}

func TestRESTAndConnectSpeakPlainly(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	client := &http.Client{Transport: key}
	for _, c := range []struct {
		method, path, body string
		status             int
		contains           string
	}{
		{"POST", "/api/v1/devices", `{"deviceId":"press_01","deviceType":"press"}`, 200, "BEGIN CERTIFICATE"},
		{"POST", "/api/v1/devices", `{"deviceId":"press_01","deviceType":"press"}`, 409, "there is a device press_01 already"},
		{"GET", "/api/v1/devices/press_01", "", 200, `"serial"`},
		{"GET", "/api/v1/devices/press_99", "", 404, "there is no device press_99"},
		{"POST", "/api/v1/devices/press_01:suspend", `{}`, 200, "DEVICE_STATUS_SUSPENDED"},
		{"GET", "/api/v1/devices?pageSize=1", "", 200, `"total"`},
		{"GET", "/api/v1/devices?colour=red", "", 400, "colour"},
		{"POST", "/api/v1/devices", `{"deviceId":`, 400, ""},
		{"POST", "/api/v1/devices", `{"deviceId":"../x","deviceType":"press"}`, 400, "device_id"},
		{"POST", "/api/v1/devices", `{"deviceId":"p","deviceType":"press","csrPem":"hello"}`, 400, "csr_pem: it is not PEM"},
		{"GET", "/api/v1/nothing", "", 404, "no path of this API"},
		{"POST", "/millwright.device.v1.DeviceService/List", `{}`, 200, "press_01"},
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/readyz", "", 200, "ok"},
		{"GET", "/identity/sessions/whoami", "", 401, ""},
		{"GET", "/identity/admin/identities", "", 404, ""},
		{"GET", "/identity/sessions", "", 404, ""},
		{"GET", "/identity/self-service/login/../../admin/identities", "", 404, ""},
		{"GET", "/identity/self-service/login/fed-cm", "", 404, ""},
		{"GET", "/identity/self-service/methods/oidc/callback/x", "", 404, ""},
		{"GET", "/identity/self-service/login/api", "", 200, "/self-service/login/api"},
		{"GET", "/identity/self-service/login/browser", "", 200, "/self-service/login/browser"},
		{"GET", "/", "", 404, "The console is not here"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, s.url+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status || !strings.Contains(string(body), c.contains) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, res.StatusCode, body)
		}
	}
}

func TestPeopleAndKeysHoldTheirRank(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, admin := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	code := func(want connect.Code, contains string, err error) {
		t.Helper()
		if connect.CodeOf(err) != want || !strings.Contains(err.Error(), contains) {
			t.Errorf("got %v, want %s: %s", err, want, contains)
		}
	}
	_, err := s.keys(admin).Create(t.Context(), &keyv1.CreateRequest{Name: "k", Role: tenantv1.Role_ROLE_OWNER})
	code(connect.CodePermissionDenied, "you may not give or take the role owner: it includes tenant.own", err)
	_, err = s.members(admin).Invite(t.Context(), &memberv1.InviteRequest{Email: "bob@example.com", Role: tenantv1.Role_ROLE_OWNER})
	code(connect.CodePermissionDenied, "you may not give or take the role owner: it includes tenant.own", err)
	_, err = s.members(admin).Remove(t.Context(), &memberv1.RemoveRequest{MemberId: "identity-ada"})
	code(connect.CodePermissionDenied, "you may not give or take the role owner: it includes tenant.own", err)
	_, err = s.tenants(as{cookie: "hasty"}).Create(t.Context(), &tenantv1.CreateRequest{Name: "Hasty's"})
	code(connect.CodeFailedPrecondition, "verify your e-mail address hasty@example.com first", err)
	s.join(t, "bob", &memberv1.InviteRequest{Email: "Bob@example.com", Role: tenantv1.Role_ROLE_VIEWER})
	bob := s.tenants(as{cookie: "bob"})
	if res, err := bob.Get(t.Context(), &tenantv1.GetRequest{}); err != nil || res.GetRole() != tenantv1.Role_ROLE_VIEWER {
		t.Errorf("bob: %v, %v", res, err)
	}
	_, err = s.keys(as{cookie: "bob"}).Create(t.Context(), &keyv1.CreateRequest{Name: "k", Role: tenantv1.Role_ROLE_VIEWER})
	code(connect.CodePermissionDenied, "role viewer may not keys.write", err)
	_, err = bob.Create(t.Context(), &tenantv1.CreateRequest{Name: "Bob's", Slug: "ada-works"})
	code(connect.CodeAlreadyExists, "choose another slug", err)
	mine, err := bob.Create(t.Context(), &tenantv1.CreateRequest{Name: "Bob's"})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := bob.Get(t.Context(), &tenantv1.GetRequest{}); err != nil || res.GetTenant().GetName() != "ada works" {
		t.Errorf("bob before switching: %v, %v", res, err)
	}
	if _, err := bob.Switch(t.Context(), &tenantv1.SwitchRequest{TenantId: mine.GetTenant().GetTenantId()}); err != nil {
		t.Fatal(err)
	}
	if res, err := bob.Get(t.Context(), &tenantv1.GetRequest{}); err != nil || res.GetRole() != tenantv1.Role_ROLE_OWNER || res.GetTenant().GetName() != "Bob's" {
		t.Errorf("bob after switching: %v, %v", res, err)
	}
	log, err := s.audit(as{cookie: "ada"}).List(t.Context(), &auditv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	refusals := 0
	for _, e := range log.GetEntries() {
		if strings.Contains(e.GetOutcome(), "role viewer may not keys.write") && e.GetActor() == "bob@example.com" {
			refusals++
		}
	}
	if refusals != 1 {
		t.Errorf("bob's refused attempt is in the audit log %d times", refusals)
	}
}

func TestItStartsAgainWithTheSameKeys(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	ca, err := os.ReadFile(filepath.Join(s.cfg.GatewayCertificateDir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(ca); block == nil {
		t.Fatal("ca.pem is no PEM")
	}
	s.stop()
	s.start(t)
	again, _ := os.ReadFile(filepath.Join(s.cfg.GatewayCertificateDir, "ca.pem"))
	if string(again) != string(ca) {
		t.Error("the root changed")
	}
	if res, err := s.tenants(key).Get(t.Context(), &tenantv1.GetRequest{}); err != nil || res.GetTenant().GetTenantId() != id {
		t.Errorf("the key after a start: %v, %v", res, err)
	}
}

func TestTheCatalogCatchesUpWhenNATSComesBack(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	s.nats.Stop()
	if _, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press"}); err != nil {
		t.Fatalf("without NATS: %v", err)
	}
	s.nats.Start(t)
	eventually(t, "the device is in the cell's catalog", func() bool {
		b, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
		if err != nil {
			return false
		}
		_, err = b.Get(t.Context(), subject.DeviceKey(id, "press_01"))
		return err == nil
	})
}

func TestALimitOfOneTenantIsARow(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	dsn, err := os.ReadFile(s.cfg.PostgresDSNFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), strings.TrimSpace(string(dsn)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]int{"devices": 1, "events_per_second": 20000} {
		if _, err := conn.Exec(t.Context(), "insert into limit_overrides (tenant_id, name, value) values ($1, $2, $3)", id, name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell knows the limit", func() bool {
		b, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
		if err != nil {
			return false
		}
		e, err := b.Get(t.Context(), subject.TenantKey(id))
		var m catalogv1.Tenant
		return err == nil && proto.Unmarshal(e.Value(), &m) == nil && m.GetLimits().GetEventsPerSecond() == 20000
	})
	if _, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press"}); err != nil {
		t.Fatal(err)
	}
	_, err = s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_02", DeviceType: "press"})
	if connect.CodeOf(err) != connect.CodeResourceExhausted || !strings.Contains(err.Error(), "limit devices of tenant: 1 of 1 in use") {
		t.Errorf("the second device: %v", err)
	}
}
