package gateway

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
)

// wire speaks raw NATS.
type wire struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (c *cell) wire(t *testing.T, cert tls.Certificate) *wire {
	t.Helper()
	conn, err := tls.Dial("tcp", c.Addrs().NATS, c.tls(cert))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	w := &wire{t, conn, bufio.NewReader(conn)}
	w.read("INFO {")
	return w
}

func (w *wire) write(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Fatal(err)
	}
}

// read returns the next line, which must begin with the words.
func (w *wire) read(words string) string {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := w.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, words) {
		w.t.Fatalf("%q %v, want %q", line, err, words)
	}
	return line
}

func (w *wire) closed() {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	rest, err := io.ReadAll(w.in)
	if ne, ok := err.(net.Error); ok && ne.Timeout() || len(rest) > 0 { //nolint:errorlint // as it comes
		w.t.Fatalf("%q %v, want the end of the connection", rest, err)
	}
}

func TestANATSSessionIsCutWithItsReason(t *testing.T) {
	t.Parallel()
	c := setup(t)
	cert := c.device(globex, "g1")
	device, _ := c.catalog.Device(globex, "g1")
	for what, cut := range map[string]func(){
		"is suspended: resume it": func() { d := device; d.Suspended = true; c.catalog.SetDevice(d) },
		"is revoked: issue a new one": func() {
			d := device
			d.Certificates = map[string]catalog.Certificate{serial(cert): {NotAfter: cert.Leaf.NotAfter, Revoked: true}}
			c.catalog.SetDevice(d)
		},
		"invoice 7 is not paid": func() {
			tenant := c.tenant(globex)
			tenant.Suspended, tenant.Suspension = true, "invoice 7 is not paid"
			c.catalog.SetTenant(tenant)
		},
	} {
		w := c.wire(t, cert)
		w.write("CONNECT {}\r\nPING\r\n")
		w.read("PONG")
		cut()
		if line := w.read("-ERR 'User Authentication Revoked: "); !strings.Contains(line, what) {
			t.Errorf("cut with %q, want %q", line, what)
		}
		w.closed()
		w = c.wire(t, cert)
		w.write("CONNECT {}\r\n")
		if line := w.read("-ERR 'Authorization Violation: "); !strings.Contains(line, what) {
			t.Errorf("refused with %q, want %q", line, what)
		}
		w.closed()
		c.catalog.SetDevice(device)
		c.catalog.SetTenant(c.tenant(globex))
	}
	if c.Connections()[globex] != 0 {
		t.Errorf("%d sessions stay", c.Connections()[globex])
	}
}

func TestAnExpiredCertificateEndsItsNATSSession(t *testing.T) {
	t.Parallel()
	c := setup(t)
	cert := newLeaf(t, c.ca[acme], acme, "brief", time.Now().Add(2*time.Second).Truncate(time.Second))
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "brief", Certificates: map[string]catalog.Certificate{serial(cert): {NotAfter: cert.Leaf.NotAfter}}})
	w := c.wire(t, cert)
	w.write("CONNECT {}\r\nPING\r\n")
	w.read("PONG")
	w.read("-ERR 'User Authentication Expired: the certificate of device brief expired: issue a new one'")
	w.closed()
}

func TestANATSRequestAboveARateHearsWhichAndWhenToComeAgain(t *testing.T) {
	t.Parallel()
	c := setup(t)
	tenant := c.tenant(globex)
	tenant.Limits.EventsPerSecond, tenant.Limits.EventsBurst = 1, 3
	c.catalog.SetTenant(tenant)
	nc := c.nats(c.device(globex, "g1"))
	batch := "[" + strings.Repeat(measured(`{"a":1}`)+",", 2) + measured(`{"a":1}`) + "]"
	if got := request(t, nc, "v1.telemetry", batch); got.Accepted != 3 {
		t.Fatalf("the burst: %+v", got)
	}
	for range 2 { // the second one is refused unread
		got := request(t, nc, "v1.telemetry", batch)
		if got.Error.Code != 429 || got.Limit.Limit != "events_per_second" || got.Limit.Scope != "tenant" || got.Limit.Maximum != 1 || got.Limit.RetryAfterSeconds <= 0 ||
			!strings.Contains(got.Error.Description, "retry in") {
			t.Fatalf("above it: %+v", got)
		}
	}
}

