package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
)

// speaker makes press_01 a gateway.
func (c *cell) speaker(change func(*catalog.Device)) {
	d, _ := c.catalog.Device(acme, pressOne)
	change(&d)
	c.catalog.SetDevice(d)
}

// said publishes once and returns the answer.
func (c *client) said(topic string, id uint16, payload string) string {
	c.t.Helper()
	c.publish(topic, id, payload)
	ack := c.read(packets.Puback)
	return fmt.Sprintf("0x%02x %s", ack.ReasonCode, ack.Properties.ReasonString)
}

func TestAGatewaySendsForOthers(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "named"})
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "grouped", Groups: []string{"north"}})
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "foreign", Groups: []string{"south"}})
	c.catalog.SetDevice(catalog.Device{Tenant: globex, ID: "other", Groups: []string{"north"}})
	c.speaker(func(d *catalog.Device) {
		d.SpeaksForDevices, d.SpeaksForGroups = []string{"named", "missing"}, []string{"north"}
	})
	m := c.client(c.cert, 5).connected()
	topic := func(device string) string { return "v1/devices/" + device + "/telemetry" }
	for device, want := range map[string]string{
		"named":   "0x00 ",
		"grouped": "0x00 ",
		"foreign": "0x87 device press_01 may not send for device foreign: publish to v1/telemetry, or make it a gateway for that device first",
		"other":   "0x87 device press_01 may not send for device other: publish to v1/telemetry, or make it a gateway for that device first",
		"missing": "0x87 device missing does not exist: create it first",
	} {
		if got := m.said(topic(device), 7, `{"sequence":1,"quality":{"ok":true},"measurements":{"force":1}}`); got != want {
			t.Errorf("%s: %s", device, got)
		}
	}
	if got := m.said("v1/telemetry", 8, `{"sequence":2,"measurements":{"force":2}}`); got != "0x00 " {
		t.Errorf("for itself: %s", got)
	}
	post := func(device string) int {
		status, body, _ := c.postTo("/v1/devices/"+device+"/telemetry", c.cert, `{"sequence":3,"measurements":{"force":3}}`)
		if status >= 500 {
			t.Errorf("%s: %d %+v", device, status, body)
		}
		return status
	}
	for device, want := range map[string]int{"named": 202, "foreign": 403, "other": 403, "missing": 403, "b%20ad": 403} {
		if got := post(device); got != want {
			t.Errorf("posting for %s: %d, want %d", device, got, want)
		}
	}
	seen := map[string]int{}
	for _, ev := range c.stored(4) {
		if ev.Tenant != acme {
			t.Errorf("%+v", ev)
		}
		seen[ev.Device+" "+ev.Attributes]++
	}
	for _, want := range []string{
		`named {"gateway":"press_01","quality":{"ok":true}}`, `grouped {"gateway":"press_01","quality":{"ok":true}}`,
		`press_01 `, `named {"gateway":"press_01"}`,
	} {
		if seen[want] != 1 {
			t.Errorf("stored %v, want %s", seen, want)
		}
	}
}

func TestSuspendingEitherStopsWhatAGatewaySends(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "named"})
	c.speaker(func(d *catalog.Device) { d.SpeaksForDevices = []string{"named"} })
	m := c.client(c.cert, 5).connected()
	const topic = "v1/devices/named/telemetry"
	if got := m.said(topic, 1, measured(`{"a":1}`)); got != "0x00 " {
		t.Fatal(got)
	}
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "named", Suspended: true})
	if got := m.said(topic, 2, measured(`{"a":1}`)); got != "0x87 device named is suspended: resume it to let it send" {
		t.Error(got)
	}
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "named"})
	if got := m.said(topic, 3, measured(`{"a":1}`)); got != "0x00 " {
		t.Error(got)
	}
	c.speaker(func(d *catalog.Device) { d.SpeaksForDevices = nil })
	if got := m.said(topic, 4, measured(`{"a":1}`)); !strings.HasPrefix(got, "0x87 device press_01 may not send for device named") {
		t.Error(got)
	}
	c.speaker(func(d *catalog.Device) { d.Suspended = true })
	if d := m.read(packets.Disconnect); d.ReasonCode != 0x87 {
		t.Errorf("0x%02x", d.ReasonCode)
	}
}

func TestAGroupsPolicyHoldsAtOnce(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.speaker(func(d *catalog.Device) { d.Groups = []string{"presses"} })
	m := c.client(c.cert, 5).connected()
	long := "v1/devices/press_01/telemetry"
	if got := m.said(long, 1, measured(`{"a":1}`)); got != "0x00 " {
		t.Fatal(got)
	}
	c.catalog.SetGroup(catalog.Group{Tenant: acme, ID: "presses", Topics: []string{"v1/telemetry"}, PayloadBytes: 200})
	if got := m.said(long, 2, measured(`{"a":1}`)); got != "0x87 group presses does not allow device press_01 the topic "+long+": change the group's policy or the topic" {
		t.Error(got)
	}
	if got := m.said("v1/telemetry", 3, measured(`{"a":1}`)); got != "0x00 " {
		t.Error(got)
	}
	big := measured(`{"a":1}`) + strings.Repeat(" ", 200)
	if got := m.said("v1/telemetry", 4, big); !strings.HasPrefix(got, "0x97 limit payload_bytes of group presses: ") || !strings.Contains(got, "of 200 in use") {
		t.Error(got)
	}
	if status, body, _ := c.postTo("/v1/telemetry", c.cert, big); status != http.StatusRequestEntityTooLarge || !strings.Contains(body.Message, "limit payload_bytes of group presses") {
		t.Errorf("%d %+v", status, body)
	}
	if status, body, _ := c.postTo("/v1/devices/press_01/telemetry", c.cert, `{}`); status != http.StatusForbidden || !strings.Contains(body.Message, "group presses does not allow") {
		t.Errorf("%d %+v", status, body)
	}
	old := c.client(c.cert, 4).connected(func(pk *packets.Packet) { pk.Connect.ClientIdentifier = "old" })
	old.publish("v1/telemetry", 5, big)
	old.closed()
	c.catalog.RemoveGroup(acme, "presses")
	if got := m.said(long, 6, big); got != "0x00 " {
		t.Error(got)
	}
}
