package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
)

const event = `{"sequence":%d,"measurements":{"force":%d}}`

func TestQoS1IsAnsweredWhenDurableAndNotBefore(t *testing.T) {
	t.Parallel()
	c := setup(t)
	for _, version := range []byte{4, 5} {
		m := c.client(c.cert, version).connected()
		release := c.held.hold()
		for i := range 3 {
			m.publish("v1/telemetry", uint16(i+1), fmt.Sprintf(event, i, i))
		}
		m.write([]byte{packets.Pingreq << 4, 0})
		m.read(packets.Pingresp)
		release()
		for i := range 3 {
			if ack := m.read(packets.Puback); ack.PacketID != uint16(i+1) || ack.ReasonCode != 0 {
				t.Fatalf("version %d: answer %d is %d 0x%02x", version, i, ack.PacketID, ack.ReasonCode)
			}
		}
		m.publish("v1/devices/press_01/telemetry", 0, fmt.Sprintf(event, 3, 3))
		m.publish("v1/devices/press_01/telemetry", 9, fmt.Sprintf(event, 4, 4))
		m.read(packets.Puback)
		m.write([]byte{packets.Disconnect << 4, 0})
		m.closed()
	}
	events := c.stored(10)
	for i, ev := range events {
		if ev.Tenant != acme || ev.Device != pressOne || ev.Sequence != uint64(i%5) || ev.Values[0] != float64(i%5) {
			t.Fatalf("event %d: %+v", i, ev)
		}
	}
}

func TestConnackOfVersion5SaysWhatIsSpoken(t *testing.T) {
	t.Parallel()
	c := setup(t)
	p := c.client(c.cert, 5).connect(func(pk *packets.Packet) {
		pk.Connect.ClientIdentifier, pk.Connect.Keepalive = "", 0
		pk.Properties.SessionExpiryInterval, pk.Properties.SessionExpiryIntervalFlag = 3600, true
	}).Properties
	if !strings.HasPrefix(p.AssignedClientID, "auto-") || p.ServerKeepAlive != 1200 || p.ReceiveMaximum != 1024 || p.MaximumQos != 1 ||
		!p.MaximumQosFlag || p.TopicAliasMaximum != 16 || p.MaximumPacketSize != 256<<10+headerBytes || !p.SessionExpiryIntervalFlag || p.SessionExpiryInterval != 0 {
		t.Fatalf("got %+v", p)
	}
}

func TestTopicAlias(t *testing.T) {
	t.Parallel()
	c := setup(t)
	m := c.client(c.cert, 5).connected()
	body := func(topic string, id byte) []byte {
		b := append([]byte{0, byte(len(topic))}, topic...)
		b = append(b, 0, id, 3, packets.PropTopicAlias, 0, 7)
		b = append(b, `{"measurements":{"a":1}}`...)
		return append([]byte{packets.Publish<<4 | 2, byte(len(b))}, b...)
	}
	m.write(body("v1/telemetry", 1))
	m.write(body("", 2))
	for range 2 {
		if ack := m.read(packets.Puback); ack.ReasonCode != 0 {
			t.Fatalf("0x%02x %s", ack.ReasonCode, ack.Properties.ReasonString)
		}
	}
}

func TestSubscribeIsRefusedTopicByTopic(t *testing.T) {
	t.Parallel()
	c := setup(t)
	for version, want := range map[byte]byte{4: 0x80, 5: 0x87} {
		m := c.client(c.cert, version).connected()
		sub := []byte{packets.Subscribe<<4 | 2, 10, 0, 7}
		if version == 5 {
			sub[1]++
			sub = append(sub, 0)
		}
		m.write(append(sub, 0, 1, 'a', 1, 0, 1, 'b', 0))
		ack := m.read(packets.Suback)
		if ack.PacketID != 7 || len(ack.ReasonCodes) != 2 || ack.ReasonCodes[0] != want || ack.ReasonCodes[1] != want {
			t.Fatalf("version %d: %+v", version, ack)
		}
	}
}

func TestTakeoverWithinADevice(t *testing.T) {
	t.Parallel()
	c := setup(t)
	first := c.client(c.cert, 5).connected()
	other := c.client(c.device(acme, "press_02"), 5).connected()
	c.client(c.cert, 5).connected()
	if d := first.read(packets.Disconnect); d.ReasonCode != 0x8e {
		t.Fatalf("got 0x%02x", d.ReasonCode)
	}
	first.closed()
	other.publish("v1/telemetry", 1, `{"measurements":{"a":1}}`)
	other.read(packets.Puback)
}

func TestKeepAliveIsEnforced(t *testing.T) {
	t.Parallel()
	c := setup(t)
	m := c.client(c.cert, 5).connected(func(pk *packets.Packet) { pk.Connect.Keepalive = 1 })
	if d := m.read(packets.Disconnect); d.ReasonCode != 0x8d {
		t.Fatalf("got 0x%02x", d.ReasonCode)
	}
	m.closed()
}

func TestCatalogChangesCutSessions(t *testing.T) {
	t.Parallel()
	c := setup(t)
	cut := map[string]func(string, string){
		"certificate_revoked": func(device, serial string) {
			c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: device, Certificates: map[string]catalog.Certificate{serial: {Revoked: true}}})
		},
		"suspended":      func(device, _ string) { c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: device, Suspended: true}) },
		"does not exist": func(device, _ string) { c.catalog.RemoveDevice(acme, device) },
	}
	i := 0
	for reason, change := range cut {
		i++
		device := fmt.Sprint("cut_", i)
		cert := c.device(acme, device)
		m := c.client(cert, 5).connected()
		change(device, serial(cert))
		d := m.read(packets.Disconnect)
		if d.ReasonCode != 0x87 || !strings.Contains(d.Properties.ReasonString, strings.TrimPrefix(reason, "certificate_")) {
			t.Fatalf("%s: 0x%02x %q", reason, d.ReasonCode, d.Properties.ReasonString)
		}
		m.closed()
	}
	m := c.client(c.device(globex, "g1"), 4).connected()
	tenant := c.tenant(globex)
	tenant.Suspended = true
	c.catalog.SetTenant(tenant)
	m.closed()
}

func TestDrainAnswersWhatIsDueAndSaysGoodbye(t *testing.T) {
	t.Parallel()
	c := setup(t)
	m := c.client(c.cert, 5).connected()
	release := c.held.hold()
	m.publish("v1/telemetry", 1, `{"measurements":{"a":1}}`)
	m.write([]byte{packets.Pingreq << 4, 0})
	m.read(packets.Pingresp)
	stopped := make(chan struct{})
	go func() { defer close(stopped); c.stop() }()
	time.AfterFunc(50*time.Millisecond, release)
	m.read(packets.Puback)
	if d := m.read(packets.Disconnect); d.ReasonCode != 0x8b {
		t.Fatalf("got 0x%02x", d.ReasonCode)
	}
	m.closed()
	_ = m.conn.Close()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("the gateway does not stop")
	}
}
