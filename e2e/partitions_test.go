package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
	"github.com/millwright-io/millwright/migrations/natstest"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1/telemetryv1connect"
)

const (
	sharedPartitions = 6
	sharingDevices   = 30
	// takeoverLimit is how long a partition may be without an owner.
	takeoverLimit = 10 * time.Second
)

// TestCellProcessesSharePartitions runs a cell as three processes under load. One is killed, one stands still and wakes up again,
// one is stopped, and the one that `up` started is killed and comes back: others take the partitions over, nothing is
// lost or doubled, and a session at one process sees the events of all. MILLWRIGHT_E2E_STANDSTILL=15s makes the standstill longer.
func TestCellProcessesSharePartitions(t *testing.T) {
	standstill := durationOf(t, "MILLWRIGHT_E2E_STANDSTILL", 8*time.Second)
	s := stack.Start(t, stack.Options{Args: []string{"--partitions", fmt.Sprint(sharedPartitions)}})
	second, third := s.StartCell(t, "second"), s.StartCell(t, "third")
	first := func() string { return s.CellMetrics(t) }
	divided(t, "three processes divide the partitions", first, map[*stack.Cell]int{nil: 2, second: 2, third: 2})

	acks := filepath.Join(t.TempDir(), "acks")
	sim, out := s.Background(t, "simulate", "--devices", fmt.Sprint(sharingDevices), "--rate", "2000", "--duration", "1h", "--seed", "31", "--acks", acks)
	ended := make(chan error, 1)
	go func() { ended <- sim.Wait() }()
	t.Cleanup(func() { _ = sim.Process.Kill() })
	waitForAcks(t, acks, 2000)
	seesAll(t, s, "http://"+third.API)

	second.Kill(t)
	t.Logf("one is killed: taken over after %s", divided(t, "the others take over", first, map[*stack.Cell]int{nil: 3, third: 3}))
	waitForAcks(t, acks, 2000)

	third.Freeze(t)
	frozen := time.Now()
	t.Logf("one stands still: taken over after %s", divided(t, "the one left has all", first, map[*stack.Cell]int{nil: sharedPartitions}))
	waitForAcks(t, acks, 2000)
	pause(t, standstill-time.Since(frozen))
	third.Thaw(t)
	divided(t, "the one that woke up has its share", first, map[*stack.Cell]int{nil: 3, third: 3})
	if !strings.Contains(third.Output(), "partition lost to another process") {
		t.Errorf("the process that stood still does not say that it lost its partitions\n%s", third.Output())
	}
	waitForAcks(t, acks, 2000)

	fourth := s.StartCell(t, "fourth")
	divided(t, "one that joins gets its share", first, map[*stack.Cell]int{nil: 2, third: 2, fourth: 2})
	waitForAcks(t, acks, 1000)
	stopped := time.Now()
	fourth.Stop(t)
	divided(t, "a clean stop hands over", first, map[*stack.Cell]int{nil: 3, third: 3})
	t.Logf("one is stopped: handed over %s after SIGTERM, its drain included", time.Since(stopped).Round(10*time.Millisecond))

	s.KillChild(t, "cell")
	t.Logf("the first is killed and started again: taken over after %s", divided(t, "the first is back", first, map[*stack.Cell]int{nil: 3, third: 3}))
	waitForAcks(t, acks, 2000)
	seesAll(t, s, "http://"+third.API)

	_ = sim.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		t.Fatalf("simulate did not stop\n%s", out)
	}
	verifyAcks(t, s, acks, 10_000)
	usageEqualsStored(t, s)
	verifyCell(t, s)
}

// TestCellProcessesOnACluster runs the same on three NATS servers that replicate each other: a process of the cell is killed, then a
// server is away and comes back.
func TestCellProcessesOnACluster(t *testing.T) {
	cluster := natstest.NewCluster(t)
	s := stack.Start(t, stack.Options{Args: []string{"--nats-url", cluster.URL, "--nats-replicas", "3", "--partitions", "4"}})
	second, third := s.StartCell(t, "second"), s.StartCell(t, "third")
	first := func() string { return s.CellMetrics(t) }
	divided(t, "three processes divide the partitions", first, map[*stack.Cell]int{nil: 2, second: 1, third: 1})

	acks := filepath.Join(t.TempDir(), "acks")
	sim, out := s.Background(t, "simulate", "--devices", "20", "--rate", "500", "--duration", "1h", "--seed", "32", "--acks", acks)
	ended := make(chan error, 1)
	go func() { ended <- sim.Wait() }()
	t.Cleanup(func() { _ = sim.Process.Kill() })
	waitForAcks(t, acks, 500)
	second.Kill(t)
	t.Logf("one is killed: taken over after %s", divided(t, "the others take over", first, map[*stack.Cell]int{nil: 2, third: 2}))
	waitForAcks(t, acks, 500)

	for i, server := range cluster.Servers {
		server.Stop()
		waitForAcks(t, acks, 500)
		server.Start(t)
		t.Logf("server %d was away, %d events acknowledged so far", i, lines(acks))
	}
	divided(t, "each process has its share", first, map[*stack.Cell]int{nil: 2, third: 2})
	waitForAcks(t, acks, 500)
	_ = sim.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		t.Fatalf("simulate did not stop\n%s", out)
	}
	verifyAcks(t, s, acks, 2500)
	usageEqualsStored(t, s)
	verifyCell(t, s)
}

// divided waits until the processes have so many partitions each, every partition once; nil is the one that `up` started.
func divided(t *testing.T, what string, first func() string, want map[*stack.Cell]int) time.Duration {
	t.Helper()
	begun := time.Now()
	stack.Eventually(t, 60*time.Second, what, func() error {
		owned := map[int]string{}
		for c, n := range want {
			name, metrics := "first", ""
			if c == nil {
				metrics = first()
			} else {
				name, metrics = c.Name, c.Metrics
			}
			has, err := stack.Partitions(metrics)
			if err != nil {
				return err
			}
			if len(has) != n {
				return fmt.Errorf("process %s has %d partitions, want %d", name, len(has), n)
			}
			for p := range has {
				if other := owned[p]; other != "" {
					return fmt.Errorf("partition %d is worked on by %s and %s", p, other, name)
				}
				owned[p] = name
			}
		}
		return nil
	})
	took := time.Since(begun).Round(10 * time.Millisecond)
	if took > takeoverLimit {
		t.Errorf("%s after %s, want %s at most", what, took, takeoverLimit)
	}
	return took
}

// seesAll watches every simulated device at one process: it sees events of each, whoever works on its partition.
func seesAll(t *testing.T, s *stack.Stack, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var devices []string
	for i := range sharingDevices {
		devices = append(devices, fmt.Sprintf("sim_31_%d", i))
	}
	client := telemetryv1connect.NewTelemetryServiceClient(http.DefaultClient, url, stack.Bearer(s.Demo.APIKey))
	stream, err := client.Watch(ctx, &telemetryv1.WatchRequest{DeviceIds: devices})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	seen := map[string]bool{}
	for len(seen) < sharingDevices && stream.Receive() {
		seen[stream.Msg().GetDeviceId()] = true
	}
	if len(seen) < sharingDevices {
		t.Errorf("a session saw events of %d of %d devices: %v", len(seen), sharingDevices, errors.Join(stream.Err(), ctx.Err()))
	}
}
