package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
	"github.com/millwright-io/millwright/migrations/natstest"
)

// The whole run is `make chaos`; without these, TestChaos makes a few faults at a small rate. A seed repeats a run's order of faults.
const (
	faultsVariable = "MILLWRIGHT_E2E_CHAOS_FAULTS"
	rateVariable   = "MILLWRIGHT_E2E_CHAOS_RATE"
	seedVariable   = "MILLWRIGHT_E2E_CHAOS_SEED"

	fewFaults = 6
	smallRate = 2000
	// longestPause is longer than a process of a cell may be silent before the others take it for dead.
	longestPause = 7 * time.Second
	// longestGap is how long nothing more is done after a fault at most.
	longestGap = 3 * time.Second
)

// TestChaos kills and stops, in an order that follows from a seed, three processes of a cell, ClickHouse and NATS while devices send
// to each process. Every acknowledged event must be stored once, the ledger must agree, and a recount must find what is stored.
func TestChaos(t *testing.T) {
	faults, rate, seed := intOf(t, faultsVariable, fewFaults), intOf(t, rateVariable, smallRate), intOf(t, seedVariable, time.Now().UnixNano()%1_000_000)
	t.Logf("seed %d: %s=%d repeats the order of these %d faults", seed, seedVariable, seed, faults)
	nats := natstest.NewProcess(t)
	s := stack.Start(t, stack.Options{Args: []string{
		"--nats-url", nats.URL, "--partitions", fmt.Sprint(sharedPartitions), "--plan-limits", "events_per_second=1000000,events_burst=1000000",
	}})
	second, third := s.StartCell(t, "second"), s.StartCell(t, "third")
	// A fifth more than is asked for, so that it is reached with what a kill leaves undone.
	load := startGenerators(t, s, int(rate)*6/5, 41, s.Demo.MQTTAddress, second.MQTT, third.MQTT)
	load.waitSending(t)
	run := chaos{t: t, load: load, silent: watchSilence(load), targets: targets(t, s, nats, second, third)}
	run.strikeAll(planFaults(uint64(seed), int(faults), len(run.targets)))
	waitForAcks(t, load.acks[0], 500)
	lasted := load.stop(t)
	run.report(s, lasted, float64(rate))
	usageEqualsStored(t, s)
}

func intOf(t *testing.T, variable string, usual int64) int64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("%s %q: want a number above 0", variable, text)
	}
	return n
}

// fault is one thing to be done: to whom, a pause of so long or a kill, and how long to leave it at that.
type fault struct {
	target     int
	pause, gap time.Duration
}

// planFaults goes through every way of harming every target, in another order each time.
func planFaults(seed uint64, n, targets int) []fault {
	r := rand.New(rand.NewPCG(seed, 7))
	var plan []fault
	for len(plan) < n {
		for _, k := range r.Perm(2 * targets) {
			f := fault{target: k / 2, gap: time.Duration(r.Int64N(int64(longestGap)))}
			if k%2 == 1 {
				f.pause = 100*time.Millisecond + time.Duration(r.Int64N(int64(longestPause)))
			}
			plan = append(plan, f)
		}
	}
	return plan[:n]
}

// target is a process that can be killed, comes back, and can stand still.
type target struct {
	name   string
	kill   func()
	freeze func() (thaw func())
	// serves returns nil when it works.
	serves func() error
}

func targets(t *testing.T, s *stack.Stack, nats *natstest.Process, cells ...*stack.Cell) []target {
	list := []target{
		{
			name: "ClickHouse", kill: func() { s.KillChild(t, "clickhouse") },
			freeze: func() func() { return s.Freeze(t, "millwright clickhouse ") },
			serves: func() error { return answers(s.Demo.ClickHouseURL + "/ping") },
		},
		{
			name: "NATS", kill: func() { nats.Kill(); nats.Restart(t) },
			freeze: func() func() {
				signalled(t, nats.Freeze())
				return func() { signalled(t, nats.Thaw()) }
			},
			serves: func() error { return greets(strings.TrimPrefix(nats.URL, "nats://")) },
		},
		{
			name: "cell first", kill: func() { s.KillChild(t, "cell") },
			freeze: func() func() { return s.Freeze(t, "millwright cell ") },
			serves: func() error { return answers("http://" + s.CellMetrics(t) + "/readyz") },
		},
	}
	list = append(list, target{
		name: "gateway", kill: func() { s.KillChild(t, "gateway") },
		freeze: func() func() { return s.Freeze(t, "millwright gateway ") },
		serves: func() error { return answers("http://" + s.Metrics(t, "gateway") + "/readyz") },
	})
	for _, c := range cells {
		list = append(list, target{
			name: "cell " + c.Name, kill: func() { c.Kill(t); c.Restart(t) },
			freeze: func() func() { c.Freeze(t); return func() { c.Thaw(t) } },
			serves: func() error { return answers("http://" + c.Metrics + "/readyz") },
		})
	}
	return list
}

