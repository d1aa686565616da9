package simulation

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const (
	// seedsVariable is how many seeds are run, onlyVariable one run alone: what a failure printed, or a seed.
	seedsVariable = "MILLWRIGHT_SIMULATION_SEEDS"
	onlyVariable  = "MILLWRIGHT_SIMULATION"
	defaultSeeds  = 3000
	// patience is how long, in virtual time, everything may take once the last fault is over.
	patience = 10 * time.Minute
	// silence closes every window.
	silence = 4 * time.Minute
)

// tracing keeps and prints everything that happens.
var tracing = os.Getenv(onlyVariable) != ""

// outcome of a run.
type outcome struct {
	findings findings
	fired    []fault
	lines    []string
	events   int
}

// run makes a plan come true.
func run(t *testing.T, p plan, bad breakage) (o outcome) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { o = newWorld(p, bad).live() })
	return o
}

func (w *world) live() outcome {
	w.boot()
	var devices, moments sync.WaitGroup
	for _, d := range w.devices() {
		devices.Go(d.run)
	}
	for _, f := range w.plan.faults {
		if f.site == "at" {
			moments.Go(func() { w.moment(f) })
		}
	}
	moments.Wait()
	sentAll := make(chan struct{})
	go func() { devices.Wait(); close(sentAll) }()
	var f findings
	select {
	case <-sentAll:
	case <-time.After(patience):
		f.add("devices are not rid of their events after %s%s", patience, w.troubles())
	}
	w.settle(&f)
	w.mu.Lock()
	clear(w.faults)
	w.mu.Unlock()
	w.sleep(silence)
	w.settle(&f)
	w.end()
	<-sentAll
	f = append(f, w.check()...)
	return outcome{f, w.fired, w.lines, len(w.events)}
}

// settle waits until everything acknowledged is stored.
func (w *world) settle(f *findings) {
	for deadline := time.Now().Add(patience); !w.settled(); w.sleep(time.Second) {
		if time.Now().After(deadline) {
			f.add("what was acknowledged is not stored %s after the last fault%s", patience, w.troubles())
			return
		}
	}
}

func (w *world) troubles() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.trouble) == 0 {
		return ""
	}
	return ": " + w.trouble[len(w.trouble)-1]
}

// end stops what works and waits for what was killed.
func (w *world) end() {
	w.mu.Lock()
	w.stopping = true
	working := w.processes
	w.mu.Unlock()
	for _, p := range working {
		w.halt(p)
	}
	for _, p := range w.born {
		<-p.gone
	}
	w.sleep(time.Minute) // what is still on its way
}

func TestEveryAcknowledgedEventIsStoredOnce(t *testing.T) {
	if text := os.Getenv(onlyVariable); text != "" {
		only(t, text)
		return
	}
	seeds := defaultSeeds
	if text := os.Getenv(seedsVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", seedsVariable, err)
		}
		seeds = n
	} else if testing.Short() {
		seeds = 300
	}
	began := time.Now()
	var next, fired, events atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				for seed := uint64(next.Add(1) - 1); seed < uint64(seeds) && !t.Failed(); seed = uint64(next.Add(1) - 1) {
					o := run(t, planOf(seed), sound)
					fired.Add(int64(len(o.fired)))
					events.Add(int64(o.events))
					if len(o.findings) > 0 {
						next.Store(int64(seeds))
						explain(t, seed, o)
					}
				}
			})
		}
	})
	t.Logf("%d seeds, %d faults, %d events stored, %s", seeds, fired.Load(), events.Load(), time.Since(began).Round(time.Second))
}

// explain reports a failing seed and the least plan that fails as well.
func explain(t *testing.T, seed uint64, o outcome) {
	t.Helper()
	whole := planOf(seed)
	least, why, runs := shrink(t, whole, sound)
	t.Errorf("seed %d: %s\n%d of %d faults and %d of %d messages a device are enough (%d runs): %s\n"+
		"again: %s='%s' go test -run %s -v ./internal/simulation",
		seed, strings.Join(o.findings, "\n  "), len(least.faults), len(whole.faults), least.sends, whole.sends, runs, strings.Join(why, "\n  "),
		onlyVariable, least, "TestEveryAcknowledgedEventIsStoredOnce")
}

// only runs one plan and prints what happens.
func only(t *testing.T, text string) {
	t.Helper()
	p, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", onlyVariable, err)
	}
	o := run(t, p, sound)
	fmt.Println(strings.Join(o.lines, "\n"))
	t.Logf("plan %s\nfired %v", p, o.fired)
	for _, f := range o.findings {
		t.Error(f)
	}
}

// shrink leaves out faults and messages as long as the plan still fails.
func shrink(t *testing.T, p plan, bad breakage) (least plan, why findings, runs int) {
	t.Helper()
	fails := func(q plan) bool {
		runs++
		o := run(t, q, bad)
		if len(o.findings) > 0 {
			p, why = q, o.findings
		}
		return len(o.findings) > 0
	}
	if !fails(p) {
		return p, findings{"it does not fail again"}, runs
	}
	for again := true; again && runs < 300; {
		again = false
		for size := max(len(p.faults)/2, 1); size > 0; size /= 2 {
			for from := 0; from+size <= len(p.faults); {
				q := p
				q.faults = append(append([]fault(nil), p.faults[:from]...), p.faults[from+size:]...)
				if fails(q) {
					again = true
				} else {
					from += size
				}
			}
		}
		for _, sends := range []int{1, p.sends / 4, p.sends / 2, p.sends - 1} {
			q := p
			q.sends = sends
			if sends > 0 && sends < p.sends && fails(q) {
				again = true
				break
			}
		}
	}
	return p, why, runs
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		first, second := run(t, planOf(seed), sound), run(t, planOf(seed), sound)
		if !slices.Equal(first.lines, second.lines) {
			t.Errorf("seed %d: two runs differ from here on:\n%s", seed, difference(first.lines, second.lines))
		}
	}
}

// difference shows where two runs part.
func difference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%s\n%s\n%s", strings.Join(a[max(i-5, 0):i], "\n"), a[i], b[i])
		}
	}
	return fmt.Sprintf("after %d lines", min(len(a), len(b)))
}

func TestEveryBreakageOfTheProtocolIsFound(t *testing.T) {
	t.Parallel()
	for _, bad := range breakages {
		t.Run(string(bad), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(100) {
				if o := run(t, planOf(seed), bad); len(o.findings) > 0 {
					t.Logf("found by seed %d: %s", seed, o.findings[0])
					return
				}
			}
			t.Error("100 seeds did not find it")
		})
	}
}

func TestAPlanIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		p := planOf(seed)
		got, err := parse(p.String())
		if err != nil || got.String() != p.String() {
			t.Fatalf("%s became %s: %v", p, got, err)
		}
	}
}
