package gateway

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/natswire"
)

// tape is a connection that says what is on it and keeps what it hears.
type tape struct {
	net.Conn
	says  io.Reader
	hears bytes.Buffer
}

func (t *tape) Read(b []byte) (int, error)     { return t.says.Read(b) }
func (t *tape) Write(b []byte) (int, error)    { return t.hears.Write(b) }
func (*tape) SetReadDeadline(time.Time) error  { return nil }
func (*tape) SetWriteDeadline(time.Time) error { return nil }

// FuzzNATS lets a device say whatever bytes. Each line of what it hears is one of the protocol, nothing stays unanswered, and only its own
// events go on.
func FuzzNATS(f *testing.F) {
	c := setup(f)
	d := &drain{}
	c.Publisher, c.DeadLetters = d, letterDrain{d}
	id, err := c.verify(chainOf(c))
	if err != nil {
		f.Fatal(err)
	}
	payload := measured(`{"a":1}`)
	f.Add([]byte("PING\r\nSUB _INBOX.a 1\r\nPUB v1.telemetry _INBOX.a 24\r\n" + payload + "\r\nUNSUB 1\r\n"))
	f.Add([]byte("SUB _INBOX.> 1\r\nUNSUB 1 2\r\nPUB v1.devices.press_02.telemetry _INBOX.a 2\r\n{}\r\nPUB a.* 0\r\n\r\n"))
	f.Add([]byte("SUB _INBOX.a 1\r\nHPUB v1.telemetry _INBOX.a 88 90\r\nNATS/1.0\r\nNats-Msg-Id: 1\r\nNats-Expected-Last-Msg-Id: 2\r\nMillwright-Time: 2026-01-01T00:00:00Z\r\n\r\n{}\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d.frame.Reset()
		d.events, d.letters = 0, 0
		s := &natsSession{g: c.Gateway, waiting: map[uint64]*natsAnswer{}, slots: make(chan struct{}, c.cfg.ReceiveMaximum), log: c.Log, name: "fuzz"}
		s.id, s.limit, s.alive, s.told = id, 1<<12, true, true
		s.accepted, s.bytes = c.Metrics.accepted.WithLabelValues(protocolNATS), c.Metrics.bytes.WithLabelValues(protocolNATS)
		conn := &tape{says: bytes.NewReader(data)}
		s.open(t.Context(), conn)
		s.in = natswire.NewReader(&heardReader{s})
		for {
			op, err := s.in.Next(s.limit + natsHeaderBytes)
			if err != nil || !s.handle(&op) {
				break
			}
		}
		if len(s.waiting) > 0 || len(s.slots) > 0 || len(s.subscriptions) > subscriptionsMost {
			t.Fatalf("%d messages wait, %d slots are taken, %d subscriptions", len(s.waiting), len(s.slots), len(s.subscriptions))
		}
		s.shut()
		heard(t, conn.hears.String()+string(s.out))
		got, err := frame.NewDecoder().Decode(d.frame.Finish(1))
		if err != nil || len(got.Events) != d.events {
			t.Fatalf("%d events of %d come back: %v", len(got.Events), d.events, err)
		}
		for i := range got.Events {
			if got.Events[i].Tenant != acme || got.Events[i].Device != pressOne {
				t.Fatalf("an event of %s %s", got.Events[i].Tenant, got.Events[i].Device)
			}
		}
	})
}

// heard holds what a client hears against the protocol.
func heard(t *testing.T, text string) {
	t.Helper()
	for len(text) > 0 {
		line, rest, ok := strings.Cut(text, "\r\n")
		if !ok {
			t.Fatalf("%q does not end", line)
		}
		text = rest
		if strings.HasPrefix(line, "MSG _INBOX.") {
			if _, text, ok = strings.Cut(rest, "\r\n"); !ok {
				t.Fatalf("%q has no payload", line)
			}
			continue
		}
		if line != "PONG" && !strings.HasPrefix(line, "-ERR '") {
			t.Fatalf("it hears %q", line)
		}
	}
}
