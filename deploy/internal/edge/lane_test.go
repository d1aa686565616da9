package edge

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient/mqtttest"
)

// cell answers over a real NATS server as the gateway does, and refuses what it is told to.
type cell struct {
	url         string
	credentials func() (*tls.Config, error)

	mu    sync.Mutex
	last  map[string]string
	taken map[string][]string
	// refuse returns an answer's JSON for the n-th message, or "".
	refuse func(device, payload string, n int) string
	n      int
}

func newCell(t *testing.T, refuse func(device, payload string, n int) string) *cell {
	t.Helper()
	ca, err := mqtttest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	config, err := ca.ServerTLS()
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("edge_01")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, TLSConfig: config})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the cell does not listen")
	}
	c := &cell{
		url: "tls://" + srv.Addr().String(), last: map[string]string{}, taken: map[string][]string{}, refuse: refuse,
		credentials: func() (*tls.Config, error) {
			return enrol.Credentials{Certificate: cert, Key: key, Root: ca.RootPEM}.TLS()
		},
	}
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if _, err := nc.Subscribe("v1.devices.*.telemetry", func(m *nats.Msg) { _ = m.Respond([]byte(c.take(m))) }); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cell) take(m *nats.Msg) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	device, payload := strings.Split(m.Subject, ".")[2], string(m.Data)
	if expected := m.Header.Get("Nats-Expected-Last-Msg-Id"); expected != "" && expected != c.last[device] {
		return `{"error":{"code":400,"err_code":10070,"description":"the one before"}}`
	}
	c.n++
	if said := c.refuse(device, payload, c.n); said != "" && !strings.Contains(said, `"code":400`) {
		return said
	} else if said != "" {
		c.last[device] = m.Header.Get("Nats-Msg-Id")
		return said
	}
	c.last[device] = m.Header.Get("Nats-Msg-Id")
	if _, err := time.Parse(time.RFC3339Nano, m.Header.Get("Millwright-Time")); err != nil {
		return `{"error":{"code":400,"description":"no time"}}`
	}
	c.taken[device] = append(c.taken[device], payload)
	return `{"stream":"telemetry","seq":1,"accepted":1}`
}

// edge opens a store, stores n messages of each device, and sends them until done says so.
func (c *cell) edge(t *testing.T, devices []string, n int, done func(*store) bool) *counts {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	kept, err := openStore(t.Context(), t.TempDir(), 16<<20, log)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.close()
	for i := range n {
		for _, d := range devices {
			if err := kept.put(t.Context(), waitingSubject+d, fmt.Appendf(nil, "%d", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	up, figures := newUplink(c.url, c.credentials, log), &counts{}
	fleet := newFleet(kept, up, 10, figures, log)
	if err := fleet.resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = up.run(t.Context()) })
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !done(kept); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages wait, %v held", kept.waiting(), fleet.held())
		}
	}
	fleet.stop(drainWithin)
	return figures
}

func empty(s *store) bool { return s.waiting() == 0 }

func numbers(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func TestEachDevicesOrderSurvivesRefusals(t *testing.T) {
	t.Parallel()
	c := newCell(t, func(_, _ string, n int) string {
		if n%37 == 0 {
			return `{"error":{"code":429,"description":"too fast"},"limit":{"retry_after_seconds":0.01}}`
		}
		if n%51 == 0 {
			return `{"error":{"code":503,"description":"not now"}}`
		}
		return ""
	})
	figures := c.edge(t, []string{"a", "b"}, 300, empty)
	for _, d := range []string{"a", "b"} {
		if got := c.taken[d]; !slices.Equal(got, numbers(300)) {
			t.Errorf("device %s: %d messages, %v", d, len(got), got)
		}
	}
	if figures.refused.Load() == 0 || figures.forwarded.Load() != 600 {
		t.Errorf("refused %d, forwarded %d", figures.refused.Load(), figures.forwarded.Load())
	}
}

func TestOneDevicesRefusalHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	c := newCell(t, func(device, _ string, _ int) string {
		if device == "stranger" {
			return `{"error":{"code":403,"description":"may not send for device stranger"}}`
		}
		return ""
	})
	c.edge(t, []string{"stranger", "known"}, 50, func(s *store) bool { return s.waiting() == 50 })
	if !slices.Equal(c.taken["known"], numbers(50)) || len(c.taken["stranger"]) > 0 {
		t.Errorf("%d and %d messages", len(c.taken["known"]), len(c.taken["stranger"]))
	}
}

func TestWhatTheCellWillNeverTakeHoldsUpNothing(t *testing.T) {
	t.Parallel()
	c := newCell(t, func(_, payload string, _ int) string {
		switch payload {
		case "3":
			return `{"error":{"code":413,"description":"too large"}}`
		case "5":
			return `{"error":{"code":400,"description":"a dead letter"}}`
		}
		return ""
	})
	figures := c.edge(t, []string{"a"}, 10, func(s *store) bool { return s.waiting() == 1 }) // the one put aside
	want := slices.DeleteFunc(numbers(10), func(s string) bool { return s == "3" || s == "5" })
	if !slices.Equal(c.taken["a"], want) || figures.aside.Load() != 1 || figures.letters.Load() != 1 {
		text, _ := json.Marshal(c.taken)
		t.Errorf("%s, %d aside, %d dead letters", text, figures.aside.Load(), figures.letters.Load())
	}
}
