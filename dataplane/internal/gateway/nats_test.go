package gateway

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
)

// nats connects a client library that is not ours.
func (c *cell) nats(cert tls.Certificate, options ...nats.Option) *nats.Conn {
	c.t.Helper()
	nc, err := c.natsDial(cert, options...)
	if err != nil {
		c.t.Fatal(err)
	}
	return nc
}

func (c *cell) natsDial(cert tls.Certificate, options ...nats.Option) (*nats.Conn, error) {
	all := append([]nats.Option{nats.Secure(c.tls(cert)), nats.Timeout(patience), nats.NoReconnect()}, options...)
	nc, err := nats.Connect("nats://"+c.Addrs().NATS, all...)
	if err == nil {
		c.t.Cleanup(nc.Close)
	}
	return nc, err
}

// natsReply is what a request is answered with.
type natsReply struct {
	Stream   string
	Seq      uint64
	Accepted int
	Error    struct {
		Code        int
		Description string
	}
	Details []detail
	Limit   struct {
		Limit, Scope      string
		Maximum           int64
		RetryAfterSeconds float64 `json:"retry_after_seconds"`
	}
}

func request(t *testing.T, nc *nats.Conn, subject, payload string) natsReply {
	t.Helper()
	msg, err := nc.Request(subject, []byte(payload), patience)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	var got natsReply
	if err := json.Unmarshal(msg.Data, &got); err != nil {
		t.Fatalf("%s: %v", msg.Data, err)
	}
	return got
}

func TestANATSRequestIsAnsweredWhenDurableAndNotBefore(t *testing.T) {
	t.Parallel()
	c := setup(t)
	for i, option := range []nats.Option{nats.Name("plain"), nats.TLSHandshakeFirst()} {
		nc := c.nats(c.cert, option)
		release := c.held.hold()
		inbox := nc.NewInbox()
		answers, err := nc.SubscribeSync(inbox)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			if err := nc.PublishRequest("v1.telemetry", inbox, fmt.Appendf(nil, event, 3*i+n, n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := nc.Flush(); err != nil { // the PONG comes behind any answer
			t.Fatal(err)
		}
		if n, _, _ := answers.Pending(); n != 0 {
			t.Fatalf("%d answers before the events are durable", n)
		}
		release()
		for range 3 {
			msg, err := answers.NextMsg(patience)
			if err != nil || !strings.Contains(string(msg.Data), `"accepted":1`) {
				t.Fatalf("%v %v", msg, err)
			}
		}
	}
	for i, ev := range c.stored(6) {
		if ev.Tenant != acme || ev.Device != pressOne || ev.Sequence != uint64(i) {
			t.Fatalf("event %d: %+v", i, ev)
		}
	}
}

func TestPublishingToAStreamWorksAsClientLibrariesDoIt(t *testing.T) {
	t.Parallel()
	c := setup(t)
	nc := c.nats(c.cert)
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := js.Publish(t.Context(), "v1.telemetry", []byte(measured(`{"a":1}`)), natsjs.WithMsgID("m-1"))
	if err != nil || ack.Stream != "telemetry" || ack.Sequence != 1 {
		t.Fatalf("%+v %v", ack, err)
	}
	future, err := js.PublishAsync("v1.devices.press_01.telemetry", []byte("["+measured(`{"a":2}`)+`,{"messageId":"own","measurements":{"a":3}}]`), natsjs.WithMsgID("m-2"))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case ack = <-future.Ok():
	case err = <-future.Err():
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("no answer")
	}
	if ack.Sequence != 2 {
		t.Errorf("%+v", ack)
	}
	var api *natsjs.APIError
	if _, err = js.Publish(t.Context(), "v1.telemetry", []byte("hello")); !errors.As(err, &api) || api.Code != 400 || api.Description == "" {
		t.Errorf("no JSON: %v", err)
	}
	for i, want := range []string{"m-1", "m-2/0", "own"} {
		if got := c.stored(3)[i].MessageID; got != want {
			t.Errorf("event %d has the id %q, want %q", i, got, want)
		}
	}
}

func TestBadPayloadsOverNATS(t *testing.T) {
	t.Parallel()
	c := setup(t)
	nc := c.nats(c.cert)
	for _, bad := range badPayloads {
		got := request(t, nc, "v1.telemetry", bad.payload)
		if got.Error.Code != 400 || got.Error.Description == "" || len(got.Details) != 1 || got.Details[0].Reason != bad.reason {
			t.Errorf("%s: %+v", bad.payload, got)
		}
	}
	for i, letter := range c.letters(len(badPayloads)) {
		if letter.GetReason() != string(badPayloads[i].reason) || string(letter.GetPayload()) != badPayloads[i].payload ||
			letter.GetDeviceId() != pressOne || letter.GetTenantId() != string(acme) || letter.GetProtocol() != "nats" {
			t.Errorf("dead letter %d: %+v", i, letter)
		}
	}
	got := request(t, nc, "v1.telemetry", "["+measured(`{"a":1}`)+",{}]")
	if got.Error.Code != 400 || got.Accepted != 1 {
		t.Errorf("half of a message: %+v", got)
	}
}

func TestNATSIsDeniedByDefault(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.device(acme, "press_02")
	complaints := make(chan error, 10)
	nc := c.nats(c.cert, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { complaints <- err }))
	complained := func(what, words string) {
		t.Helper()
		select {
		case err := <-complaints:
			if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(patience):
			t.Errorf("%s: nobody complained", what)
		}
	}
	for _, subject := range []string{">", "v1.telemetry", "_INBOX", "$SYS.>", "$JS.>", "v1.devices.*.telemetry", "*.x"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		complained("subscribe "+subject, `Subscription to "`+subject+`"`)
	}
	for subject, words := range map[string]string{
		"ingest.x":                      "subject ingest.x is not one of telemetry",
		"$JS.API.INFO":                  "is not one of telemetry",
		"v1.devices.press_02.telemetry": "may not send for device press_02",
		"v1.devices.nobody.telemetry":   "may not send for device nobody",
		"v1.devices.telemetry":          "is not one of telemetry",
	} {
		if got := request(t, nc, subject, measured(`{"a":1}`)); got.Error.Code != 403 || !strings.Contains(got.Error.Description, words) {
			t.Errorf("%s: %+v", subject, got)
		}
		complained("publish "+subject, `Publish to "`+subject+`"`)
	}
	if err := nc.PublishRequest("v1.telemetry", "ingest.test", []byte(measured(`{"a":1}`))); err != nil {
		t.Fatal(err)
	}
	complained("reply elsewhere", `Publish with Reply of "ingest.test"`)
	if got := request(t, nc, "v1.telemetry", measured(`{"a":1}`)); got.Accepted != 1 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestAGatewaySendsForOthersOverNATS(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "named"})
	c.speaker(func(d *catalog.Device) { d.SpeaksForDevices = []string{"named", "missing"} })
	nc := c.nats(c.cert)
	if got := request(t, nc, "v1.devices.named.telemetry", measured(`{"a":1}`)); got.Accepted != 1 {
		t.Errorf("%+v", got)
	}
	if got := request(t, nc, "v1.devices.missing.telemetry", measured(`{"a":1}`)); got.Error.Code != 403 || !strings.Contains(got.Error.Description, "does not exist") {
		t.Errorf("%+v", got)
	}
	if ev := c.stored(1)[0]; ev.Device != "named" || !strings.Contains(ev.Attributes, `"gateway":"press_01"`) {
		t.Errorf("%+v", ev)
	}
}