func signalled(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("signal: %v", err)
	}
}

func answers(url string) error {
	res, err := (&http.Client{Timeout: time.Second}).Get(url)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}

// greets reads the first byte that a server sends to whoever connects; the kernel alone would take a connection for one that stands still.
func greets(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}

// chaos is a run and what it has done so far.
type chaos struct {
	t       *testing.T
	load    *generators
	silent  *silence
	targets []target
	kinds   []string
	count   map[string]int
	pauses  sync.WaitGroup
}

// strikeAll does what is planned. Pauses go on beside the next faults, but each fault strikes a target that serves, and only once
// something was acknowledged after the last one.
func (c *chaos) strikeAll(plan []fault) {
	c.count = map[string]int{}
	size := int64(0)
	for i, f := range plan {
		v := c.targets[f.target]
		stack.Eventually(c.t, 90*time.Second, fmt.Sprintf("before fault %d: %s serves and events are acknowledged", i+1, v.name), func() error {
			if c.load.acknowledged() == size {
				return fmt.Errorf("nothing was acknowledged since the last fault")
			}
			return v.serves()
		})
		size = c.load.acknowledged()
		c.strike(i, v, f)
		pause(c.t, f.gap)
	}
	c.pauses.Wait()
	for _, v := range c.targets {
		stack.Eventually(c.t, 90*time.Second, "at the end "+v.name+" serves", v.serves)
	}
}

func (c *chaos) strike(i int, v target, f fault) {
	kind, what := "kill "+v.name, "kill "+v.name
	if f.pause > 0 {
		kind = "stop " + v.name
		what = fmt.Sprintf("stop %s for %s", v.name, f.pause.Round(time.Millisecond))
	}
	c.t.Logf("fault %d: %s", i+1, what)
	if c.count[kind]++; c.count[kind] == 1 {
		c.kinds = append(c.kinds, kind)
	}
	c.silent.strike(kind)
	if f.pause == 0 {
		v.kill()
		return
	}
	thaw := v.freeze()
	c.pauses.Go(func() {
		pause(c.t, f.pause)
		thaw()
	})
}

// report verifies what was promised and prints it all.
func (c *chaos) report(s *stack.Stack, lasted time.Duration, rate float64) {
	longest := c.silent.end()
	var table strings.Builder
	faults := 0
	for _, kind := range c.kinds {
		faults += c.count[kind]
		fmt.Fprintf(&table, "%-20s %4d   longest without an acknowledgement %s\n", kind, c.count[kind], longest[kind].Round(10*time.Millisecond))
	}
	acked := 0
	for _, acks := range c.load.acks {
		out, _ := s.Command("verify", "acks", acks)
		fmt.Fprint(&table, out)
		found := verified.FindStringSubmatch(out)
		if found == nil || found[1] != found[2] {
			c.t.Errorf("verify acks printed %q", out)
			continue
		}
		n, _ := strconv.Atoi(found[1])
		acked += n
	}
	out, _ := s.Command("verify", "cell", "--since", "2h")
	fmt.Fprint(&table, out)
	if !undrifted.MatchString(out) {
		c.t.Errorf("verify cell printed %q", out)
	}
	average := float64(acked) / lasted.Seconds()
	fmt.Fprintf(&table, "%d faults in %s under %.0f acknowledged events a second\n", faults, lasted.Round(time.Second), average)
	c.t.Logf("chaos\n%s", &table)
	if average < rate {
		c.t.Errorf("%.0f events a second were acknowledged, want %.0f", average, rate)
	}
}
