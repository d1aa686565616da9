package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// drain takes everything and says at once that it is stored. Events go through a frame and back, as on the log.
type drain struct {
	frame   frame.Builder
	events  int
	letters int
}

func (d *drain) Partitions() int { return 2 }

func (d *drain) Append(_ context.Context, _ int, events []telemetry.Event, r frame.Receipt, token uint64) error {
	for i := range events {
		d.frame.Append(&events[i])
	}
	d.events += len(events)
	r.Stored(token, nil)
	r.Flush()
	return nil
}

type letterDrain struct{ *drain }

func (d letterDrain) Append(_ context.Context, letter telemetry.DeadLetter, r frame.Receipt, token uint64) error {
	if letter.Reason == "" || letter.Detail == "" {
		panic("a dead letter without words")
	}
	d.letters++
	r.Stored(token, nil)
	r.Flush()
	return nil
}

// chainOf is what the cell's own device shows.
func chainOf(c *cell) []*x509.Certificate { return []*x509.Certificate{c.cert.Leaf, c.ca[acme].cert} }

// FuzzIngest posts whatever bytes, plain, packed and falsely called packed, for its own device and for others. Every answer is JSON with a
// status that the documentation has, and what is answered is what went on.
func FuzzIngest(f *testing.F) {
	c := setup(f)
	d := &drain{}
	c.Publisher, c.DeadLetters = d, letterDrain{d}
	handler := c.httpServer().Handler
	id, err := c.verify(chainOf(c))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(measured(`{"a":1}`)), httpPath, "")
	f.Add([]byte("["+measured(`{"a":1}`)+","+measured(`{"a":null}`)+"]"), httpPath, "identity")
	f.Add([]byte(measured(`{"a":1}`)), httpPath, "gzip")
	f.Add([]byte("\x1f\x8bnot gzip"), httpPath, "gzip!")
	f.Add([]byte(`{"deviceId":"press_02","measurements":{"a":1}}`), "/v1/devices/press_02/telemetry", "br")
	f.Fuzz(func(t *testing.T, data []byte, path, encoding string) {
		d.frame.Reset()
		d.events, d.letters = 0, 0
		if encoding == "gzip" {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, _ = w.Write(data)
			_ = w.Close()
			data = packed.Bytes()
		}
		req := httptest.NewRequest(http.MethodPost, httpPath, bytes.NewReader(data))
		req.URL.Path = path
		req.TLS = &tls.ConnectionState{}
		if encoding != "" {
			if encoding == "gzip!" {
				encoding = "gzip"
			}
			req.Header.Set("Content-Encoding", encoding)
		}
		known := &connection{id: id, verified: true}
		known.id.NotAfter = time.Now().Add(time.Hour)
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, req.WithContext(context.WithValue(req.Context(), connectionKey{}, known)))
		answered(t, rec, d)
		if got, err := frame.NewDecoder().Decode(d.frame.Finish(1)); err != nil || len(got.Events) != d.events {
			t.Fatalf("%d events of %d come back: %v", len(got.Events), d.events, err)
		}
	})
}

// answered holds an answer against what went on.
func answered(t *testing.T, rec *httptest.ResponseRecorder, d *drain) {
	t.Helper()
	if rec.Code/100 == 3 {
		return // the router cleans the path
	}
	var body struct {
		Accepted      int
		Code, Message string
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("status %d, body %q: %v", rec.Code, rec.Body, err)
	}
	switch rec.Code {
	case http.StatusAccepted:
		if body.Accepted == 0 || body.Accepted != d.events || d.letters > 0 {
			t.Fatalf("%d accepted, %d events and %d dead letters went on", body.Accepted, d.events, d.letters)
		}
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusTooManyRequests:
		if body.Code == "" || body.Message == "" || body.Accepted != d.events {
			t.Fatalf("status %d, %+v; %d events went on", rec.Code, body, d.events)
		}
	default:
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
}