func TestWhatIsTooMuchOverNATS(t *testing.T) {
	t.Parallel()
	c := setup(t, func(cfg *Config, _ *natsjs.StreamConfig) { cfg.PingInterval = time.Hour })
	tenant := c.tenant(globex)
	tenant.Limits.PayloadBytes, tenant.Limits.Connections = 1000, 2
	c.catalog.SetTenant(tenant)
	cert := c.device(globex, "g1")
	nc := c.nats(cert)
	deadline := time.Now().Add(patience)
	for nc.MaxPayload() != 1000+natsHeaderBytes { // told behind the first PONG
		if err := nc.Flush(); err != nil || time.Now().After(deadline) {
			t.Fatalf("max payload %d: %v", nc.MaxPayload(), err)
		}
	}
	large := measured(`{"a":1` + strings.Repeat(" ", 1000) + `}`)
	if got := request(t, nc, "v1.telemetry", large); got.Error.Code != 413 || got.Limit.Limit != "payload_bytes" || got.Limit.Maximum != 1000 {
		t.Errorf("payload: %+v", got)
	}
	for what, bad := range map[string]struct{ text, words string }{
		"whole message": {fmt.Sprintf("PUB v1.telemetry %d\r\n", 1001+natsHeaderBytes), "-ERR 'Maximum Payload Violation: "},
		"line":          {"PUB " + strings.Repeat("a", 5000), "-ERR 'Maximum Control Line Exceeded'"},
		"operation":     {"GET / HTTP/1.1\r\n", "-ERR 'Unknown Protocol Operation'"},
		"numbers":       {"PUB v1.telemetry x\r\n", "-ERR 'Parser Error'"},
		"wildcard":      {"PUB v1.> 2\r\n{}\r\n", "-ERR 'Invalid Publish Subject"},
		"inbox":         {"SUB _INBOX..x 1\r\n", "-ERR 'Invalid Subject"},
	} {
		w := c.wire(t, cert)
		w.write("CONNECT {}\r\n" + bad.text)
		if line := w.read("-ERR"); !strings.HasPrefix(line, bad.words) {
			t.Errorf("%s: %s", what, line)
		}
		w.closed()
	}
	w := c.wire(t, cert)
	w.write("CONNECT {}\r\n")
	for i := range subscriptionsMost {
		w.write(fmt.Sprintf("SUB _INBOX.%d.* %d\r\n", i, i))
	}
	w.write("PING\r\nSUB _INBOX.x 99\r\nUNSUB 3\r\nSUB _INBOX.x 99\r\nPING\r\n")
	w.read("PONG")
	w.read("INFO")
	w.read("-ERR 'Maximum Subscriptions Exceeded'")
	w.read("PONG")
	third := c.wire(t, cert)
	third.write("CONNECT {}\r\n")
	third.read("-ERR 'maximum account active connections exceeded'")
	third.closed()
}

func TestASubscriptionEndsAfterWhatItAskedFor(t *testing.T) {
	t.Parallel()
	c := setup(t)
	w := c.wire(t, c.cert)
	payload := measured(`{"a":1}`)
	pub := fmt.Sprintf("PUB v1.telemetry _INBOX.a %d\r\n%s\r\n", len(payload), payload)
	w.write("CONNECT {\"verbose\":true}\r\nSUB _INBOX.* 5\r\nUNSUB 5 1\r\n" + pub)
	for range 4 {
		w.read("+OK")
	}
	w.read("MSG _INBOX.a 5 ")
	w.read(`{"stream":"telemetry","seq":1`)
	w.write(pub)
	w.read("+OK")
	c.stored(2) // the second answer had nobody to go to
	w.write("PING\r\n")
	w.read("PONG")
}

func TestASilentNATSClientIsAskedAndThenCut(t *testing.T) {
	t.Parallel()
	c := setup(t, func(cfg *Config, _ *natsjs.StreamConfig) { cfg.PingInterval = 100 * time.Millisecond })
	live := c.nats(c.cert) // answers by itself
	w := c.wire(t, c.cert)
	w.write("CONNECT {}\r\n")
	w.read("PING")
	for line := w.read(""); !strings.HasPrefix(line, "-ERR"); line = w.read("") {
		if line != "PING\r\n" {
			t.Fatalf("%q", line)
		}
	}
	w.closed()
	if !live.IsConnected() {
		t.Error("a client that answers was cut")
	}
}

func TestAStoppingGatewayAnswersWhatIsDueAndSendsNATSClientsAway(t *testing.T) {
	t.Parallel()
	c := setup(t)
	lame, gone := make(chan struct{}, 1), make(chan error, 1)
	nc := c.nats(c.cert, nats.LameDuckModeHandler(func(*nats.Conn) { lame <- struct{}{} }), nats.ClosedHandler(func(nc *nats.Conn) { gone <- nc.LastError() }))
	release := c.held.hold()
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(nc.PublishRequest("v1.telemetry", inbox, []byte(measured(`{"a":1}`))), nc.Flush()); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); c.stop() }()
	select {
	case <-lame:
	case <-time.After(patience):
		t.Fatal("the client was not told")
	}
	release()
	if msg, err := answers.NextMsg(patience); err != nil || !strings.Contains(string(msg.Data), `"accepted":1`) {
		t.Fatalf("%v %v", msg, err)
	}
	select {
	case err := <-gone:
		if err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the connection stays")
	}
	<-stopped
}

func TestNATSClientsWithoutACertificateAreNobody(t *testing.T) {
	t.Parallel()
	c := setup(t)
	if nc, err := c.natsDial(tls.Certificate{}); err == nil {
		nc.Close()
		t.Error("without a certificate")
	}
	foreign := newLeaf(t, newCA(t, nil, "foreign"), acme, pressOne, time.Now().Add(time.Hour))
	for _, option := range []nats.Option{nats.Name("x"), nats.UserInfo("press_01", "secret"), nats.Token("secret")} {
		if _, err := c.natsDial(foreign, option); err == nil || !strings.Contains(err.Error(), "was not issued by this installation") {
			t.Errorf("with a foreign one: %v", err)
		}
	}
	all := c.sessions.all()
	if slices.ContainsFunc(all, func(live) bool { return true }) {
		t.Errorf("%d sessions", len(all))
	}
}
