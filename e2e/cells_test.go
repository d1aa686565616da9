package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/e2e/stack"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1/telemetryv1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// TestTwoCells runs two cells in one tree: each tenant lives in one of them, and nothing of it works at the other.
func TestTwoCells(t *testing.T) {
	s := stack.Start(t, stack.Options{Args: []string{"--cells", "eu-1,us-1"}})
	ctx := context.Background()
	eu, us := s.Demo.CellURL, fmt.Sprintf("http://127.0.0.1:%d", s.PortBase+9)
	usIngest := fmt.Sprintf("https://127.0.0.1:%d/v1/telemetry", s.PortBase+10)

	t.Run("a customer does everything in a browser", func(t *testing.T) { journeyInTheConsole(t, s) })
	t.Run("an operator sees both and others do not", func(t *testing.T) {
		signIn := []string{"--sign-in", filepath.Join(s.Data, "demo.json")}
		stack.Eventually(t, 20*time.Second, "both cells are heard", func() error {
			if out := s.Run(t, append([]string{"cell", "list"}, signIn...)...); strings.Count(out, "live") != 2 {
				return fmt.Errorf("the list is\n%s", out)
			}
			return nil
		})
		if out := s.Run(t, append([]string{"region", "list"}, signIn...)...); !strings.Contains(out, "eu-1") || !strings.Contains(out, "us-1") {
			t.Errorf("regions:\n%s", out)
		}
		if out, err := s.Command("cell", "list"); err == nil || !strings.Contains(out, "API keys cannot") {
			t.Errorf("with an API key: %v %s", err, out)
		}
		s.Run(t, append([]string{"cell", "drain", "eu-1"}, signIn...)...)
	})

	person := s.SignUp(t, "uma@example.com")
	created, err := person.Tenants.Create(ctx, &tenantv1.CreateRequest{Name: "Uma works"})
	if err != nil {
		t.Fatal(err)
	}
	if got := created.GetTenant(); got.GetCell() != "us-1" || got.GetCellUrl() != us || got.GetIngestUrl() != usIngest {
		t.Fatalf("the second tenant was placed at %v", got)
	}
	key, err := person.Keys.Create(ctx, &keyv1.CreateRequest{Name: "all", Role: tenantv1.Role_ROLE_ADMIN})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Devices(key.GetSecret()).Create(ctx, &devicev1.CreateRequest{DeviceId: "press", DeviceType: "press"}); err != nil {
		t.Fatal(err)
	}
	t.Run("an API key works at its cell only", func(t *testing.T) {
		latest := func(url, key string) error {
			_, err := telemetryv1connect.NewTelemetryServiceClient(http.DefaultClient, url, stack.Bearer(key)).Latest(ctx, &telemetryv1.LatestRequest{})
			return err
		}
		stack.Eventually(t, 20*time.Second, "the new tenant is served", func() error { return latest(us, key.GetSecret()) })
		for url, stranger := range map[string]string{us: s.Demo.APIKey, eu: key.GetSecret()} {
			if err := latest(url, stranger); connect.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("at %s: %v", url, err)
			}
		}
		if err := latest(eu, s.Demo.APIKey); err != nil {
			t.Error(err)
		}
	})
	t.Run("a device works at its cell only", func(t *testing.T) {
		client := stack.DeviceHTTP(t, newDevice(t, s, "traveller"))
		stack.Eventually(t, 5*time.Second, "the device sends at home", func() error {
			if status, answer := post(t, client, s.Demo.IngestURL, `{"measurements":{"temperature":21}}`); status != http.StatusAccepted {
				return fmt.Errorf("%d %s", status, answer)
			}
			return nil
		})
		if status, answer := post(t, client, usIngest, `{"measurements":{"temperature":22}}`); status != http.StatusForbidden || !strings.Contains(answer, "not on this cell") {
			t.Errorf("away from home: %d %s", status, answer)
		}
	})
	t.Run("a tenant's cell that is not named stops the start", func(t *testing.T) {
		s.Stop(t)
		refused(t, []string{"up", "--data", s.Data, "--port-base", fmt.Sprint(s.PortBase)}, "eu-1", "--cells")
	})
}
