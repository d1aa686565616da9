package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/mochi-mqtt/server/v2/packets"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

func measured(v string) string { return `{"measurements":` + v + `}` }

// badPayloads are refused with a reason and kept as dead letters, on every protocol.
var badPayloads = []struct {
	payload string
	reason  telemetry.Reason
}{
	{`{"measurements":{"a":1`, telemetry.ReasonCutOff},
	{`hello`, telemetry.ReasonInvalidJSON},
	{measured(`{"a":NaN}`), telemetry.ReasonNotFinite},
	{measured(`{"a":-Infinity}`), telemetry.ReasonNotFinite},
	{measured(`{"a":1e999}`), telemetry.ReasonNotFinite},
	{measured(`{"a":"warm"}`), telemetry.ReasonWrongType},
	{measured(`{}`), telemetry.ReasonNoMeasurements},
	{`{"timestamp":"1970-01-01T00:00:00Z","measurements":{"a":1}}`, telemetry.ReasonTooOld},
	{`{"timestamp":"2100-01-01T00:00:00Z","measurements":{"a":1}}`, telemetry.ReasonFuture},
	{`{"deviceId":"press_02","measurements":{"a":1}}`, telemetry.ReasonDeviceMismatch},
	{"{\"x\":\"\xff\",\"measurements\":{\"a\":1}}", telemetry.ReasonInvalidUTF8},
}

func TestBadPayloadsOverMQTT(t *testing.T) {
	t.Parallel()
	for _, version := range []byte{4, 5} {
		c := setup(t)
		m := c.client(c.cert, version).connected()
		for i, bad := range badPayloads {
			m.publish("v1/telemetry", uint16(i+1), bad.payload)
			ack := m.read(packets.Puback)
			if ack.PacketID != uint16(i+1) || version == 5 && (ack.ReasonCode != 0x99 || ack.Properties.ReasonString == "") {
				t.Errorf("version %d, %s: 0x%02x %q", version, bad.payload, ack.ReasonCode, ack.Properties.ReasonString)
			}
		}
		for i, letter := range c.letters(len(badPayloads)) {
			if letter.GetReason() != string(badPayloads[i].reason) || string(letter.GetPayload()) != badPayloads[i].payload ||
				letter.GetDeviceId() != pressOne || letter.GetTenantId() != string(acme) || letter.GetProtocol() != "mqtt" || letter.GetDetail() == "" {
				t.Errorf("dead letter %d: %+v", i, letter)
			}
		}
	}
}

func TestGoodEventsOfABadPayloadAreStored(t *testing.T) {
	t.Parallel()
	c := setup(t)
	m := c.client(c.cert, 5).connected()
	m.publish("v1/telemetry", 1, "["+measured(`{"a":1}`)+","+measured(`{"a":null}`)+","+measured(`{"a":3}`)+"]")
	ack := m.read(packets.Puback)
	if want := `1 of 3 events are refused: event 1: "a" is null`; !strings.HasPrefix(ack.Properties.ReasonString, want) {
		t.Fatalf("got %q", ack.Properties.ReasonString)
	}
	if events := c.stored(2); events[1].Values[0] != 3 {
		t.Fatalf("got %+v", events)
	}
	c.letters(1)
}

