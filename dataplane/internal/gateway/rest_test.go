package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
)

func soon(cfg *Config, _ *natsjs.StreamConfig) { cfg.RestAfter = 20 * time.Millisecond }

// resting waits until n sessions rest.
func (c *cell) resting(n int64) {
	c.t.Helper()
	for end := time.Now().Add(patience); c.Metrics.resting.Load() != n; {
		if time.Now().After(end) {
			c.t.Fatalf("%d sessions rest, want %d", c.Metrics.resting.Load(), n)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestARestingSessionIsThereWhenItsDeviceIs(t *testing.T) {
	t.Parallel()
	c := setup(t, soon)
	m := c.client(c.cert, 5).connected()
	for i := range uint16(3) {
		c.resting(1)
		m.publish("v1/telemetry", i+1, measured(`{"a":1}`))
		if ack := m.read(packets.Puback); ack.PacketID != i+1 || ack.ReasonCode != 0 {
			t.Fatalf("answer %d: %d 0x%02x", i+1, ack.PacketID, ack.ReasonCode)
		}
	}
	c.resting(1)
	half := encodePublish(nil, 5, "v1/telemetry", 9, measured(`{"a":2}`))
	m.write(half[:7])
	c.resting(0)
	c.resting(1) // with a part of a packet
	m.write(half[7:])
	m.read(packets.Puback)
	c.stored(4)
}

// A message of which the answer is late finds it, however long the connection rests meanwhile.
func TestARestingSessionIsAnswered(t *testing.T) {
	t.Parallel()
	c := setup(t, soon)
	m := c.client(c.cert, 5).connected()
	release := c.held.hold()
	m.publish("v1/telemetry", 1, measured(`{"a":1}`))
	c.resting(0)
	c.resting(1)
	release()
	m.read(packets.Puback)
}

func TestARestingSessionEnds(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		what, want string
		end        func(c *cell, m *client)
	}{
		{"its certificate is revoked", "0x87 certificate", func(c *cell, _ *client) {
			c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: pressOne, Certificates: map[string]catalog.Certificate{serial(c.cert): {Revoked: true}}})
		}},
		{"its keep-alive passes", "0x8d nothing was heard for 1.5s", func(*cell, *client) {}},
		{"another takes its place", "0x8e another connection", func(c *cell, _ *client) { c.client(c.cert, 5).connected() }},
		{"the gateway stops", "0x8b the server", func(c *cell, _ *client) { c.stop() }},
	} {
		t.Run(of.what, func(t *testing.T) {
			t.Parallel()
			c := setup(t, soon)
			m := c.client(c.cert, 5).connected(func(pk *packets.Packet) { pk.Connect.Keepalive = 1 })
			c.resting(1)
			of.end(c, m)
			bye := m.read(packets.Disconnect)
			if got := fmt.Sprintf("0x%02x %s", bye.ReasonCode, bye.Properties.ReasonString); !strings.HasPrefix(got, of.want) {
				t.Fatalf("got %q, want %q", got, of.want)
			}
			m.closed()
			c.resting(0)
		})
	}
}

func TestARestingSessionEndsWithItsCertificate(t *testing.T) {
	t.Parallel()
	c := setup(t, soon)
	cert := newLeaf(t, c.ca[acme], acme, "brief", time.Now().Add(1500*time.Millisecond))
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "brief", Certificates: map[string]catalog.Certificate{serial(cert): {NotAfter: cert.Leaf.NotAfter}}})
	m := c.client(cert, 5).connected()
	c.resting(1)
	if bye := m.read(packets.Disconnect); bye.ReasonCode != 0x87 || !strings.Contains(bye.Properties.ReasonString, "expired") {
		t.Fatalf("got 0x%02x %q", bye.ReasonCode, bye.Properties.ReasonString)
	}
	m.closed()
}

func TestARestingSessionWhoseClientIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	c := setup(t, soon)
	m := c.client(c.cert, 5).connected()
	c.resting(1)
	_ = m.conn.Close()
	c.none()
	if n := len(c.Connections()); n != 0 {
		t.Fatalf("%d tenants have sessions", n)
	}
}

// The client id outlives the buffer that it came in.
func TestAClientIDIsKept(t *testing.T) {
	t.Parallel()
	c := setup(t)
	m := c.client(c.cert, 5).connected()
	for i := range uint16(2) {
		m.publish("v1/telemetry", i+1, measured(`{"a":1}`))
		m.read(packets.Puback)
	}
	c.client(c.cert, 5).connected()
	if bye := m.read(packets.Disconnect); bye.ReasonCode != packets.ErrSessionTakenOver.Code {
		t.Fatalf("got 0x%02x %q", bye.ReasonCode, bye.Properties.ReasonString)
	}
}