func TestTheOrderOfADevicesMessagesIsKeptWhenOneIsRefused(t *testing.T) {
	t.Parallel()
	c := setup(t)
	js, err := natsjs.New(c.nats(c.cert))
	if err != nil {
		t.Fatal(err)
	}
	send := func(id, last, payload string) error {
		options := []natsjs.PublishOpt{natsjs.WithMsgID(id)}
		if last != "" {
			options = append(options, natsjs.WithExpectLastMsgID(last))
		}
		_, err := js.Publish(t.Context(), "v1.telemetry", []byte(payload), options...)
		return err
	}
	wrong := func(err error) bool {
		var api *natsjs.APIError
		return errors.As(err, &api) && api.ErrorCode == 10070
	}
	if err := send("1", "", measured(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := send("3", "2", measured(`{"a":3}`)); !wrong(err) {
		t.Fatalf("without its predecessor: %v", err)
	}
	for i, id := range []string{"2", "3"} {
		if err := send(id, fmt.Sprint(i+1), measured(`{"a":`+id+`}`)); err != nil {
			t.Fatal(err)
		}
	}
	for i, ev := range c.stored(3) {
		if ev.MessageID != fmt.Sprint(i+1) {
			t.Errorf("event %d is %s", i, ev.MessageID)
		}
	}
}

func TestAMessagesTimeIsThatOfEventsWithoutOne(t *testing.T) {
	t.Parallel()
	c := setup(t)
	nc := c.nats(c.cert)
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	ask := func(header nats.Header, payload string) string {
		t.Helper()
		answer, err := nc.RequestMsg(&nats.Msg{Subject: "v1.telemetry", Header: header, Data: []byte(payload)}, patience)
		if err != nil {
			t.Fatal(err)
		}
		return string(answer.Data)
	}
	own := at.Add(time.Minute)
	ask(nats.Header{"Millwright-Time": {at.Format(time.RFC3339Nano)}, "Nats-Msg-Id": {"m"}},
		"["+measured(`{"a":1}`)+`,{"timestamp":"`+own.Format(time.RFC3339Nano)+`","measurements":{"a":2}}]`)
	events := c.stored(2)
	if events[0].Time != at.UnixNano() || events[0].MessageID != "m/0" || events[1].Time != own.UnixNano() || events[1].MessageID != "" {
		t.Errorf("%+v", events)
	}
	for _, header := range []nats.Header{{"Millwright-Time": {"yesterday"}}, {"Nats-Msg-Id": {strings.Repeat("x", 200)}}, {"Millwright-Time": {"0001-01-01T00:00:00Z"}}} {
		if got := ask(header, measured(`{"a":1}`)); !strings.Contains(got, `"code":400`) {
			t.Errorf("%v: %s", header, got)
		}
	}
	if got := ask(nats.Header{"Millwright-Time": {"1970-01-02T00:00:00Z"}}, measured(`{"a":1}`)); !strings.Contains(got, "too_old") {
		t.Errorf("long ago: %s", got)
	}
}
