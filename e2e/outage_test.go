package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/millwright-io/millwright/e2e/stack"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// outage is a part that goes away while devices send.
type outage struct {
	name string
	// variable overrides how long it lasts, e.g. 10m.
	variable string
	lasts    time.Duration
	begin    func(*testing.T, *stack.Stack) (end func())
	// meanwhile tests what is said of this part in docs/operations.md, besides what always works.
	meanwhile func(*testing.T, *stack.Stack, *stack.Person)
}

// TestOutages takes the control plane, Postgres and the identity server away, one after the other, and tests the table of
// docs/operations.md: devices with known certificates connect, events are taken and can be read by key, nothing
// acknowledged is lost, and the ledger agrees afterwards.
func TestOutages(t *testing.T) {
	s := stack.Start(t, stack.Options{})
	known := newDevice(t, s, "known")
	person := s.SignUp(t, "olga@example.com")
	if _, err := person.Tenants.Create(context.Background(), &tenantv1.CreateRequest{Name: "Olga works"}); err != nil {
		t.Fatal(err)
	}
	for i, o := range []outage{
		{"the control plane", "MILLWRIGHT_E2E_OUTAGE_CONTROLPLANE", 12 * time.Second, func(t *testing.T, s *stack.Stack) func() {
			return s.HoldDown(t, "millwright controlplane")
		}, withoutControlPlane},
		{"postgres", "MILLWRIGHT_E2E_OUTAGE_POSTGRES", 8 * time.Second, func(t *testing.T, s *stack.Stack) func() {
			return s.Freeze(t, "postgres")
		}, withoutPostgres},
		{"the identity server", "MILLWRIGHT_E2E_OUTAGE_KRATOS", 8 * time.Second, func(t *testing.T, s *stack.Stack) func() {
			return s.HoldDown(t, "kratos serve")
		}, withoutKratos},
	} {
		if text := os.Getenv(o.variable); text != "" {
			var err error
			if o.lasts, err = time.ParseDuration(text); err != nil {
				t.Fatalf("%s: %v", o.variable, err)
			}
		}
		t.Run(o.name+" is away", func(t *testing.T) { survive(t, s, o, person, known, 21+i) })
	}
}

// survive runs an outage under load.
func survive(t *testing.T, s *stack.Stack, o outage, person *stack.Person, known string, seed int) {
	acks := filepath.Join(t.TempDir(), "acks")
	sim, out := s.Background(t, "simulate", "--devices", "20", "--rate", "500", "--duration", "1h", "--seed", fmt.Sprint(seed), "--acks", acks)
	ended := make(chan error, 1)
	go func() { ended <- sim.Wait() }()
	t.Cleanup(func() { _ = sim.Process.Kill() })
	waitForAcks(t, acks, 500)

	begun := time.Now()
	end := o.begin(t, s)
	taken := lines(acks)
	sendsByEveryWay(t, s, known)
	readsByKey(t, s)
	o.meanwhile(t, s, person)
	// A new process of the cell knows what it knew.
	s.KillChild(t, "cell")
	s.KillChild(t, "gateway")
	stack.Eventually(t, 30*time.Second, "a new cell takes events", func() error { return send(t, s, known) })
	sendsByEveryWay(t, s, known)
	readsByKey(t, s)
	for left := o.lasts - time.Since(begun); left > 0; left = o.lasts - time.Since(begun) {
		waitForAcks(t, acks, 100)
		pause(t, min(left, 5*time.Second))
	}
	waitForAcks(t, acks, 100)
	t.Logf("away for %s, %d events acknowledged meanwhile", time.Since(begun).Round(time.Second), lines(acks)-taken)
	end()

	stack.Eventually(t, 60*time.Second, "the control plane serves again", func() error {
		if _, err := person.Tenants.List(context.Background(), &tenantv1.ListRequest{}); err != nil {
			return err
		}
		_, err := s.Devices(s.Demo.APIKey).Get(context.Background(), &devicev1.GetRequest{DeviceId: "known"})
		return err
	})
	_ = sim.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		t.Fatalf("simulate did not stop\n%s", out)
	}
	verifyAcks(t, s, acks, 500)
	usageEqualsStored(t, s)
	verifyCell(t, s)
	// What is changed now takes effect again.
	newDevice(t, s, fmt.Sprintf("after_%d", seed))
}

