package gateway

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// client speaks raw MQTT.
type client struct {
	t       testing.TB
	conn    net.Conn
	in      *packetReader
	version byte
}

func (c *cell) dial(cert tls.Certificate) net.Conn {
	c.t.Helper()
	conn, err := tls.Dial("tcp", c.Addrs().MQTT, c.tls(cert))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (c *cell) client(cert tls.Certificate, version byte) *client {
	return newClient(c.t, c.dial(cert), version)
}

func newClient(t testing.TB, conn net.Conn, version byte) *client {
	return &client{t: t, conn: conn, version: version, in: newPacketReader(conn, func() error {
		return conn.SetReadDeadline(time.Now().Add(patience))
	})}
}

// connect sends a CONNECT and returns the answer.
func (c *client) connect(change ...func(*packets.Packet)) packets.Packet {
	c.t.Helper()
	pk := packets.Packet{ProtocolVersion: c.version}
	pk.FixedHeader.Type = packets.Connect
	pk.Connect.ProtocolName, pk.Connect.Clean, pk.Connect.Keepalive, pk.Connect.ClientIdentifier = []byte("MQTT"), true, 30, "c1"
	for _, f := range change {
		f(&pk)
	}
	var buf bytes.Buffer
	if err := pk.ConnectEncode(&buf); err != nil {
		c.t.Fatal(err)
	}
	c.write(buf.Bytes())
	return c.read(packets.Connack)
}

func (c *client) connected(change ...func(*packets.Packet)) *client {
	c.t.Helper()
	if ack := c.connect(change...); ack.ReasonCode != 0 {
		c.t.Fatalf("refused with 0x%02x %s", ack.ReasonCode, ack.Properties.ReasonString)
	}
	return c
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// publish sends a PUBLISH; an id of 0 means QoS 0.
func (c *client) publish(topic string, id uint16, payload string) {
	c.t.Helper()
	c.write(encodePublish(nil, c.version, topic, id, payload))
}

func encodePublish(dst []byte, version byte, topic string, id uint16, payload string) []byte {
	body := binary.BigEndian.AppendUint16(nil, uint16(len(topic)))
	body = append(body, topic...)
	first := packets.Publish << 4
	if id > 0 {
		first |= 2
		body = binary.BigEndian.AppendUint16(body, id)
	}
	if version == 5 {
		body = append(body, 0)
	}
	body = append(body, payload...)
	dst = binary.AppendUvarint(append(dst, first), uint64(len(body)))
	return append(dst, body...)
}

// read returns the next packet, which must be of the type.
func (c *client) read(want byte) packets.Packet {
	c.t.Helper()
	first, body, err := c.in.next(1 << 20)
	if err != nil {
		c.t.Fatalf("read %s: %v", packets.PacketNames[want], err)
	}
	pk := packets.Packet{ProtocolVersion: c.version}
	pk.FixedHeader.Type, pk.FixedHeader.Remaining = first>>4, len(body)
	switch pk.FixedHeader.Type {
	case packets.Connack:
		err = pk.ConnackDecode(body)
	case packets.Puback:
		err = pk.PubackDecode(body)
	case packets.Disconnect:
		err = pk.DisconnectDecode(body)
	case packets.Suback:
		err = pk.SubackDecode(body)
	case packets.Unsuback:
		err = pk.UnsubackDecode(body)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	if pk.FixedHeader.Type != want {
		c.t.Fatalf("got %s 0x%02x %q, want %s", packets.PacketNames[pk.FixedHeader.Type], pk.ReasonCode, pk.Properties.ReasonString, packets.PacketNames[want])
	}
	return pk
}

// closed waits for the end of the connection.
func (c *client) closed() {
	c.t.Helper()
	if first, _, err := c.in.next(1 << 20); err == nil {
		c.t.Fatalf("got %s, want the end of the connection", packets.PacketNames[first>>4])
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() { //nolint:errorlint // as it comes
		c.t.Fatal("the connection stays open")
	} else if err != io.EOF { //nolint:errorlint // as it comes
		c.t.Logf("closed with %v", err)
	}
}