func TestBadPacketsEndTheConnectionWithAReason(t *testing.T) {
	t.Parallel()
	c := setup(t)
	cases := []struct {
		name   string
		packet []byte
		code   byte
	}{
		{"qos 2", []byte{packets.Publish<<4 | 4, 6, 0, 1, 'a', 0, 1, 0}, 0x9b},
		{"qos 3", []byte{packets.Publish<<4 | 6, 6, 0, 1, 'a', 0, 1, 0}, 0x82},
		{"topic longer than the packet", []byte{packets.Publish << 4, 3, 9, 9, 'a'}, 0x81},
		{"packet id 0", []byte{packets.Publish<<4 | 2, 6, 0, 1, 'a', 0, 0, 0}, 0x82},
		{"properties longer than the packet", []byte{packets.Publish << 4, 4, 0, 1, 'a', 99}, 0x81},
		{"unknown alias", []byte{packets.Publish << 4, 6, 0, 0, 3, 35, 0, 3}, 0x82},
		{"alias out of range", []byte{packets.Publish << 4, 6, 0, 0, 3, 35, 0, 17}, 0x94},
		{"wildcard", []byte{packets.Publish << 4, 4, 0, 1, '#', 0}, 0x82},
		{"length of five bytes", []byte{packets.Publish << 4, 0xff, 0xff, 0xff, 0xff, 1}, 0x81},
		{"larger than the limit", append([]byte{packets.Publish << 4, 0x80, 0x80, 0x40}, bytes.Repeat([]byte{1}, 1<<20)...), 0x95},
		{"second connect", []byte{packets.Connect << 4, 0}, 0x82},
		{"packet type 0", []byte{0, 0}, 0x81},
		{"flags of ping", []byte{packets.Pingreq<<4 | 3, 0}, 0x81},
		{"puback from a client", []byte{packets.Puback << 4, 2, 0, 1}, 0x82},
		{"subscribe without options", []byte{packets.Subscribe<<4 | 2, 6, 0, 1, 0, 0, 1, 'a'}, 0x81},
		{"subscribe without filters", []byte{packets.Subscribe<<4 | 2, 3, 0, 1, 0}, 0x81},
	}
	for _, bad := range cases {
		m := c.client(c.cert, 5).connected(func(pk *packets.Packet) { pk.Connect.ClientIdentifier = bad.name })
		_, _ = m.conn.Write(bad.packet) // it may be closed before it has read all
		if d := m.read(packets.Disconnect); d.ReasonCode != bad.code || d.Properties.ReasonString == "" {
			t.Errorf("%s: 0x%02x %q", bad.name, d.ReasonCode, d.Properties.ReasonString)
		}
		m.closed()
		if bad.name == "properties longer than the packet" || bad.name == "unknown alias" || strings.HasPrefix(bad.name, "subscribe") {
			continue // other bytes in 3.1.1
		}
		m = c.client(c.cert, 4).connected(func(pk *packets.Packet) { pk.Connect.ClientIdentifier = bad.name })
		_, _ = m.conn.Write(bad.packet)
		m.closed()
	}
}

func TestPayloadOverTheTenantsLimit(t *testing.T) {
	t.Parallel()
	c := setup(t)
	tenant := c.tenant(acme)
	tenant.Limits.PayloadBytes = 2000
	c.catalog.SetTenant(tenant)
	m := c.client(c.cert, 5).connected()
	m.publish("v1/telemetry", 1, measured(`{"a":1}`)+strings.Repeat(" ", 2000))
	if d := m.read(packets.Disconnect); d.ReasonCode != 0x95 || !strings.Contains(d.Properties.ReasonString, "2000 are allowed") {
		t.Fatalf("0x%02x %q", d.ReasonCode, d.Properties.ReasonString)
	}
}

func TestWrongTopics(t *testing.T) {
	t.Parallel()
	c := setup(t)
	m := c.client(c.cert, 5).connected()
	for topic, want := range map[string]string{
		"sensors/a":                     "0x90 topic sensors/a is not known: publish to v1/telemetry",
		"v1/devices/press_02/telemetry": "0x87 device press_01 may not send for device press_02: publish to v1/telemetry, or make it a gateway for that device first",
		"v1/devices//telemetry":         "0x90 topic v1/devices//telemetry is not known: publish to v1/telemetry",
		"v1/telemetry/":                 "0x90 topic v1/telemetry/ is not known: publish to v1/telemetry",
		"":                              "0x90 topic  is not known: publish to v1/telemetry",
	} {
		m.publish(topic, 5, measured(`{"a":1}`))
		ack := m.read(packets.Puback)
		if got := fmt.Sprintf("0x%02x %s", ack.ReasonCode, ack.Properties.ReasonString); got != want {
			t.Errorf("%q: %s", topic, got)
		}
	}
	old := c.client(c.cert, 4).connected(func(pk *packets.Packet) { pk.Connect.ClientIdentifier = "old" })
	old.publish("sensors/a", 5, measured(`{"a":1}`))
	old.closed()
}