func send(t *testing.T, s *stack.Stack, dir string) error {
	t.Helper()
	res, err := stack.DeviceHTTP(t, dir).Post(s.Demo.IngestURL, "application/json", strings.NewReader(`{"measurements":{"temperature":21}}`))
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		return errors.New(res.Status)
	}
	return nil
}

// sendsByEveryWay connects a known device anew.
func sendsByEveryWay(t *testing.T, s *stack.Stack, dir string) {
	t.Helper()
	if err := send(t, s, dir); err != nil {
		t.Errorf("by HTTPS: %v", err)
	}
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("ssl://" + s.Demo.MQTTAddress).SetClientID("known").
		SetTLSConfig(stack.DeviceTLS(t, dir)).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second))
	token := client.Connect()
	if !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Errorf("connect by MQTT: %v", token.Error())
		return
	}
	defer client.Disconnect(100)
	token = client.Publish("v1/telemetry", 1, false, `{"measurements":{"temperature":22}}`)
	if !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Errorf("by MQTT: %v", token.Error())
	}
}

func readsByKey(t *testing.T, s *stack.Stack) {
	t.Helper()
	if _, err := s.Telemetry(s.Demo.APIKey).Latest(context.Background(), &telemetryv1.LatestRequest{}); err != nil {
		t.Errorf("read by API key: %v", err)
	}
}

// bounded is how long the control plane may take to say that it cannot.
const bounded = 30 * time.Second

// look asks for a page, without patience.
func look(url string) (status int, err error) {
	res, err := (&http.Client{Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func withoutControlPlane(t *testing.T, s *stack.Stack, _ *stack.Person) {
	if status, err := look(s.Demo.ControlURL + "/healthz"); err == nil {
		t.Errorf("the control plane answers %d", status)
	}
	cannotSignIn(t, s)
}

// cannotSignIn tries it by the command line, which says that it is not the person's fault.
func cannotSignIn(t *testing.T, s *stack.Stack) {
	t.Helper()
	out, code := s.Shell(filepath.Join(t.TempDir(), "session.json")).Command(s.Demo.Password, "login", "--email", s.Demo.Email, "--password-stdin")
	if code != 3 {
		t.Errorf("login: exit %d, want 3\n%s", code, out)
	}
}

func withoutPostgres(t *testing.T, s *stack.Stack, person *stack.Person) {
	ctx, cancel := context.WithTimeout(context.Background(), bounded)
	defer cancel()
	if status, err := look(s.Demo.ControlURL + "/"); err != nil || status != http.StatusOK {
		t.Errorf("the console's page: %d, %v", status, err)
	}
	_, err := person.Tenants.List(ctx, &tenantv1.ListRequest{})
	if code := connect.CodeOf(err); code != connect.CodeUnavailable || ctx.Err() != nil {
		t.Errorf("a request that needs the database: %v", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), bounded)
	defer cancel()
	_, err = s.Devices(s.Demo.APIKey).Get(ctx, &devicev1.GetRequest{DeviceId: "known"})
	if code := connect.CodeOf(err); code != connect.CodeUnavailable || ctx.Err() != nil {
		t.Errorf("such a request by API key: %v", err)
	}
	cannotSignIn(t, s)
}

func withoutKratos(t *testing.T, s *stack.Stack, person *stack.Person) {
	ctx := context.Background()
	// A key is the control plane's own: everything works with it.
	if _, err := s.Devices(s.Demo.APIKey).Get(ctx, &devicev1.GetRequest{DeviceId: "known"}); err != nil {
		t.Errorf("by API key: %v", err)
	}
	name := fmt.Sprintf("meanwhile_%d", time.Now().UnixNano())
	dir := newDevice(t, s, name)
	stack.Eventually(t, 10*time.Second, "a device that was made meanwhile sends", func() error { return send(t, s, dir) })
	cannotSignIn(t, s)
	// A session is asked for at most every 30 s, then it is refused for want of an answer.
	stack.Eventually(t, 45*time.Second, "a session cannot be checked", func() error {
		_, err := person.Tenants.List(ctx, &tenantv1.ListRequest{})
		if connect.CodeOf(err) != connect.CodeUnavailable {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
}
