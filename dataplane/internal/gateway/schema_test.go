package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// TestADevicesTypeIsEnforced follows a type that changes under a live session, on both protocols.
func TestADevicesTypeIsEnforced(t *testing.T) {
	t.Parallel()
	c := setup(t)
	cert := c.device(acme, "furnace")
	d, _ := c.catalog.Device(acme, "furnace")
	d.Type = "furnace"
	c.catalog.SetDevice(d)
	furnace := func(maximum float64) *telemetry.Schema {
		return telemetry.NewSchema("furnace", []telemetry.Rule{{Name: "temperature", Unit: "°C", Maximum: maximum}}, telemetry.UnknownDeadLetter)
	}
	c.catalog.SetType(globex, "furnace", furnace(1)) // another tenant's type of that name is another type
	m := c.client(cert, 5).connected()
	send := func(id uint16, payload, want string) {
		t.Helper()
		m.publish("v1/telemetry", id, payload)
		ack := m.read(packets.Puback)
		refused := ack.ReasonCode == 0x99 && strings.Contains(ack.Properties.ReasonString, want)
		if (want == "") != (ack.ReasonCode == 0) || (want != "" && !refused) {
			t.Errorf("%s: 0x%02x %q", payload, ack.ReasonCode, ack.Properties.ReasonString)
		}
	}
	send(1, measured(`{"temperature":900,"other":1}`), "")
	c.catalog.SetType(acme, "furnace", furnace(1000))
	send(2, measured(`{"temperature":900}`), "")
	send(3, measured(`{"temperature":1100}`), "is 1100 and device type furnace allows 0 to 1000 °C")
	send(4, measured(`{"temperature":900,"other":1}`), `"other" is none of device type furnace`)
	c.catalog.SetType(acme, "furnace", furnace(1200))
	send(5, measured(`{"temperature":1100}`), "")
	if status, body, _ := c.post(cert, measured(`{"temperature":1300}`)); status != 400 || body.Details[0].Reason != telemetry.ReasonOutOfRange {
		t.Errorf("http: %d %+v", status, body)
	}
	c.catalog.RemoveType(acme, "furnace")
	send(6, measured(`{"temperature":1300,"other":1}`), "")
	letters := c.letters(3)
	for i, want := range []telemetry.Reason{telemetry.ReasonOutOfRange, telemetry.ReasonUnknownMeasurement, telemetry.ReasonOutOfRange} {
		if letters[i].GetReason() != string(want) || letters[i].GetDeviceId() != "furnace" {
			t.Errorf("dead letter %d: %+v", i, letters[i])
		}
	}
}

func TestARetiredDevicesSessionIsCut(t *testing.T) {
	t.Parallel()
	c := setup(t)
	cert := c.device(acme, "old_press")
	m := c.client(cert, 5).connected()
	c.catalog.SetDevice(catalog.Device{
		Tenant: acme, ID: "old_press", Retired: true,
		Certificates: map[string]catalog.Certificate{serial(cert): {Revoked: true, NotAfter: time.Now().Add(time.Hour)}},
	})
	if d := m.read(packets.Disconnect); d.ReasonCode != 0x87 || !strings.Contains(d.Properties.ReasonString, "device old_press is retired") {
		t.Errorf("0x%02x %q", d.ReasonCode, d.Properties.ReasonString)
	}
}

func TestAGatewaySendsForAnotherUnderThatOnesType(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "named", Type: "furnace"})
	c.catalog.SetType(acme, "furnace", telemetry.NewSchema("furnace", nil, telemetry.UnknownDeadLetter))
	c.speaker(func(d *catalog.Device) { d.SpeaksForDevices = []string{"named"} })
	m := c.client(c.cert, 5).connected()
	if got := m.said("v1/devices/named/telemetry", 1, measured(`{"force":1}`)); !strings.Contains(got, `"force" is none of device type furnace`) {
		t.Errorf("for the other: %s", got)
	}
	if got := m.said("v1/telemetry", 2, measured(`{"force":1}`)); got != "0x00 " {
		t.Errorf("for itself: %s", got)
	}
}
