package simulate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient/mqtttest"
	"github.com/millwright-io/millwright/deploy/internal/plant"
	"github.com/millwright-io/millwright/deploy/internal/simulate"
)

type bundle struct {
	ca      *mqtttest.Authority
	broker  *mqtttest.Broker
	members []simulate.Member
	cfg     simulate.Config
	out     bytes.Buffer
}

func setup(t *testing.T, devices int, o mqtttest.Options) *bundle {
	t.Helper()
	b := &bundle{}
	var err error
	if b.ca, err = mqtttest.NewAuthority(); err != nil {
		t.Fatal(err)
	}
	server, err := b.ca.ServerTLS()
	if err != nil {
		t.Fatal(err)
	}
	if b.broker, err = mqtttest.Start(server, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.broker.Close)
	for _, d := range plant.New(1, devices) {
		cert, key, err := b.ca.Issue(d.ID)
		if err != nil {
			t.Fatal(err)
		}
		c := enrol.Credentials{Certificate: cert, Key: key, Root: b.ca.RootPEM}
		b.members = append(b.members, simulate.Member{ID: d.ID, Signals: d, Credentials: c})
	}
	b.cfg = simulate.Config{
		Seed: 1, Speed: 1, Grace: 5 * time.Second, Protocol: "mqtt", Window: 16,
		Acks: filepath.Join(t.TempDir(), "acks"), Target: simulate.Target{MQTT: b.broker.Address()},
	}
	return b
}

func (b *bundle) run(ctx context.Context) error {
	return simulate.Run(ctx, b.cfg, b.members, &b.out, time.Now, slog.New(slog.DiscardHandler))
}

// awaitMessages waits until the broker saw that many.
func (b *bundle) awaitMessages(t *testing.T, want int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); len(b.broker.Seen()) < want; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages after 20 s, want %d", len(b.broker.Seen()), want)
		}
	}
}

type message struct {
	DeviceID  string
	Epoch     string
	Sequence  uint64
	Timestamp string
}

func (m message) line() string {
	return fmt.Sprintf("%s\t%s/%d\t%s", m.DeviceID, m.Epoch, m.Sequence, m.Timestamp)
}

// accepted is every message that the broker saw, as the acks file should name it, sorted.
func (b *bundle) accepted(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range b.broker.Seen() {
		var m message
		if err := json.Unmarshal(p.Payload, &m); err != nil {
			t.Fatalf("%v in %s", err, p.Payload)
		}
		if at, err := time.Parse(time.RFC3339Nano, m.Timestamp); err != nil || m.DeviceID != p.Device {
			t.Fatalf("%s from %s: %v", p.Payload, p.Device, err)
		} else {
			m.Timestamp = at.Format(time.RFC3339Nano)
		}
		seen[m.line()] = true
	}
	lines := make([]string, 0, len(seen))
	for l := range seen {
		lines = append(lines, l)
	}
	slices.Sort(lines)
	return lines
}

func readAcks(t *testing.T, name string) []string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	slices.Sort(lines)
	return lines
}

func TestARateIsKeptOverAllDevices(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"mqtt", "mqtt5"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			b := setup(t, 6, mqtttest.Options{})
			b.cfg.Rate, b.cfg.Duration, b.cfg.Protocol = 500, time.Second, protocol
			if err := b.run(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, b.out.String())
			}
			sent, acks := b.accepted(t), readAcks(t, b.cfg.Acks)
			if !slices.Equal(sent, acks) || len(sent) < 490 || len(sent) > 510 {
				t.Errorf("%d messages, %d acks, want 500 of each", len(sent), len(acks))
			}
			if !strings.Contains(b.out.String(), fmt.Sprintf("sent %d, acked %d, refused 0", len(sent), len(sent))) {
				t.Errorf("summary: %s", b.out.String())
			}
		})
	}
}

