package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/millwright-io/millwright/e2e/stack"
)

// agent is a `millwright edge` that is killed and started again on one data directory and one port.
type agent struct {
	s       *stack.Stack
	args    []string
	address string

	mu      sync.Mutex
	cmd     *exec.Cmd
	output  fmt.Stringer
	metrics string
}

// newAgent makes the edge's device and those that it speaks for, and starts it.
func newAgent(t *testing.T, s *stack.Stack, devices []string, flags ...string) *agent {
	t.Helper()
	credentials := newDevice(t, s, "edge_01")
	for _, d := range devices {
		newDevice(t, s, d)
	}
	s.Run(t, "device", "gateway", "edge_01", "--devices", strings.Join(devices, ","))
	a := &agent{s: s, address: freeAddress()}
	a.args = append([]string{
		"edge", "--data", filepath.Join(t.TempDir(), "edge"), "--credentials", credentials, "--uplink", s.Demo.NATSURL,
		"--mqtt-address", a.address, "--metrics-address", "127.0.0.1:0",
	}, flags...)
	a.start(t)
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill() // it may have ended
		if t.Failed() {
			t.Logf("edge:\n%s", a.output)
		}
	})
	return a
}

var edgeReady = regexp.MustCompile(`msg="edge ready" .*metrics=(\S+)`)

func (a *agent) start(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	a.cmd, a.output = a.s.Background(t, a.args...)
	out := a.output
	a.mu.Unlock()
	stack.Eventually(t, 20*time.Second, "the edge serves", func() error {
		found := edgeReady.FindStringSubmatch(out.String())
		if found == nil {
			return fmt.Errorf("it says\n%s", out)
		}
		a.metrics = found[1]
		return nil
	})
}

func (a *agent) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := a.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	err := a.cmd.Wait()
	if signal == syscall.SIGTERM && err != nil {
		t.Errorf("the edge ended with %v\n%s", err, a.output)
	}
}

