package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
	"github.com/millwright-io/millwright/tenancy"
)

// Where telemetry is posted, one own and that of another device.
const (
	httpPath      = "/v1/telemetry"
	httpOtherPath = "/v1/devices/{device}/telemetry"
)

// connection remembers who is on an HTTP connection: its chain of certificates is verified once.
type connection struct {
	mu       sync.Mutex
	id       Identity
	verified bool
}

type connectionKey struct{}

func withConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{})
}

func (g *Gateway) httpServer() *http.Server {
	mux := http.NewServeMux()
	for _, path := range []string{httpPath, httpOtherPath} {
		mux.HandleFunc("POST "+path, g.post)
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", http.MethodPost)
			reply(w, http.StatusMethodNotAllowed, refusal{Code: "invalid_argument", Message: "only POST is answered here"})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusNotFound, refusal{Code: "not_found", Message: "post telemetry to " + httpPath})
	})
	server := g.server(mux, "h2", "http/1.1")
	server.ReadTimeout = time.Minute
	return server
}

// accepted answers a request whose events are durable. Duplicates among them are found later.
type accepted struct {
	Accepted int `json:"accepted"`
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}

// identify says who sends a request.
func (g *Gateway) identify(r *http.Request) (Identity, error) {
	known, ok := r.Context().Value(connectionKey{}).(*connection)
	if !ok || r.TLS == nil {
		return Identity{}, stranger("no_certificate", "no client certificate was sent")
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	if known.verified && g.Now().Before(known.id.NotAfter) {
		err := g.admitted(&known.id)
		return known.id, err
	}
	id, err := g.verify(r.TLS.PeerCertificates)
	known.id, known.verified = id, err == nil
	return id, err
}

func (g *Gateway) post(w http.ResponseWriter, r *http.Request) {
	begun := g.Now()
	id, err := g.identify(r)
	if err != nil {
		g.refuseRequest(w, reasonOf(err), err)
		return
	}
	policy, err := g.whose(&id, r)
	if err != nil {
		g.refuseRequest(w, reasonOf(err), err)
		return
	}
	if err := g.Limiter.Look(id.Tenant, id.Device, 0); err != nil {
		g.refuseRate(w, r, &id, err, 1)
		return
	}
	limit := min(g.cfg.PayloadBytes, max(id.Limits.PayloadBytes, 1))
	payload, err := body(w, r, limit)
	if err == nil {
		err = held(policy, id.Device, r.URL.Path[1:], len(payload))
	}
	if err != nil {
		var large tooLarge
		if errors.As(err, &large) {
			g.Refused(id.Tenant, oversize(id.Device, large.size, large.limit), 1)
		}
		g.overLimit(id.Tenant, err, 1)
		g.refuseRequest(w, "payload", err)
		return
	}
	g.Metrics.bytes.WithLabelValues(protocolHTTP).Add(float64(len(payload)))
	span := g.Tracer.Message(id.Tenant, id.Device, protocolHTTP, g.Tracer.Header(r.Header), begun)
	defer func() { span.End(g.Now(), err) }()
	ctx, cancel := context.WithTimeout(trace.With(r.Context(), span), g.cfg.HTTPWait)
	defer cancel()
	decoder := g.decoders.take(id.Class)
	defer g.decoders.give(id.Class, decoder)
	read := g.Now()
	got := decoder.Decode(telemetry.Source{
		Tenant: id.Tenant, Device: id.Device, Received: read.UnixNano(), Horizon: id.Limits.Horizon,
		Schema: id.Schema,
	}, payload)
	decoded := g.lap(true, span, timing.Decode, read)
	noteGateway(got.Events, id.Via)
	n := len(got.Events) + len(got.Invalid)
	if _, err = g.lane(got)(id.Tenant, id.Device, weight(got, len(payload)), 0); err != nil {
		g.refuseRate(w, r, &id, err, n)
		return
	}
	g.lap(true, span, timing.Admit, decoded)
	if err = g.keep(ctx, &id, got); err != nil {
		g.refuseRequest(w, "unavailable", err)
		return
	}
	g.Metrics.latency.Observe(g.Now().Sub(begun).Seconds())
	if len(got.Invalid) > 0 {
		reply(w, http.StatusBadRequest, invalid(got))
		return
	}
	reply(w, http.StatusAccepted, accepted{len(got.Events)})
}

// refuseRate answers 429 to n events, a moment late: who asks again at once is slowed down, and costs others nothing.
func (g *Gateway) refuseRate(w http.ResponseWriter, r *http.Request, id *Identity, err error, n int) {
	g.Metrics.rejected.WithLabelValues(protocolHTTP, "rate").Add(float64(n))
	g.overLimit(id.Tenant, err, n)
	timer := time.NewTimer(min(unread(err), unreadAtLeast))
	defer timer.Stop()
	select {
	case <-timer.C:
		g.refuseRequest(w, "rate", err)
	case <-r.Context().Done():
	}
}

// whose makes id the device that a request is for, and returns what that one is held to. The path without its first
// slash is the topic; what a topic is refused for is said before the body is read.
func (g *Gateway) whose(id *Identity, r *http.Request) (*catalog.Policy, error) {
	var policy *catalog.Policy
	if other := r.PathValue("device"); other != "" && other != id.Device {
		if !tenancy.IsName(other) {
			return nil, barred("unknown_device", "the path names no device: post to %s or to /v1/devices/<device id>/telemetry", httpPath)
		}
		as, of, err := g.speaksFor(id, other)
		if err != nil {
			return nil, err
		}
		*id, policy = *as, of
	} else if d, ok := g.Catalog.Device(id.Tenant, id.Device); ok {
		policy = g.Catalog.Policy(d)
	}
	return policy, held(policy, id.Device, r.URL.Path[1:], 0)
}

// keep hands everything on and waits until it is durable.
func (g *Gateway) keep(ctx context.Context, id *Identity, got telemetry.Result) error {
	wait := &receipt{done: make(chan error, len(got.Invalid)+1)}
	due := 0
	if len(got.Events) > 0 {
		if err := g.Publisher.Append(ctx, id.Partition, got.Events, wait, 0); err != nil {
			return err
		}
		due++
		g.Metrics.accepted.WithLabelValues(protocolHTTP).Add(float64(len(got.Events)))
	}
	for _, bad := range got.Invalid {
		g.Metrics.rejected.WithLabelValues(protocolHTTP, string(bad.Reason)).Inc()
		if err := g.DeadLetters.Append(ctx, g.letter(id, bad, protocolHTTP), wait, 0); err != nil {
			return err
		}
		due++
	}
	for range due {
		select {
		case err := <-wait.done:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("the log has not answered in time: %w", tenancy.ErrUnavailable)
		}
	}
	return nil
}

// receipt tells a request; done has room for every word, so telling never blocks.
type receipt struct{ done chan error }

func (r *receipt) Stored(_ uint64, err error) { r.done <- err }
func (r *receipt) Flush()                     {}

var errEncoding = fmt.Errorf("content encoding is not gzip or identity: %w", tenancy.ErrInvalid)

// tooLarge is a body over the limit; size is the least that it can be.
type tooLarge struct{ size, limit int64 }

func (e tooLarge) Error() string {
	return fmt.Sprintf("the payload is larger than %d bytes: send fewer events at once", e.limit)
}

// oversize is a payload over the limit, for the tenant's record.
func oversize(device string, size, limit int64) *tenancy.LimitError {
	return &tenancy.LimitError{Limit: tenancy.LimitPayloadBytes, Scope: "device " + device, Current: size, Maximum: limit}
}

// body reads a request's body, unpacked, up to the limit.
func body(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return nil, tooLarge{r.ContentLength, int64(limit)}
	}
	src := io.Reader(http.MaxBytesReader(w, r.Body, int64(limit)))
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(src)
		if err != nil {
			return nil, fmt.Errorf("the body is not gzip: %w", tenancy.ErrInvalid)
		}
		defer unpacked.Close()
		src = unpacked
	default:
		return nil, errEncoding
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := io.Copy(&buf, io.LimitReader(src, int64(limit)+1))
	var over *http.MaxBytesError
	switch {
	case n > int64(limit) || errors.As(err, &over):
		return nil, tooLarge{int64(limit) + 1, int64(limit)}
	case err != nil:
		return nil, fmt.Errorf("the body ended early or is damaged: send it again: %w", tenancy.ErrInvalid)
	}
	return buf.Bytes(), nil
}

// refuseRequest answers an error; reason is for the figures.
func (g *Gateway) refuseRequest(w http.ResponseWriter, reason string, err error) {
	g.Metrics.refused.WithLabelValues(protocolHTTP, reason).Inc()
	status, words := judge(err)
	var large tooLarge
	switch {
	case errors.As(err, &large):
		w.Header().Set("Connection", "close")
	case status == http.StatusTooManyRequests:
		words.Limit.SetHeaders(w.Header())
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	reply(w, status, words)
}