func TestLostConnectionsLoseNothing(t *testing.T) {
	t.Parallel()
	broken := 0
	var mu sync.Mutex
	b := setup(t, 3, mqtttest.Options{Judge: func(n int, _ mqtttest.Publish) mqtttest.Verdict {
		mu.Lock()
		defer mu.Unlock()
		if n%50 == 49 && broken < 6 {
			broken++
			return mqtttest.Verdict{Break: true}
		}
		return mqtttest.Verdict{}
	}})
	b.cfg.Rate, b.cfg.Duration = 300, time.Second
	if err := b.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, b.out.String())
	}
	if sent, acks := b.accepted(t), readAcks(t, b.cfg.Acks); !slices.Equal(sent, acks) {
		t.Errorf("%d messages, %d acks", len(sent), len(acks))
	}
}

func TestRefusalsEndWithTheirReasons(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, mqtttest.Options{Judge: func(n int, p mqtttest.Publish) mqtttest.Verdict {
		switch n % 40 {
		case 7:
			return mqtttest.Verdict{Code: 0x99, Reason: "measurement temperature: not a number"}
		case 9:
			return mqtttest.Verdict{Code: 0x97, Reason: "limit events_per_second of tenant: 10 of 10 in use"}
		}
		return mqtttest.Verdict{}
	}})
	b.cfg.Rate, b.cfg.Duration, b.cfg.Protocol = 200, 500*time.Millisecond, "mqtt5"
	if err := b.run(t.Context()); !errors.Is(err, simulate.ErrIncomplete) {
		t.Errorf("run ended with %v", err)
	}
	for _, want := range []string{"refused: 3 times 0x99 measurement", "sent again: ", "0x97 limit events_per_second", "3 events were not acknowledged"} {
		if !strings.Contains(b.out.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.out.String())
		}
	}
	if acks := readAcks(t, b.cfg.Acks); len(acks) != 97 {
		t.Errorf("%d acks, want 97", len(acks))
	}
}

func TestSilenceIsAFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, mqtttest.Options{Judge: func(n int, _ mqtttest.Publish) mqtttest.Verdict {
		return mqtttest.Verdict{Hold: n >= 10}
	}})
	b.cfg.Rate, b.cfg.Duration, b.cfg.Grace = 100, 300*time.Millisecond, 200*time.Millisecond
	if err := b.run(t.Context()); !errors.Is(err, simulate.ErrIncomplete) {
		t.Errorf("run ended with %v\n%s", err, b.out.String())
	}
}

func TestHistoryComesFirstAndInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, 6, mqtttest.Options{})
	b.cfg.Backfill = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	before := time.Now()
	go func() { ended <- b.run(ctx) }()
	// Temperature 120, vibration 360, pressure 720, GPS 60 an hour, and the others when something happens.
	b.awaitMessages(t, 1200)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	last := map[string]string{}
	for _, p := range b.broker.Seen() {
		var m message
		if err := json.Unmarshal(p.Payload, &m); err != nil {
			t.Fatal(err)
		}
		if m.Timestamp <= last[m.DeviceID] {
			t.Fatalf("%s: %s after %s", m.DeviceID, m.Timestamp, last[m.DeviceID])
		}
		if last[m.DeviceID] == "" && m.Timestamp > before.Add(-50*time.Minute).UTC().Format(time.RFC3339) {
			t.Errorf("%s begins at %s only", m.DeviceID, m.Timestamp)
		}
		last[m.DeviceID] = m.Timestamp
	}
}

func TestASimulationWithAStartIsRepeatable(t *testing.T) {
	t.Parallel()
	var runs [2][]string
	for i := range runs {
		b := setup(t, 6, mqtttest.Options{})
		b.cfg.Rate, b.cfg.Duration, b.cfg.Start = 200, 300*time.Millisecond, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		if err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, p := range b.broker.Seen() {
			runs[i] = append(runs[i], string(p.Payload))
		}
		slices.Sort(runs[i])
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Error("two runs with one seed and start differ")
	}
}

func TestHTTPCarriesTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, mqtttest.Options{})
	var mu sync.Mutex
	seen, busy := map[string]int{}, 3
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		lines := strings.Split(strings.TrimSpace(string(body)), "\n")
		for _, l := range lines {
			var m message
			if err := json.Unmarshal([]byte(l), &m); err != nil {
				t.Errorf("%v in %s", err, l)
			}
			if m.Sequence%20 == 5 {
				http.Error(w, "event 0: bad", http.StatusBadRequest)
				return
			}
		}
		if busy--; busy >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for _, l := range lines {
			seen[l]++
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	config, err := b.ca.ServerTLS()
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	b.cfg.Rate, b.cfg.Duration, b.cfg.Protocol, b.cfg.Target.Ingest = 80, 500*time.Millisecond, "http", server.URL
	if err := b.run(t.Context()); !errors.Is(err, simulate.ErrIncomplete) {
		t.Errorf("run ended with %v\n%s", err, b.out.String())
	}
	if acks := readAcks(t, b.cfg.Acks); len(acks) != 38 || len(seen) != 38 {
		t.Errorf("%d acks of %d stored, want 38 of 38\n%s", len(acks), len(seen), b.out.String())
	}
}

func TestDevicesOfADirectory(t *testing.T) {
	t.Parallel()
	b, dir := setup(t, 6, mqtttest.Options{}), t.TempDir()
	for i, m := range b.members {
		f := simulate.DeviceFile{DeviceID: m.ID, DeviceType: string(m.Signals.Type), Index: i, Facility: "works", Line: "l", Station: "s"}
		if err := simulate.WriteDevice(dir, f, m.Credentials.Certificate, m.Credentials.Key, m.Credentials.Root); err != nil {
			t.Fatal(err)
		}
	}
	got, err := simulate.ReadMembers(dir, 1)
	if err != nil || len(got) != 6 {
		t.Fatalf("%d members, %v", len(got), err)
	}
	for _, m := range got {
		if m.Signals.ID != m.ID || m.Signals.Facility != "works" {
			t.Errorf("%s plays %s of %s", m.ID, m.Signals.ID, m.Signals.Facility)
		}
	}
	if _, err := simulate.ReadMembers(t.TempDir(), 1); err == nil || !strings.Contains(err.Error(), "device.json") {
		t.Errorf("an empty directory: %v", err)
	}
}

// TestAKilledSimulatorNamesOnlyAcknowledgedEvents runs itself as a child, kills it with SIGKILL at some moment and
// compares the file with what the broker acknowledged.
func TestAKilledSimulatorNamesOnlyAcknowledgedEvents(t *testing.T) {
	if dir := os.Getenv("SIMULATE_CHILD_DIR"); dir != "" {
		members, err := simulate.ReadMembers(dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		cfg := simulate.Config{
			Seed: 1, Speed: 1, Protocol: "mqtt", Window: 16, Rate: 3000, Duration: time.Minute,
			Acks: filepath.Join(dir, "acks"), Target: simulate.Target{MQTT: os.Getenv("SIMULATE_CHILD_ADDRESS")},
		}
		t.Fatal(simulate.Run(t.Context(), cfg, members, io.Discard, time.Now, slog.New(slog.DiscardHandler)))
	}
	t.Parallel()
	b, dir := setup(t, 4, mqtttest.Options{}), t.TempDir()
	for i, m := range b.members {
		f := simulate.DeviceFile{DeviceID: m.ID, Index: i}
		if err := simulate.WriteDevice(dir, f, m.Credentials.Certificate, m.Credentials.Key, m.Credentials.Root); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 3 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAKilledSimulatorNamesOnlyAcknowledgedEvents$")
		child.Env = append(os.Environ(), "SIMULATE_CHILD_DIR="+dir, "SIMULATE_CHILD_ADDRESS="+b.broker.Address())
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		b.awaitMessages(t, len(b.broker.Seen())+600+113*round)
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	known := map[string]bool{}
	for _, l := range b.accepted(t) {
		known[l] = true
	}
	raw, err := os.ReadFile(filepath.Join(dir, "acks"))
	if err != nil || len(raw) == 0 || raw[len(raw)-1] != '\n' {
		t.Fatalf("the file has %d bytes and does not end with a line: %v", len(raw), err)
	}
	acks := readAcks(t, filepath.Join(dir, "acks"))
	for _, l := range acks {
		if !known[l] {
			t.Fatalf("line %q is of no acknowledged event", l)
		}
	}
	// 40 ms of 3000 events a second may be missing after each kill, and what was on its way.
	if len(known)-len(acks) > 3*400 {
		t.Errorf("%d lines of %d acknowledged events", len(acks), len(known))
	}
}