func TestBadConnects(t *testing.T) {
	t.Parallel()
	c := setup(t)
	m := c.client(c.cert, 4)
	if ack := m.connect(func(pk *packets.Packet) { pk.ProtocolVersion = 6 }); ack.ReasonCode != 1 {
		t.Errorf("protocol 6: 0x%02x", ack.ReasonCode)
	}
	m = c.client(c.cert, 4)
	if ack := m.connect(func(pk *packets.Packet) { pk.Connect.Clean, pk.Connect.ClientIdentifier = false, "" }); ack.ReasonCode != 2 {
		t.Errorf("empty client id: 0x%02x", ack.ReasonCode)
	}
	m = c.client(c.cert, 5)
	m.write([]byte{packets.Connect << 4, 8, 0, 4, 'M', 'Q', 'T', 'T', 5, 2})
	if ack := m.read(packets.Connack); ack.ReasonCode != 0x81 {
		t.Errorf("cut-off CONNECT: 0x%02x", ack.ReasonCode)
	}
	m = c.client(c.cert, 5)
	m.publish("v1/telemetry", 1, "{}")
	m.closed()
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	c := setup(t)
	day := 24 * time.Hour
	unlisted := newLeaf(t, c.ca[acme], acme, pressOne, time.Now().Add(day))
	suspended := c.device(acme, "asleep")
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "asleep", Suspended: true, Certificates: map[string]catalog.Certificate{serial(suspended): {}}})
	retired := c.device(acme, "scrapped")
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "scrapped", Retired: true, Certificates: map[string]catalog.Certificate{serial(retired): {Revoked: true}}})
	revoked := c.device(acme, "gone")
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "gone", Certificates: map[string]catalog.Certificate{serial(revoked): {Revoked: true}}})
	stranger := newCA(t, newCA(t, nil, "other root"), "other")
	cases := []struct {
		name   string
		cert   tls.Certificate
		status int
		words  string
	}{
		{"expired", newLeaf(t, c.ca[acme], acme, pressOne, time.Now().Add(-day)), 401, "expired on 20"},
		{"not yet valid", newLeaf(t, c.ca[acme], acme, pressOne, time.Now().Add(5*day)), 401, "is valid from"},
		{"foreign root", newLeaf(t, stranger, acme, pressOne, time.Now().Add(day)), 401, "not issued by this installation"},
		{"another tenant's authority", newLeaf(t, c.ca[globex], acme, pressOne, time.Now().Add(day)), 401, "not issued by the authority of its organisation"},
		{"no device in it", newLeaf(t, c.ca[acme], acme, "a/b", time.Now().Add(day)), 401, "names no device"},
		{"unknown tenant", newLeaf(t, c.ca[acme], "cccccccccccccccc", pressOne, time.Now().Add(day)), 403, "is not on this cell"},
		{"unknown device", newLeaf(t, c.ca[acme], acme, "nobody", time.Now().Add(day)), 403, "device nobody does not exist"},
		{"serial unknown", unlisted, 403, "is not one of device press_01"},
		{"suspended", suspended, 403, "device asleep is suspended"},
		{"retired", retired, 403, "device scrapped is retired"},
		{"revoked", revoked, 403, "of device gone is revoked"},
	}
	for _, bad := range cases {
		if ack := c.client(bad.cert, 4).connect(); ack.ReasonCode != 5 {
			t.Errorf("%s, 3.1.1: 0x%02x", bad.name, ack.ReasonCode)
		}
		if ack := c.client(bad.cert, 5).connect(); ack.ReasonCode != 0x87 || !strings.Contains(ack.Properties.ReasonString, bad.words) {
			t.Errorf("%s, 5: 0x%02x %q", bad.name, ack.ReasonCode, ack.Properties.ReasonString)
		}
		status, body, _ := c.post(bad.cert, measured(`{"a":1}`))
		if status != bad.status || !strings.Contains(body.Message, bad.words) {
			t.Errorf("%s, http: %d %q", bad.name, status, body.Message)
		}
	}
}

// post sends a request as a device.
func (c *cell) post(cert tls.Certificate, payload string, header ...string) (int, refusal, http.Header) {
	c.t.Helper()
	return c.postTo("/v1/telemetry", cert, payload, header...)
}

