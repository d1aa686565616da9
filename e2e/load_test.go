package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// generators are several `simulate`, each with its own devices, gateway and file of acknowledgements.
type generators struct {
	acks  []string
	begun time.Time
	sims  []*exec.Cmd
	ended []chan error
	said  []fmt.Stringer
}

// startGenerators lets devices send so many events a second in all, an equal part of them to each MQTT address.
func startGenerators(t *testing.T, s *stack.Stack, rate, firstSeed int, addresses ...string) *generators {
	t.Helper()
	g := &generators{}
	for i, address := range addresses {
		acks := filepath.Join(t.TempDir(), "acks")
		sim, said := s.Background(t, "simulate", "--devices", "50", "--rate", fmt.Sprint(rate/len(addresses)), "--duration", "1h",
			"--seed", fmt.Sprint(firstSeed+i), "--mqtt-address", address, "--acks", acks)
		ended := make(chan error, 1)
		go func() { ended <- sim.Wait() }()
		t.Cleanup(func() { _ = sim.Process.Kill() })
		g.acks, g.sims, g.ended, g.said = append(g.acks, acks), append(g.sims, sim), append(g.ended, ended), append(g.said, said)
	}
	return g
}

// waitSending waits until each had events acknowledged, and counts the time from there.
func (g *generators) waitSending(t *testing.T) {
	t.Helper()
	for _, acks := range g.acks {
		waitForAcks(t, acks, 500)
	}
	g.begun = time.Now()
}

// stop ends all of them, what is on its way answered, and returns how long they ran.
func (g *generators) stop(t *testing.T) time.Duration {
	t.Helper()
	ran := time.Since(g.begun)
	for _, sim := range g.sims {
		_ = sim.Process.Signal(os.Interrupt)
	}
	for i, ended := range g.ended {
		select {
		case <-ended:
			said := strings.Split(strings.TrimSpace(g.said[i].String()), "\n")
			t.Logf("simulate: %s", said[len(said)-1])
		case <-time.After(60 * time.Second):
			t.Fatalf("simulate did not stop\n%s", g.said[i])
		}
	}
	return ran
}

// acknowledged is how many bytes the files have: it grows with every acknowledged event.
func (g *generators) acknowledged() (size int64) {
	for _, name := range g.acks {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	return size
}

// silence measures for how long nothing is acknowledged, and counts it to what was struck last.
type silence struct {
	mu      sync.Mutex
	struck  string
	longest map[string]time.Duration
	stop    chan struct{}
	done    chan struct{}
}

func watchSilence(g *generators) *silence {
	s := &silence{longest: map[string]time.Duration{}, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		size, changed := g.acknowledged(), time.Now()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
			if now := g.acknowledged(); now != size {
				size, changed = now, time.Now()
			}
			s.mu.Lock()
			s.longest[s.struck] = max(s.longest[s.struck], time.Since(changed))
			s.mu.Unlock()
		}
	}()
	return s
}

// strike says what is being done now.
func (s *silence) strike(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.struck = what
}

// end stops measuring; the result may be read from then on.
func (s *silence) end() map[string]time.Duration {
	close(s.stop)
	<-s.done
	return s.longest
}