// figure reads one of the edge's metrics.
func (a *agent) figure(t *testing.T, name string) float64 {
	t.Helper()
	text := get(t, "http://"+a.metrics+"/metrics")
	found := regexp.MustCompile(`(?m)^millwright_edge_` + name + `\S* (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no %s in\n%s", name, text)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (a *agent) emptied(t *testing.T, within time.Duration) {
	t.Helper()
	stack.Eventually(t, within, "the cell has everything", func() error {
		if n := a.figure(t, "store_messages"); n > 0 {
			return fmt.Errorf("%v messages wait", n)
		}
		return nil
	})
}

// plantDevice publishes one value after the other with QoS 1 and remembers which were acknowledged.
type plantDevice struct {
	name string
	// numbered devices send a sequence, and what was not acknowledged again; the others never send a value twice.
	numbered bool
	acked    map[int]bool
	count    atomic.Int64
}

func (d *plantDevice) run(ctx context.Context, address string) {
	var client mqtt.Client
	for n := 1; ctx.Err() == nil; {
		if client == nil || !client.IsConnectionOpen() {
			client = mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(d.name).SetAutoReconnect(false).SetConnectTimeout(time.Second))
			if token := client.Connect(); !token.WaitTimeout(2*time.Second) || token.Error() != nil {
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
				continue
			}
		}
		payload := fmt.Sprintf(`{"measurements":{"n":%d}}`, n)
		if d.numbered {
			payload = fmt.Sprintf(`{"sequence":%d,"measurements":{"n":%d}}`, n, n)
		}
		token := client.Publish("v1/telemetry", 1, false, payload)
		if token.WaitTimeout(2*time.Second) && token.Error() == nil {
			d.acked[n] = true
			d.count.Add(1)
			n++
			continue
		}
		client.Disconnect(0)
		client = nil
		if !d.numbered {
			n++
		}
	}
	if client != nil {
		client.Disconnect(100)
	}
}

// verify holds what was acknowledged against what is stored, and the order of the values against that of their times.
func (d *plantDevice) verify(t *testing.T, s *stack.Stack) {
	t.Helper()
	conn, err := openStore(s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	stack.Eventually(t, 30*time.Second, "what "+d.name+" was told is stored once", func() error {
		rows, err := conn.Query(context.Background(), "select value from points where device = ? and measurement = 'n' order by time", d.name)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		stored, last := map[int]bool{}, 0
		for rows.Next() {
			var value float64
			if err := rows.Scan(&value); err != nil {
				return err
			}
			n := int(value)
			if stored[n] {
				t.Fatalf("%s: %d is stored twice", d.name, n)
			}
			if n < last {
				t.Fatalf("%s: %d comes after %d", d.name, n, last)
			}
			stored[n], last = true, n
		}
		missing := 0
		for n := range d.acked {
			if !stored[n] {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d acknowledged values are missing", missing, len(d.acked))
		}
		return nil
	})
}

// TestEdge lets a plant's devices publish to an edge while the edge and the cell's gateway are killed, again and again.
func TestEdge(t *testing.T) {
	s := stack.Start(t, stack.Options{})
	devices := []*plantDevice{{name: "plant_0", numbered: true}, {name: "plant_1", numbered: true}, {name: "plant_2"}}
	a := newAgent(t, s, []string{"plant_0", "plant_1", "plant_2"})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sending sync.WaitGroup
	for _, d := range devices {
		d.acked = map[int]bool{}
		sending.Go(func() { d.run(ctx, a.address) })
	}
	more := func(what string) {
		t.Helper()
		before := make([]int64, len(devices))
		for i, d := range devices {
			before[i] = d.count.Load()
		}
		stack.Eventually(t, 30*time.Second, "devices are acknowledged "+what, func() error {
			for i, d := range devices {
				if d.count.Load() < before[i]+100 {
					return fmt.Errorf("%s has %d more", d.name, d.count.Load()-before[i])
				}
			}
			return nil
		})
	}
	for range 3 {
		more("while all is well")
		a.end(t, syscall.SIGKILL)
		a.start(t)
		more("after the edge was killed")
		release := s.HoldDown(t, "millwright gateway ")
		more("while the cell is away")
		if a.figure(t, "store_messages") == 0 {
			t.Error("nothing waits while the cell is away")
		}
		a.end(t, syscall.SIGKILL)
		a.start(t)
		more("while the cell is away and the edge was killed")
		release()
		s.WaitReady(t)
	}
	more("in the end")
	stop()
	sending.Wait()
	a.emptied(t, 60*time.Second)
	total := 0
	for _, d := range devices {
		d.verify(t, s)
		total += len(d.acked)
	}
	t.Logf("%d messages were acknowledged, each is stored once", total)
	t.Run("what the cell refuses waits", func(t *testing.T) { waitForPermission(t, s, a) })
	a.end(t, syscall.SIGTERM)
	t.Run("a full store refuses and drops nothing", func(t *testing.T) { fillTheStore(t, s, a) })
	usageEqualsStored(t, s)
	verifyCell(t, s)
}

// waitForPermission sends for a device that the edge does not speak for, and lets it afterwards.
func waitForPermission(t *testing.T, s *stack.Stack, a *agent) {
	newDevice(t, s, "plant_3")
	publish := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", port(t, a.address), "-q", "1", "-t", "v1/devices/plant_3/telemetry", "-m", `{"measurements":{"n":1}}`)
	need(t, "mosquitto_pub")
	if out, err := publish.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
	stack.Eventually(t, 10*time.Second, "the message is held", func() error {
		if a.figure(t, "devices_held") != 1 {
			return fmt.Errorf("no device is held")
		}
		return nil
	})
	s.Run(t, "device", "gateway", "edge_01", "--devices", "plant_0,plant_1,plant_2,plant_3")
	a.emptied(t, 40*time.Second)
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fillTheStore sends to an edge with a small store and no cell until it refuses, then lets it reach the cell.
func fillTheStore(t *testing.T, s *stack.Stack, a *agent) {
	small := &agent{s: s, address: a.address}
	small.args = append(append([]string{}, a.args...), "--data", filepath.Join(t.TempDir(), "small"), "--store-bytes", "1048576")
	release := s.HoldDown(t, "millwright gateway ")
	small.start(t)
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + small.address).SetClientID("plant_1").SetAutoReconnect(false))
	if token := client.Connect(); !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	filler := strings.Repeat(" ", 60<<10)
	stored := 0
	for n := 1; n < 100; n++ {
		token := client.Publish("v1/telemetry", 1, false, fmt.Sprintf(`{"epoch":"small","sequence":%d,"measurements":{"small":%d}}`, n, n)+filler)
		if !token.WaitTimeout(5*time.Second) || token.Error() != nil {
			break
		}
		stored++
	}
	if stored < 10 || stored > 20 {
		t.Fatalf("%d messages of 60 KiB fit in 1 MiB", stored)
	}
	if small.figure(t, "messages_turned_away") == 0 {
		t.Error("the refusal is not counted")
	}
	release()
	s.WaitReady(t)
	small.emptied(t, 60*time.Second)
	conn, err := openStore(s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	stack.Eventually(t, 30*time.Second, "the messages are stored", func() error {
		var count uint64
		if err := conn.QueryRow(context.Background(), "select count() from points where device = 'plant_1' and measurement = 'small'").Scan(&count); err != nil {
			return err
		}
		if count != uint64(stored) {
			return fmt.Errorf("%d of %d", count, stored)
		}
		return nil
	})
	res, err := http.Get("http://" + small.metrics + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var ready struct{ Ready bool }
	if err := json.NewDecoder(res.Body).Decode(&ready); err != nil || !ready.Ready {
		t.Errorf("ready: %v %v", ready, err)
	}
	small.end(t, syscall.SIGTERM)
}
