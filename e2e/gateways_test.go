package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

const (
	// sharedLimit is the tenant's events a second in TestLimitHoldsOverGateways. The burst outlasts the pauses of a busy machine, in
	// which nobody asks for anything. batchEvents is how many come in one request.
	sharedLimit = 1000
	sharedBurst = 2 * sharedLimit
	batchEvents = 10
	// devices is how many send to each gateway, connections how many each has: whoever is refused again and again is answered late.
	devices, connections = 2, 4
)

// TestLimitHoldsOverGateways runs three gateway processes beside the cell, lets devices of one tenant ask each of them for
// another share of more than the tenant's limit, kills the busiest in the middle, and holds what was acknowledged against
// the limit. MILLWRIGHT_E2E_LIMIT_WINDOW makes the measured time longer than a few seconds.
func TestLimitHoldsOverGateways(t *testing.T) {
	window := durationOf(t, "MILLWRIGHT_E2E_LIMIT_WINDOW", 10*time.Second)
	s := stack.Start(t, stack.Options{})
	operator := []string{"--reason", "three gateways", "--sign-in", filepath.Join(s.Data, "demo.json")}
	for limit, maximum := range map[string]int{"events_per_second": sharedLimit, "events_burst": sharedBurst} {
		s.Run(t, append([]string{"quota", "set", s.Demo.TenantID, limit, fmt.Sprint(maximum)}, operator...)...)
	}
	acks := newAckFile(t)
	stop := make(chan struct{})
	var loads sync.WaitGroup
	end := sync.OnceFunc(func() { close(stop); loads.Wait() })
	t.Cleanup(end)
	var gateways []*gatewayLoad
	for i, demand := range []int{3 * sharedLimit, 6 * sharedLimit / 5, 2 * sharedLimit / 5} {
		g := &gatewayLoad{cell: s.StartCell(t, fmt.Sprint("gateway-", i), "--gateway-only"), acks: acks, killed: make(chan struct{})}
		gateways = append(gateways, g)
		for n := range devices {
			device := fmt.Sprintf("load_%d_%d", i, n)
			dir := newDevice(t, s, device)
			for c := range connections {
				l := load{g, stack.DeviceHTTP(t, dir), device, fmt.Sprint(c)}
				loads.Go(func() { l.send(t, float64(demand)/devices/connections, stop) })
			}
		}
	}
	usedUp(t, gateways)
	pause(t, 2*time.Second) // the parts follow the demand
	usedUp(t, gateways)

	before := snapshot(gateways)
	pause(t, window*3/10)
	killedAt := snapshot(gateways)
	close(gateways[0].killed)
	gateways[0].cell.Kill(t)
	pause(t, window-window*3/10)
	usedUp(t, gateways[1:])
	after := snapshot(gateways)
	end()

	// What the killed gateway had in its hands is acknowledged to nobody, but may have been taken out of the limit.
	dead := gateways[0]
	unanswered := dead.asked.Load() - dead.admitted.Load() - dead.refused.Load()
	report := func(what string, from, to figures) (off, slack float64) {
		want := sharedLimit * to.at.Sub(from.at).Seconds()
		off = 100 * (float64(to.sum-from.sum)/want - 1)
		t.Logf("%s: %d acknowledged in %s (by gateway %v), limit %.0f: off by %+.2f %%; asked for %d",
			what, to.sum-from.sum, to.at.Sub(from.at).Round(time.Millisecond), to.minus(from), want, off, to.asked-from.asked)
		if asked := float64(to.asked - from.asked); asked < 1.2*want {
			t.Errorf("only %.0f events were asked for: that shows nothing of a limit of %.0f", asked, want)
		}
		return off, 100 * float64(unanswered) / want
	}
	report("before the kill", before, killedAt)
	for i, n := range killedAt.minus(before) {
		if n == 0 {
			t.Errorf("gateway %d was given nothing while the others were busy", i)
		}
	}
	report("from the kill on", killedAt, after)
	off, slack := report("in all", before, after)
	t.Logf("%d events (%.2f %%) were with the killed gateway, unanswered", unanswered, slack)
	if off > 1 || off+slack < -1 {
		t.Errorf("off by %.2f %%, want 1 %% at most", off)
	}
	for _, g := range gateways {
		g.checkRefusal(t)
	}
	acks.close(t)
	verifyAcks(t, s, acks.name, int(after.sum-before.sum))
	verifyCell(t, s)
	stack.Eventually(t, 20*time.Second, "the tenant reads of the refusals", func() error {
		if out := s.Run(t, "quota", "refusals"); !strings.Contains(out, "events_per_second") {
			return fmt.Errorf("the list is\n%s", out)
		}
		return nil
	})
}

// usedUp waits until every gateway has nothing left to give: what is admitted from here on is the rate alone.
func usedUp(t *testing.T, gateways []*gatewayLoad) {
	t.Helper()
	for _, g := range gateways {
		refused := g.refused.Load()
		stack.Eventually(t, 30*time.Second, g.cell.Name+" refuses", func() error {
			if g.admitted.Load() == 0 || g.refused.Load() == refused {
				return fmt.Errorf("it admitted %d and refused %d", g.admitted.Load(), g.refused.Load())
			}
			return nil
		})
	}
}