func (c *cell) postTo(path string, cert tls.Certificate, payload string, header ...string) (int, refusal, http.Header) {
	c.t.Helper()
	transport := &http.Transport{TLSClientConfig: c.tls(cert), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "https://"+c.Addrs().HTTP+path, strings.NewReader(payload))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var body refusal
	if err := json.Unmarshal(raw, &body); err != nil {
		c.t.Fatalf("%d %s: %v", resp.StatusCode, raw, err)
	}
	return resp.StatusCode, body, resp.Header
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	c := setup(t)
	status, body, _ := c.post(c.cert, measured(`{"a":1}`)+"\n"+measured(`{"a":2}`))
	if status != 202 || body.Accepted != 2 {
		t.Fatalf("%d %+v", status, body)
	}
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	_, _ = zw.Write([]byte(measured(`{"a":3}`)))
	_ = zw.Close()
	if status, body, _ = c.post(c.cert, packed.String(), "Content-Encoding", "gzip"); status != 202 || body.Accepted != 1 {
		t.Fatalf("gzip: %d %+v", status, body)
	}
	if events := c.stored(3); events[2].Values[0] != 3 {
		t.Fatalf("got %+v", events)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	c := setup(t)
	for _, bad := range badPayloads {
		status, body, _ := c.post(c.cert, bad.payload)
		if status != 400 || len(body.Details) != 1 || body.Details[0].Reason != bad.reason || body.Message == "" {
			t.Errorf("%s: %d %+v", bad.payload, status, body)
		}
	}
	status, body, _ := c.post(c.cert, "["+measured(`{"a":1}`)+",7]")
	if status != 400 || body.Accepted != 1 || len(body.Details) != 1 || body.Details[0].Event != 1 {
		t.Errorf("partly good: %d %+v", status, body)
	}
	c.letters(len(badPayloads) + 1)
	if status, _, _ := c.post(c.cert, strings.Repeat(" ", 256<<10+1)); status != 413 {
		t.Errorf("too large: %d", status)
	}
	var bomb bytes.Buffer
	zw := gzip.NewWriter(&bomb)
	_, _ = zw.Write(make([]byte, 64<<20))
	_ = zw.Close()
	if status, _, _ := c.post(c.cert, bomb.String(), "Content-Encoding", "gzip"); status != 413 {
		t.Errorf("gzip bomb: %d", status)
	}
	if status, _, _ := c.post(c.cert, "x", "Content-Encoding", "gzip"); status != 400 {
		t.Errorf("not gzip: %d", status)
	}
	if status, _, _ := c.post(c.cert, "x", "Content-Encoding", "br"); status != 415 {
		t.Errorf("unknown encoding: %d", status)
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	c := setup(t, func(cfg *Config, _ *natsjs.StreamConfig) { cfg.AdmissionWait = 20 * time.Millisecond })
	tenant := c.tenant(acme)
	tenant.Limits.EventsPerSecond, tenant.Limits.EventsBurst = 5, 2
	c.catalog.SetTenant(tenant)
	m := c.client(c.cert, 5).connected()
	for i := range 4 {
		m.publish("v1/telemetry", uint16(i+1), measured(`{"a":1}`))
	}
	for i := range 4 {
		ack := m.read(packets.Puback)
		if i < 2 != (ack.ReasonCode == 0) {
			t.Fatalf("answer %d: 0x%02x %q", i, ack.ReasonCode, ack.Properties.ReasonString)
		}
		if i >= 2 && (ack.ReasonCode != 0x97 || !strings.HasPrefix(ack.Properties.ReasonString, "limit events_per_second of tenant: ") ||
			!strings.Contains(ack.Properties.ReasonString, " of 5 in use, retry in ")) {
			t.Fatalf("answer %d: 0x%02x %q", i, ack.ReasonCode, ack.Properties.ReasonString)
		}
	}
	slow := tenant
	slow.Limits.EventsPerSecond = 1 // so that a slow machine is over it, too
	c.catalog.SetTenant(slow)
	for range 2 { // the first may be what became free meanwhile
		_, _, _ = c.post(c.cert, measured(`{"a":1}`))
	}
	status, body, header := c.post(c.cert, measured(`{"a":1}`))
	c.catalog.SetTenant(tenant)
	if status != 429 || header.Get("Retry-After") == "" || header.Get("X-RateLimit-Limit") != "1" || header.Get("X-RateLimit-Remaining") == "" || body.Code != "resource_exhausted" {
		t.Fatalf("%d %+v %v", status, body, header)
	}
	old := c.client(c.cert, 4).connected(func(pk *packets.Packet) { pk.Connect.ClientIdentifier = "old" })
	start := time.Now()
	for i := range 4 {
		old.publish("v1/telemetry", uint16(i+1), measured(`{"a":1}`))
	}
	for range 4 {
		old.read(packets.Puback)
	}
	if passed := time.Since(start); passed < 400*time.Millisecond {
		t.Fatalf("four events passed in %s at 5/s and a burst of 2", passed)
	}
}

// Far above its rate a client is refused before its payloads are looked at, and not read for a while after each refusal.
func TestFarAboveItsRateAClientCostsLittle(t *testing.T) {
	t.Parallel()
	c := setup(t, func(cfg *Config, _ *natsjs.StreamConfig) { cfg.AdmissionWait = 0 })
	tenant := c.tenant(acme)
	tenant.Limits.EventsPerSecond, tenant.Limits.EventsBurst = 1, 1
	c.catalog.SetTenant(tenant)
	m := c.client(c.cert, 5).connected()
	// More than the burst at once is taken, and paid back: for seconds nothing more is.
	m.publish("v1/telemetry", 1, "["+strings.Repeat(measured(`{"a":1}`)+",", 9)+measured(`{"a":1}`)+"]")
	start := time.Now()
	for id := uint16(2); id <= 4; id++ {
		m.publish("v1/telemetry", id, "this is no telemetry")
	}
	for want := uint16(1); want <= 4; want++ {
		ack := m.read(packets.Puback)
		if ack.PacketID != want || want > 1 && ack.ReasonCode != 0x97 {
			t.Fatalf("answer to %d: %+v", want, ack)
		}
	}
	if passed := time.Since(start); passed < unreadAtLeast {
		t.Errorf("the refused client was read again after %s", passed)
	}
	if status, body, _ := c.post(c.cert, "this is no telemetry"); status != 429 || body.Limit == nil {
		t.Errorf("over HTTP: %d %+v", status, body)
	}
}

func TestFullLogRefusesAndLosesNothing(t *testing.T) {
	t.Parallel()
	c := setup(t, func(_ *Config, stream *natsjs.StreamConfig) { stream.MaxBytes = 4 << 10 })
	m := c.client(c.cert, 5).connected()
	acked := 0
	for i := range 100 {
		m.publish("v1/telemetry", uint16(i+1), fmt.Sprintf(event, i, i))
		first, _, err := m.in.next(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		if first>>4 == packets.Disconnect {
			break
		}
		acked++
	}
	if acked == 0 || acked == 100 {
		t.Fatalf("%d of 100 acknowledged", acked)
	}
	for i, ev := range c.stored(acked) {
		if ev.Sequence != uint64(i) {
			t.Fatalf("event %d has sequence %d", i, ev.Sequence)
		}
	}
	status, _, header := c.post(c.cert, measured(`{"a":1}`))
	if status != 503 || header.Get("Retry-After") == "" {
		t.Fatalf("http: %d", status)
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	c := setup(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	options := &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: c.tls(c.cert)}}}
	options.Subprotocols = []string{"mqtt"}
	ws, _, err := websocket.Dial(ctx, "wss://"+c.Addrs().WebSocket+"/mqtt", options) //nolint:bodyclose // it is the connection
	if err != nil {
		t.Fatal(err)
	}
	m := newClient(t, websocket.NetConn(ctx, ws, websocket.MessageBinary), 5).connected()
	m.publish("v1/telemetry", 1, measured(`{"a":1}`))
	m.read(packets.Puback)
	m.publish("v1/telemetry", 2, "hello")
	if ack := m.read(packets.Puback); ack.ReasonCode != 0x99 {
		t.Fatalf("0x%02x", ack.ReasonCode)
	}
	if letter := c.letters(1)[0]; letter.GetProtocol() != "mqtt_websocket" {
		t.Fatalf("got %+v", letter)
	}
	m.write([]byte{packets.Publish<<4 | 4, 6, 0, 1, 'a', 0, 1, 0})
	if d := m.read(packets.Disconnect); d.ReasonCode != 0x9b {
		t.Fatalf("0x%02x", d.ReasonCode)
	}
}
