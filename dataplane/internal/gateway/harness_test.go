package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/admission"
	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	logv1 "github.com/millwright-io/millwright/proto/gen/millwright/log/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	acme     = tenancy.ID("aaaaaaaaaaaaaaaa")
	globex   = tenancy.ID("bbbbbbbbbbbbbbbb")
	pressOne = "press_01"
	testCell = "test"
	patience = 10 * time.Second
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serials = struct {
	sync.Mutex
	last int64
}{last: 1000}

func issue(t testing.TB, parent *authority, template x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serials.Lock()
	serials.last++
	template.SerialNumber = big.NewInt(serials.last)
	serials.Unlock()
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	template.BasicConstraintsValid = true
	signer, signKey := &template, key
	if parent != nil {
		signer, signKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, signer, &key.PublicKey, signKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func newCA(t testing.TB, parent *authority, name string) *authority {
	return issue(t, parent, x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign})
}

func newLeaf(t testing.TB, ca *authority, tenant tenancy.ID, device string, notAfter time.Time) tls.Certificate {
	t.Helper()
	uri := &url.URL{Scheme: "spiffe", Host: "millwright", Path: "/tenant/" + string(tenant) + "/device/" + device}
	leaf := issue(t, ca, x509.Certificate{
		Subject: pkix.Name{CommonName: device}, URIs: []*url.URL{uri}, NotAfter: notAfter,
		NotBefore: notAfter.Add(-48 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{leaf.cert.Raw, ca.cert.Raw}, PrivateKey: leaf.key, Leaf: leaf.cert}
}

// cell is a gateway on a real NATS server.
type cell struct {
	*Gateway
	t       testing.TB
	catalog *catalog.Catalog
	root    *authority
	ca      map[tenancy.ID]*authority
	js      natsjs.JetStream
	cert    tls.Certificate
	held    *heldPublisher
	// seen is called with what the gateway announces.
	seen      func(tenant tenancy.ID, authority string, der []byte)
	publisher *jetstream.Publisher
	stop      func()
}

// heldPublisher keeps receipts back while it is held.
type heldPublisher struct {
	Publisher
	mu   sync.Mutex
	gate chan struct{}
}

func (h *heldPublisher) hold() (release func()) {
	gate := make(chan struct{})
	h.mu.Lock()
	h.gate = gate
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		h.gate = nil
		h.mu.Unlock()
		close(gate)
	}
}

func (h *heldPublisher) Append(ctx context.Context, partition int, events []telemetry.Event, r frame.Receipt, token uint64) error {
	h.mu.Lock()
	gate := h.gate
	h.mu.Unlock()
	if gate != nil {
		r = &heldReceipt{r, gate}
	}
	return h.Publisher.Append(ctx, partition, events, r, token)
}

type heldReceipt struct {
	frame.Receipt
	gate chan struct{}
}

func (h *heldReceipt) Stored(token uint64, err error) {
	go func() {
		<-h.gate
		h.Receipt.Stored(token, err)
		h.Flush()
	}()
}

func testNATS(t testing.TB) natsjs.JetStream {
	t.Helper()
	ns, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(patience) {
		t.Fatal("nats-server is not ready")
	}
	nc, err := nats.Connect(ns.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func setup(t testing.TB, change ...func(*Config, *natsjs.StreamConfig)) *cell {
	t.Helper()
	c := &cell{t: t, catalog: catalog.New(), js: testNATS(t), ca: map[tenancy.ID]*authority{}}
	c.root = newCA(t, nil, "root")
	dir := t.TempDir()
	own := issue(t, c.root, x509.Certificate{
		Subject: pkix.Name{CommonName: "gateway"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	key, err := x509.MarshalPKCS8PrivateKey(own.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"gateway.pem":     {Type: "CERTIFICATE", Bytes: own.cert.Raw},
		"gateway-key.pem": {Type: "PRIVATE KEY", Bytes: key}, "ca.pem": {Type: "CERTIFICATE", Bytes: c.root.cert.Raw},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tenant := range []tenancy.ID{acme, globex} {
		c.ca[tenant] = newCA(t, c.root, string(tenant))
		c.catalog.SetTenant(c.tenant(tenant))
	}
	c.cert = c.device(acme, pressOne)

	cfg := DefaultConfig()
	cfg.MQTTAddress, cfg.WebSocketAddress, cfg.HTTPAddress, cfg.CertificateDir = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", dir
	cfg.NATSAddress = "127.0.0.1:0"
	ingest := natsjs.StreamConfig{
		Name: subject.IngestStream(testCell), Subjects: []string{subject.IngestAll(testCell)},
		Discard: natsjs.DiscardNew, MaxBytes: 4 << 30,
	}
	for _, f := range change {
		f(&cfg, &ingest)
	}
	for _, stream := range []natsjs.StreamConfig{ingest, {Name: subject.DeadLetterStream(testCell), Subjects: []string{subject.DeadLetterAll(testCell)}}} {
		if _, err := c.js.CreateStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}
	c.start(cfg)
	return c
}

func (c *cell) start(cfg Config) {
	c.t.Helper()
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	metrics, err := NewMetrics(prometheus.NewRegistry(), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	pc := jetstream.DefaultPublisherConfig()
	pc.Cell, pc.Partitions, pc.Instance = testCell, 2, string(tenancy.NewID())
	c.publisher = jetstream.NewPublisher(c.js, pc, metrics, log, time.Now)
	c.held = &heldPublisher{Publisher: c.publisher}
	letters := jetstream.NewDeadLetters(c.js, testCell, pc.Instance, log)
	limiter := admission.New(c.catalog, time.Now)
	deps := Deps{
		Catalog: c.catalog, Publisher: c.publisher, DeadLetters: letters, Limiter: limiter, Refused: func(tenancy.ID, *tenancy.LimitError, int) {}, Metrics: metrics, Log: log, Now: time.Now,
		Seen: func(_ context.Context, tenant tenancy.ID, authority string, der []byte) error {
			if c.seen != nil {
				c.seen(tenant, authority, der)
			}
			return nil
		},
	}
	if _, bench := c.t.(*testing.B); !bench {
		deps.Publisher = c.held
	}
	g, err := New(deps, cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Gateway = g
	back, stopBack := context.WithCancel(context.Background())
	front, stopFront := context.WithCancel(context.Background())
	var backs, fronts sync.WaitGroup
	backs.Go(func() { _ = c.publisher.Run(back) })
	backs.Go(func() { _ = letters.Run(back) })
	fronts.Go(func() {
		if err := g.Run(front); err != nil {
			c.t.Errorf("run: %v", err)
		}
	})
	c.stop = sync.OnceFunc(func() { stopFront(); fronts.Wait(); stopBack(); backs.Wait(); limiter.Close() })
	c.t.Cleanup(c.stop)
}

func (c *cell) tenant(id tenancy.ID) catalog.Tenant {
	return catalog.Tenant{ID: id, IntermediateCA: c.ca[id].cert.Raw, Limits: catalog.Limits{
		EventsPerSecond: 10_000_000, EventsBurst: 10_000_000,
		PayloadBytes: 256 << 10, MeasurementsPerDevice: 512, Horizon: 10 * 365 * 24 * time.Hour, RequestsPerSecond: 100, Connections: 10_000,
	}}
}

// device creates a device and its certificate.
func (c *cell) device(tenant tenancy.ID, id string) tls.Certificate {
	cert := newLeaf(c.t, c.ca[tenant], tenant, id, time.Now().Add(24*time.Hour))
	c.catalog.SetDevice(catalog.Device{Tenant: tenant, ID: id, Certificates: map[string]catalog.Certificate{serial(cert): {NotAfter: cert.Leaf.NotAfter}}})
	return cert
}

func serial(cert tls.Certificate) string { return fmt.Sprintf("%x", cert.Leaf.SerialNumber) }

func (c *cell) tls(cert tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(c.root.cert)
	return &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
}

// stored reads n events from the log, in the order of the log.
func (c *cell) stored(n int) []telemetry.Event {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	consumer, err := c.js.OrderedConsumer(ctx, subject.IngestStream(testCell), natsjs.OrderedConsumerConfig{})
	if err != nil {
		c.t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		c.t.Fatal(err)
	}
	defer messages.Stop()
	var events []telemetry.Event
	for len(events) < n {
		msg, err := messages.Next(natsjs.NextContext(ctx))
		if err != nil {
			c.t.Fatalf("%d of %d events in the log: %v", len(events), n, err)
		}
		got, err := frame.NewDecoder().Decode(msg.Data())
		if err != nil {
			c.t.Fatal(err)
		}
		events = append(events, got.Events...)
	}
	return events
}

// letters reads n dead letters.
func (c *cell) letters(n int) []*logv1.DeadLetter {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := c.js.Stream(ctx, subject.DeadLetterStream(testCell))
	if err != nil {
		c.t.Fatal(err)
	}
	var letters []*logv1.DeadLetter
	for i := range n {
		msg, err := stream.GetMsg(ctx, uint64(i+1))
		if err != nil {
			c.t.Fatalf("dead letter %d: %v", i, err)
		}
		letter := &logv1.DeadLetter{}
		if err := proto.Unmarshal(msg.Data, letter); err != nil {
			c.t.Fatal(err)
		}
		letters = append(letters, letter)
	}
	return letters
}