// gatewayLoad is a gateway process and what was asked of it.
type gatewayLoad struct {
	cell   *stack.Cell
	acks   *ackFile
	killed chan struct{}

	asked, admitted, refused atomic.Int64
	mu                       sync.Mutex
	refusal                  string
	header                   http.Header
}

// load is one connection of a device to a gateway; its name begins the ids of its messages.
type load struct {
	*gatewayLoad
	client       *http.Client
	device, name string
}

// send posts batches at a rate until stop; what a slow answer left out is asked for afterwards, up to a second's worth.
func (g load) send(t *testing.T, rate float64, stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	begun, sent := time.Now(), 0.0
	for n := 0; ; {
		select {
		case <-stop:
			return
		case <-g.killed:
			return
		case <-tick.C:
		}
		due := time.Since(begun).Seconds() * rate
		sent = max(sent, due-rate)
		for ; due-sent >= batchEvents; n++ {
			sent += batchEvents
			if !g.post(t, fmt.Sprintf("%s-%d", g.name, n), stop) {
				return
			}
		}
	}
}

// post sends one batch; false means that the gateway is gone.
func (g load) post(t *testing.T, batch string, stop <-chan struct{}) bool {
	var body bytes.Buffer
	at := time.Now().UTC().Truncate(time.Microsecond)
	for i := range batchEvents {
		fmt.Fprintf(&body, `{"messageId":"%s-%d","timestamp":%q,"measurements":{"temperature":%d}}`+"\n", batch, i, at.Format(time.RFC3339Nano), i)
	}
	g.asked.Add(batchEvents)
	res, err := g.client.Post(g.cell.IngestURL(), "application/x-ndjson", &body)
	if err != nil {
		select {
		case <-g.killed:
		case <-stop:
		default:
			t.Errorf("%s: %v", g.cell.Name, err)
		}
		return false
	}
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	switch {
	case err != nil:
	case res.StatusCode == http.StatusAccepted:
		g.admitted.Add(batchEvents)
		g.acks.write(g.device, batch, at)
	case res.StatusCode == http.StatusTooManyRequests:
		g.refused.Add(batchEvents)
		g.mu.Lock()
		g.refusal, g.header = string(answer), res.Header
		g.mu.Unlock()
	default:
		t.Errorf("%s answers %s: %s", g.cell.Name, res.Status, answer)
	}
	return true
}

// checkRefusal requires that a refused device learns all there is to know.
func (g *gatewayLoad) checkRefusal(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	var told struct {
		Code, Message string
		Limit         struct {
			Limit, Scope     string
			Current, Maximum int64
			RetryAfter       float64 `json:"retry_after_seconds"`
		}
	}
	if err := json.Unmarshal([]byte(g.refusal), &told); err != nil {
		t.Fatalf("%s refused with %q: %v", g.cell.Name, g.refusal, err)
	}
	l := told.Limit
	if told.Code != "resource_exhausted" || l.Limit != "events_per_second" || l.Scope != "tenant" || l.Maximum != sharedLimit || l.Current <= 0 || l.RetryAfter <= 0 {
		t.Errorf("%s refused with %s", g.cell.Name, g.refusal)
	}
	for _, name := range []string{"Retry-After", "Ratelimit", "Ratelimit-Policy", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		if g.header.Get(name) == "" {
			t.Errorf("%s refused without %s: %v", g.cell.Name, name, g.header)
		}
	}
}

// figures are what the gateways had done at a time.
type figures struct {
	at         time.Time
	each       []int64
	sum, asked int64
}

func snapshot(gateways []*gatewayLoad) (f figures) {
	f.at = time.Now()
	for _, g := range gateways {
		n := g.admitted.Load()
		f.each, f.sum, f.asked = append(f.each, n), f.sum+n, f.asked+g.asked.Load()
	}
	return f
}

func (f figures) minus(before figures) []int64 {
	list := make([]int64, len(f.each))
	for i := range list {
		list[i] = f.each[i] - before.each[i]
	}
	return list
}

// ackFile is what `verify acks` reads.
type ackFile struct {
	name string
	mu   sync.Mutex
	buf  bytes.Buffer
}

func newAckFile(t *testing.T) *ackFile {
	t.Helper()
	return &ackFile{name: filepath.Join(t.TempDir(), "acks")}
}

func (a *ackFile) write(device, batch string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range batchEvents {
		fmt.Fprintf(&a.buf, "%s\t%s-%d\t%s\n", device, batch, i, at.Format(time.RFC3339Nano))
	}
}

func (a *ackFile) close(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := os.WriteFile(a.name, a.buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// durationOf is what a variable of the environment says, or usual.
func durationOf(t *testing.T, variable string, usual time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < usual {
		t.Fatalf("%s %q: want a duration of %s or more", variable, text, usual)
	}
	return d
}
