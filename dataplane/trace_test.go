package dataplane

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// collector takes spans by OTLP over HTTP.
type collector struct {
	mu    sync.Mutex
	names map[string][]string // by trace
	spans map[string]string   // parents
}

func collect(t *testing.T) (*collector, string) {
	t.Helper()
	c := &collector{names: map[string][]string{}, spans: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var req collectorv1.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &req) != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, of := range req.GetResourceSpans() {
			for _, scope := range of.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					trace := hex.EncodeToString(span.GetTraceId())
					c.names[trace] = append(c.names[trace], span.GetName())
					c.spans[hex.EncodeToString(span.GetSpanId())] = hex.EncodeToString(span.GetParentSpanId())
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	return c, server.URL
}

// of is what came of a trace, sorted.
func (c *collector) of(trace string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := slices.Clone(c.names[trace])
	slices.Sort(names)
	return names
}

// device makes press a device with a certificate and returns a client that sends as it.
func (b *bundle) device(t *testing.T) *http.Client {
	t.Helper()
	b.allow(t)
	dir := b.cfg.GatewayCertificateDir
	parent, err := tls.LoadX509KeyPair(filepath.Join(dir, "gateway.pem"), filepath.Join(dir, "gateway-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	uri := &url.URL{Scheme: "spiffe", Host: "millwright", Path: "/tenant/" + string(b.tenant) + "/device/press"}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "press"}, URIs: []*url.URL{uri}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, parent.Leaf, key.Public(), parent.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.js.KeyValue(t.Context(), subject.CatalogBucket(b.cfg.Cell))
	if err != nil {
		t.Fatal(err)
	}
	for key, m := range map[string]proto.Message{
		subject.TenantKey(string(b.tenant)): &catalogv1.Tenant{TenantId: string(b.tenant), IntermediateCa: parent.Certificate[0], Limits: &catalogv1.Limits{
			RequestsPerSecond: 1000, EventsPerSecond: 10_000, EventsBurst: 10_000, HorizonSeconds: 86400, PayloadBytes: 65536, Connections: 10,
		}},
		subject.DeviceKey(string(b.tenant), "press"): &catalogv1.Device{
			TenantId: string(b.tenant), DeviceId: "press", Certificates: []*catalogv1.Certificate{{Serial: fmt.Sprintf("%x", 77)}},
		},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), key, data); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(parent.Leaf)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}}}
}

// send posts a message and returns the status.
func (b *bundle) send(t *testing.T, app *App, device *http.Client, traceparent, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+app.Addrs().Ingest+"/v1/telemetry", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if traceparent != "" {
		req.Header.Set("Traceparent", traceparent)
	}
	res, err := device.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusAccepted {
		t.Logf("send: %s: %s", res.Status, text)
	}
	return res.StatusCode
}

func TestAMessageIsFollowedFromTheDeviceToItsRow(t *testing.T) { //nolint:paralleltest // it sets variables
	spans, endpoint := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	b := setup(t)
	device := b.device(t)
	app, _ := b.start(t)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	eventually(t, "the device's message is taken", func() bool {
		return b.send(t, app, device, "", `{"sequence":1,"epoch":"a","measurements":{"v":1}}`) == http.StatusAccepted
	})
	if status := b.send(t, app, device, "00-"+trace+"-b7ad6b7169203331-01", `{"sequence":2,"epoch":"a","measurements":{"v":2}}`); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	want := []string{"admit", "consume", "decode", "engine", "frame", "insert", "publish", "step", "telemetry"}
	eventually(t, "every stage of the message is told", func() bool { return slices.Equal(spans.of(trace), want) })
	if n := b.stored(t, app, "events where sequence = 2"); n != 1 {
		t.Errorf("the row of the message is there %d times", n)
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	if len(spans.names) != 1 {
		t.Errorf("others are followed too: %v", spans.names)
	}
	for id, parent := range spans.spans {
		if _, known := spans.spans[parent]; !known && parent != "b7ad6b7169203331" {
			t.Errorf("span %s hangs in the air", id)
		}
	}
}

func TestACellRefusesTracesThatItCannotSend(t *testing.T) { //nolint:paralleltest // it sets variables
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	b := setup(t)
	if _, err := New(context.Background(), b.cfg, b.log); err == nil || !strings.Contains(err.Error(), "OTEL_TRACES_SAMPLER") {
		t.Errorf("error %v", err)
	}
}
