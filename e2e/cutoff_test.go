package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"

	"github.com/millwright-io/millwright/e2e/stack"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// cutOffDevices suspends, resumes and revokes while a device is connected; each takes effect on the live session.
func cutOffDevices(t *testing.T, s *stack.Stack) {
	dir := newDevice(t, s, "cutoff")
	ctx := context.Background()
	devices := s.Devices(s.Demo.APIKey)
	lost := make(chan error, 4)
	connect := func() mqtt.Client {
		opts := mqtt.NewClientOptions().AddBroker("ssl://" + s.Demo.MQTTAddress).SetClientID("cutoff").SetTLSConfig(stack.DeviceTLS(t, dir)).
			SetAutoReconnect(false).SetConnectTimeout(5 * time.Second).SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
		return mqtt.NewClient(opts)
	}
	up := func() {
		t.Helper()
		stack.Eventually(t, 5*time.Second, "the device connects", func() error {
			token := connect().Connect()
			if !token.WaitTimeout(5 * time.Second) {
				return errors.New("no answer")
			}
			return token.Error()
		})
	}
	cut := func(what string) {
		t.Helper()
		select {
		case <-lost:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s did not cut the session", what)
		}
		status, answer := post(t, stack.DeviceHTTP(t, dir), s.Demo.IngestURL, `{"measurements":{"temperature":1}}`)
		if status != http.StatusForbidden || !strings.Contains(answer, what) {
			t.Errorf("status %d, want 403 and the word %q: %s", status, what, answer)
		}
	}
	up()
	native := make(chan struct{})
	if _, err := nats.Connect(s.Demo.NATSURL, nats.Secure(stack.DeviceTLS(t, dir)), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(native) })); err != nil {
		t.Fatalf("over NATS: %v", err)
	}
	if _, err := devices.Suspend(ctx, &devicev1.SuspendRequest{DeviceId: "cutoff"}); err != nil {
		t.Fatal(err)
	}
	cut("suspended")
	select {
	case <-native:
	case <-time.After(5 * time.Second):
		t.Error("the session over NATS goes on")
	}
	if nc, err := nats.Connect(s.Demo.NATSURL, nats.Secure(stack.DeviceTLS(t, dir))); err == nil || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("a suspended device connects over NATS: %v %v", nc, err)
	}
	if _, err := devices.Resume(ctx, &devicev1.ResumeRequest{DeviceId: "cutoff"}); err != nil {
		t.Fatal(err)
	}
	up()
	got, err := devices.Get(ctx, &devicev1.GetRequest{DeviceId: "cutoff"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := devices.RevokeCertificate(ctx, &devicev1.RevokeCertificateRequest{DeviceId: "cutoff", Serial: got.Device.Certificates[0].Serial}); err != nil {
		t.Fatal(err)
	}
	cut("revoked")
}
