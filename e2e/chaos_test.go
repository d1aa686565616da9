package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// kills is how often TestKills kills something; MILLWRIGHT_E2E_KILLS overrides it.
const kills = 6

// TestKills sends 5 000 events a second and meanwhile kills the cell, the ClickHouse child, the gateway and the whole of `up`, in
// turn, at random moments. Every acknowledged event must be stored exactly once, and the ledger must agree.
func TestKills(t *testing.T) {
	s := stack.Start(t, stack.Options{})
	n := kills
	if v, err := strconv.Atoi(os.Getenv("MILLWRIGHT_E2E_KILLS")); err == nil {
		n = v
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acks := filepath.Join(t.TempDir(), "acks")
	sim, out := s.Background(t, "simulate", "--devices", "50", "--rate", "5000", "--duration", "1h", "--seed", "11", "--acks", acks)
	ended := make(chan error, 1)
	go func() { ended <- sim.Wait() }()
	t.Cleanup(func() { _ = sim.Process.Kill() })
	for i := range n {
		waitForAcks(t, acks, 2000)
		pause(t, time.Duration(random.IntN(2000))*time.Millisecond)
		switch i % 4 {
		case 0:
			s.KillChild(t, "cell")
		case 1:
			s.KillChild(t, "clickhouse")
		case 2:
			s.KillChild(t, "gateway")
		case 3:
			s.Kill(t)
			s = s.Restart(t)
		}
	}
	waitForAcks(t, acks, 5000)
	_ = sim.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		t.Fatalf("simulate did not stop\n%s", out)
	}
	verifyAcks(t, s, acks, n*2000)
	usageEqualsStored(t, s)
	verifyCell(t, s)
}

// waitForAcks waits until the file has n lines more, so that a kill always hits a working system.
func waitForAcks(t *testing.T, file string, n int) {
	t.Helper()
	start := lines(file)
	stack.Eventually(t, 90*time.Second, "events are acknowledged again", func() error {
		if more := lines(file) - start; more < n {
			return fmt.Errorf("%s has %d lines more", file, more)
		}
		return nil
	})
}

// pause lets a random time pass: the moment of a kill is the one thing here that must not follow from a condition.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func lines(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	return bytes.Count(b, []byte("\n"))
}
