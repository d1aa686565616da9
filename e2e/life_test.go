package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/millwright-io/millwright/e2e/stack"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// TestATenantsLife suspends, resumes, founds through a kill and deletes organisations on the built binary.
func TestATenantsLife(t *testing.T) {
	s := stack.Start(t, stack.Options{Args: []string{"--deletion-grace", "0s"}})
	t.Run("suspended: refused everywhere with the reason, then served again", func(t *testing.T) { suspendAndResume(t, s) })

	ctx := context.Background()
	person := s.SignUp(t, "uma@example.com")
	created, err := person.Tenants.Create(ctx, &tenantv1.CreateRequest{Name: "Uma works", Plan: "free"})
	if err != nil {
		t.Fatal(err)
	}
	id := created.GetTenant().GetTenantId()
	s.Kill(t) // wherever its provisioning stands
	s = s.Restart(t)
	t.Run("provisioning goes on after a kill", func(t *testing.T) {
		stack.Eventually(t, 60*time.Second, "the new organisation is served", func() error {
			got, err := person.Tenants.Get(ctx, &tenantv1.GetRequest{})
			if err == nil && got.GetTenant().GetStatus() != tenantv1.TenantStatus_TENANT_STATUS_ACTIVE {
				err = fmt.Errorf("it is %v: %v", got.GetTenant().GetStatus(), got.GetTenant().GetSteps())
			}
			return err
		})
	})
	t.Run("deleted: nothing is left but the tombstone", func(t *testing.T) { deleteTenant(t, s, person, id) })
}

func suspendAndResume(t *testing.T, s *stack.Stack) {
	dir := newDevice(t, s, "suspended_press")
	publishCurl(t, s, dir, `{"measurements":{"pressure":6.2}}`)
	signIn := []string{"--sign-in", filepath.Join(s.Data, "demo.json")}
	lost := make(chan error, 1)
	connect := func() mqtt.Token {
		token := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("ssl://" + s.Demo.MQTTAddress).SetClientID("suspended").
			SetTLSConfig(stack.DeviceTLS(t, dir)).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second).
			SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })).Connect()
		token.WaitTimeout(5 * time.Second)
		return token
	}
	if err := connect().Error(); err != nil {
		t.Fatal(err)
	}
	const words = "the organisation is suspended: invoice 7 is not paid"
	s.Run(t, append([]string{"tenant", "suspend", "--reason", "invoice 7 is not paid", s.Demo.TenantID}, signIn...)...)
	select {
	case <-lost:
	case <-time.After(5 * time.Second):
		t.Error("the live session was not cut")
	}
	if err := connect().Error(); err == nil {
		t.Error("MQTT lets it in")
	}
	if status, answer := post(t, stack.DeviceHTTP(t, dir), s.Demo.IngestURL, `{"measurements":{"pressure":1}}`); status != http.StatusForbidden || !strings.Contains(answer, words) {
		t.Errorf("ingest: %d %s", status, answer)
	}
	if out, err := s.Command("telemetry", "query", "suspended_press"); err == nil || !strings.Contains(out, words) {
		t.Errorf("API: %v %s", err, out)
	}
	if out := s.Run(t, "tenant", "get"); !strings.Contains(out, "invoice 7 is not paid") {
		t.Errorf("its people read\n%s", out)
	}
	s.Run(t, append([]string{"tenant", "resume", s.Demo.TenantID}, signIn...)...)
	stack.Eventually(t, 10*time.Second, "the device is let in again", func() error { return connect().Error() })
	publishCurl(t, s, dir, `{"measurements":{"pressure":6.3}}`)
	stack.Eventually(t, 20*time.Second, "what was stored before is there, with what came after", func() error {
		got, err := s.Telemetry(s.Demo.APIKey).Query(context.Background(), &telemetryv1.QueryRequest{
			DeviceId: "suspended_press", Resolution: telemetryv1.Resolution_RESOLUTION_RAW, Measurements: []string{"pressure"},
		})
		if err == nil && (len(got.GetSeries()) != 1 || len(got.GetSeries()[0].GetPoints()) != 2) {
			err = fmt.Errorf("got %v", got.GetSeries())
		}
		return err
	})
}

func deleteTenant(t *testing.T, s *stack.Stack, person *stack.Person, id string) {
	ctx := context.Background()
	key, err := person.Keys.Create(ctx, &keyv1.CreateRequest{Name: "all", Role: tenantv1.Role_ROLE_ADMIN})
	if err != nil {
		t.Fatal(err)
	}
	var access *telemetryv1.GetStoreAccessResponse
	stack.Eventually(t, 20*time.Second, "the store can be read", func() (err error) {
		access, err = s.Telemetry(key.GetSecret()).GetStoreAccess(ctx, &telemetryv1.GetStoreAccessRequest{})
		return err
	})
	ask := func() int {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, access.GetUrl()+"/?database="+access.GetDatabase(), strings.NewReader("select count() from events"))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(access.GetUsername(), access.GetPassword())
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if status := ask(); status != http.StatusOK {
		t.Fatalf("the store answers %d before", status)
	}
	if _, err := person.Tenants.Delete(ctx, &tenantv1.DeleteRequest{Confirm: "uma-works"}); err != nil {
		t.Fatal(err)
	}
	stack.Eventually(t, 90*time.Second, "it is removed and verified", func() error {
		res, err := person.Tenants.ListRemoved(ctx, &tenantv1.ListRemovedRequest{})
		if err != nil {
			return err
		}
		if len(res.GetTenants()) != 1 || res.GetTenants()[0].GetVerifiedAt() == nil {
			mine, _ := person.Tenants.List(ctx, &tenantv1.ListRequest{})
			return fmt.Errorf("removed %v, still %v", res.GetTenants(), mine.GetMemberships())
		}
		if r := res.GetTenants()[0]; r.GetTenantId() != id || r.GetCounts()["store_tables"] < 4 || r.GetCounts()["members"] != 1 || r.GetAuditNdjson() == "" {
			t.Errorf("tombstone %v", r)
		}
		return nil
	})
	if status := ask(); status == http.StatusOK {
		t.Error("the tenant's user still reads the store")
	}
	if mine, err := person.Tenants.List(ctx, &tenantv1.ListRequest{}); err != nil || len(mine.GetMemberships()) != 0 {
		t.Errorf("her organisations: %v, %v", mine, err)
	}
}
