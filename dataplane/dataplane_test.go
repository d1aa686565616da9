package dataplane

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	natsjetstream "github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/chtest"
	"github.com/millwright-io/millwright/migrations/natstest"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// bundle is a cell on real stores, with one tenant that has one device and one key.
type bundle struct {
	cfg    Config
	js     natsjetstream.JetStream
	tenant tenancy.ID
	key    string
	log    *slog.Logger
}

func setup(t testing.TB) *bundle {
	t.Helper()
	ch, ns := chtest.New(t), natstest.New(t)
	js, err := natsjetstream.New(ns.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg := DefaultConfig()
	cfg.Cell = "test" + strings.ToLower(rand.Text())[:8]
	cfg.DeviceNATSAddress = "127.0.0.1:0"
	cfg.APIAddress, cfg.IngestAddress, cfg.MQTTAddress, cfg.MQTTWebSocketAddress = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.NATSURL, cfg.ClickHouseURL, cfg.ClickHouseUser = ns.URL, ch.URL, ch.User
	cfg.ClickHousePasswordFile, cfg.StoreSecretFile = write("password", ch.Password), write("secret", strings.Repeat("s", 32))
	cfg.GatewayCertificateDir, cfg.LogMaxBytes = dir, 256<<20
	cfg.CheckpointInterval = 300 * time.Millisecond
	certificates(t, write)
	b := &bundle{cfg: cfg, js: js, tenant: tenancy.NewID(), log: slog.New(slog.DiscardHandler)}
	if testing.Verbose() {
		b.log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if err := migrations.JetStream(t.Context(), js, cfg.Cell, migrations.JetStreamOptions{LogMaxBytes: cfg.LogMaxBytes, DeadLetterMaxBytes: 1 << 20, Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	b.catalog(t)
	return b
}

func certificates(t testing.TB, write func(name, text string) string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write("gateway.pem", text)
	write("ca.pem", text)
	write("gateway-key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func (b *bundle) catalog(t testing.TB) {
	t.Helper()
	kv, err := b.js.KeyValue(t.Context(), subject.CatalogBucket(b.cfg.Cell))
	if err != nil {
		t.Fatal(err)
	}
	id, text := tenancy.NewKey()
	hash := sha256.Sum256([]byte(text))
	b.key = text
	for key, m := range map[string]proto.Message{
		subject.TenantKey(string(b.tenant)):          &catalogv1.Tenant{TenantId: string(b.tenant), Limits: &catalogv1.Limits{RequestsPerSecond: 1000}},
		subject.DeviceKey(string(b.tenant), "press"): &catalogv1.Device{TenantId: string(b.tenant), DeviceId: "press"},
		subject.APIKeyKey(string(b.tenant), id):      &catalogv1.Key{TenantId: string(b.tenant), KeyId: id, Secrets: []*catalogv1.Secret{{Number: 1, Hash: hash[:]}}, Role: "admin"},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), key, data); err != nil {
			t.Fatal(err)
		}
	}
}

// start runs a cell and returns what stops it.
func (b *bundle) start(t testing.TB) (*App, func()) {
	t.Helper()
	app, err := New(t.Context(), b.cfg, b.log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the cell did not stop in 30 s")
		}
	})
	t.Cleanup(stop)
	eventually(t, "the cell is ready", func() bool {
		res, err := http.Get("http://" + app.Addrs().Metrics + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return app, stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, 20*time.Second, what, ok)
}

func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// publish puts events first..last of the device into the log, each frame twice.
func (b *bundle) publish(t *testing.T, first, last int) {
	t.Helper()
	partition := frame.Partition(b.tenant, "press", b.cfg.Partitions)
	for at := first; at <= last; at += 50 {
		var build frame.Builder
		for i := at; i <= min(at+49, last); i++ {
			now := time.Now()
			build.Append(&telemetry.Event{
				Tenant: b.tenant, Device: "press", Time: now.Add(time.Duration(i)).UnixNano(), Received: now.UnixNano(), HasSequence: true, Epoch: "boot",
				Sequence: uint64(i), Names: []string{"temperature", "vibration.x"}, Values: []float64{float64(i), 0.5}, Size: 100,
			})
		}
		data := build.Finish(time.Now().UnixNano())
		for range 2 {
			if _, err := b.js.Publish(t.Context(), subject.Ingest(b.cfg.Cell, partition), data); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// count returns how many events are stored, and how many distinct ones.
func (b *bundle) count(t testing.TB, app *App) (all, distinct uint64, err error) {
	t.Helper()
	err = app.store.Query(t.Context(), b.tenant, "select count(), uniqExact(device, sequence) from events", nil,
		func(r clickhouse.Rows) error { return r.Scan(&all, &distinct) })
	return all, distinct, err
}

// rows is count for a test that waits for the store.
func (b *bundle) rows(t *testing.T, app *App) (all, distinct uint64) {
	t.Helper()
	all, distinct, err := b.count(t, app)
	if err != nil {
		t.Logf("count rows: %v", err)
	}
	return all, distinct
}

func (b *bundle) get(t *testing.T, app *App, path string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+app.Addrs().API+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("%s: %s: %v", path, body, err)
		}
	}
	if res.StatusCode != http.StatusOK {
		t.Logf("%s: %s", path, body)
	}
	return res.StatusCode
}

func TestEventsAreStoredOnceAndServed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, _ := b.start(t)
	conn, _, err := websocket.Dial(t.Context(), "ws://"+app.Addrs().API+"/ws/devices/press/live", //nolint:bodyclose // the connection is it
		&websocket.DialOptions{Subprotocols: []string{"millwright", "bearer." + b.key}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	b.publish(t, 1, 500)
	_, live, err := conn.Read(t.Context())
	if err != nil || !strings.Contains(string(live), `"deviceId":"press"`) {
		t.Errorf("live: %s, error %v", live, err)
	}
	eventually(t, "500 rows", func() bool { all, distinct := b.rows(t, app); return all == 500 && distinct == 500 })

	var series struct {
		Series []struct {
			Measurement string
			Points      []struct{ Value float64 }
			Windows     []struct{ Count string }
		}
	}
	if status := b.get(t, app, "/api/v1/devices/press/metrics?limit=1000", &series); status != http.StatusOK || len(series.Series) != 2 || len(series.Series[0].Points) != 500 {
		t.Errorf("metrics: status %d, %d series", status, len(series.Series))
	}
	eventually(t, "windows", func() bool {
		status := b.get(t, app, "/api/v1/devices/press/metrics?resolution=RESOLUTION_MINUTE", &series)
		total := 0
		for _, s := range series.Series {
			for _, w := range s.Windows {
				n := 0
				_, _ = fmt.Sscan(w.Count, &n)
				total += n
			}
		}
		return status == http.StatusOK && total == 1000
	})
	var latest struct {
		Devices []struct {
			DeviceID string `json:"deviceId"`
			Values   map[string]float64
		}
	}
	if status := b.get(t, app, "/api/v1/latest", &latest); status != http.StatusOK || len(latest.Devices) != 1 || latest.Devices[0].Values["vibration.x"] != 0.5 {
		t.Errorf("latest: status %d, %+v", status, latest)
	}
	for path, want := range map[string]int{
		"/api/v1/devices/other/metrics":       http.StatusNotFound,
		"/api/v1/devices/press/metrics?foo=1": http.StatusBadRequest,
		"/api/v1/dead-letters":                http.StatusOK,
		"/api/v1/store-access":                http.StatusOK,
	} {
		if status := b.get(t, app, path, nil); status != want {
			t.Errorf("%s: status %d, want %d", path, status, want)
		}
	}
}

func TestARestartRepeatsNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const rounds, each = 4, 200
	for round := range rounds {
		app, stop := b.start(t)
		b.publish(t, round*each+1, (round+1)*each)
		want := uint64((round + 1) * each)
		if round%2 == 0 {
			// Stop in the middle of things; the next start catches up.
			stop()
			continue
		}
		eventually(t, fmt.Sprintf("%d rows", want), func() bool { all, distinct := b.rows(t, app); return all == want && distinct == want })
		// As in the background: behind everybody's queries, under settings that the store must allow.
		from, to := time.Now().Add(-time.Hour), time.Now()
		if r, err := query.New(quietReader{reader{store: app.store}}, time.Now).Recount(t.Context(), b.tenant, from, to); err != nil || r.Windows == 0 {
			t.Errorf("a recount of %d windows, %+v: %v", r.Windows, r.Counts, err)
		}
		stop()
	}
	if got := b.usage(t)["events"]; got != rounds*each {
		t.Errorf("usage: %d events, want %d", got, rounds*each)
	}
}

// usage reads the newest totals off the usage stream, as the ledger does.
func (b *bundle) usage(t *testing.T) map[string]uint64 {
	t.Helper()
	consumer, err := b.js.OrderedConsumer(t.Context(), subject.UsageStream, natsjetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		hour      int64
		partition uint32
		meter     string
	}
	newest := map[key]*usagev1.Total{}
	batch, err := consumer.FetchNoWait(10_000)
	if err != nil {
		t.Fatal(err)
	}
	for msg := range batch.Messages() {
		var totals usagev1.Totals
		if err := proto.Unmarshal(msg.Data(), &totals); err != nil {
			t.Fatal(err)
		}
		for _, total := range totals.GetTotals() {
			k := key{total.GetHour().GetSeconds(), total.GetPartition(), total.GetMeter()}
			if old := newest[k]; old == nil || old.GetVersion() <= total.GetVersion() {
				newest[k] = total
			}
		}
	}
	sums := map[string]uint64{}
	for k, total := range newest {
		sums[k.meter] += total.GetValue()
	}
	return sums
}

func TestADeadLetterReachesTheTenantsStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, _ := b.start(t)
	letters := jetstream.NewDeadLetters(b.js, b.cfg.Cell, "test", b.log)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = letters.Run(ctx) }()
	if err := letters.Append(t.Context(), telemetry.DeadLetter{
		Tenant: b.tenant, Device: "press", Received: time.Now().UnixNano(), Reason: "invalid_json", Detail: "cut off", Payload: []byte("{"), Protocol: "mqtt",
	}, ignored{}, 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letter", func() bool {
		var page struct{ DeadLetters []struct{ Reason string } }
		return b.get(t, app, "/api/v1/dead-letters", &page) == http.StatusOK && len(page.DeadLetters) == 1 && page.DeadLetters[0].Reason == "invalid_json"
	})
}

type ignored struct{}

func (ignored) Stored(uint64, error) {}
func (ignored) Flush()               {}
