package admission

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
)

// network carries reports between processes of a simulation, each after a while of its own, some of them lost.
type network struct {
	r        *rand.Rand
	flying   []flight
	handlers map[string]func(Report)
	loss     float64
	away     bool
}

type flight struct {
	at     time.Time
	to     string
	report Report
}

type port struct {
	n    *network
	name string
	c    *clock
}

func (p port) Connected() bool { return !p.n.away }

func (p port) Send(r Report) error {
	for to := range p.n.handlers {
		if to != p.name && p.n.r.Float64() >= p.n.loss {
			p.n.flying = append(p.n.flying, flight{p.c.t.Add(time.Duration(p.n.r.IntN(4000)) * time.Microsecond), to, r})
		}
	}
	return nil
}

func (port) Receive(context.Context, func(Report)) error { return nil }

func (n *network) deliver(now time.Time) {
	later := n.flying[:0]
	for _, f := range n.flying {
		if f.at.After(now) {
			later = append(later, f)
		} else if h := n.handlers[f.to]; h != nil {
			h(f.report)
		}
	}
	n.flying = later
}

// process is one gateway process of a simulation.
type process struct {
	name     string
	limiter  *Limiter
	sharer   *Sharer
	demand   float64 // events a second
	batch    int
	owed     float64
	admitted int
	next     time.Time
	dead     bool
}

type simulation struct {
	t         *testing.T
	c         *clock
	n         *network
	rate      int
	processes []*process
}

func simulate(t *testing.T, seed uint64, rate int) *simulation {
	t.Helper()
	s := &simulation{t: t, c: &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, rate: rate}
	s.n = &network{r: rand.New(rand.NewPCG(seed, 1)), handlers: map[string]func(Report){}}
	return s
}

func (s *simulation) add(demand float64, batch, burst int) *process {
	s.t.Helper()
	cat := catalog.New()
	cat.SetTenant(tenant(s.rate, burst))
	p := &process{name: fmt.Sprint("p", len(s.processes)), limiter: New(cat, s.c.now), demand: demand, batch: batch}
	s.t.Cleanup(p.limiter.Close)
	p.sharer = NewSharer(p.limiter, port{s.n, p.name, s.c}, p.name, s.c.now)
	p.next = s.c.t.Add(time.Duration(s.n.r.Int64N(int64(Interval))))
	s.n.handlers[p.name] = p.sharer.receive
	s.processes = append(s.processes, p)
	return p
}

func (s *simulation) kill(p *process) {
	p.dead = true
	delete(s.n.handlers, p.name)
}

// run lets time pass and returns how many events were admitted.
func (s *simulation) run(d time.Duration) (admitted int) {
	const step = time.Millisecond
	for end := s.c.t.Add(d); s.c.t.Before(end); s.c.t = s.c.t.Add(step) {
		s.n.deliver(s.c.t)
		for _, p := range s.processes {
			if p.dead {
				continue
			}
			if !s.c.t.Before(p.next) {
				p.sharer.Divide()
				p.next = p.next.Add(Interval)
			}
			for p.owed += p.demand * step.Seconds(); p.owed >= float64(p.batch); p.owed -= float64(p.batch) {
				if p.limiter.TakeN(acme, "press", p.batch) == nil {
					p.admitted += p.batch
					admitted += p.batch
				}
			}
		}
	}
	return admitted
}

// TestTheLimitHoldsOverProcesses: three processes with a skewed load, the busiest or an idle one killed, reports lost: over
// the ten seconds after the first ones what is admitted is within one per cent of the limit, and the burst is given once.
func TestTheLimitHoldsOverProcesses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		rate, burst int
		demand      [3]float64
		batch       int
		kill        int
		loss        float64
	}{
		{"skewed", 5000, 10_000, [3]float64{20_000, 2000, 300}, 1, -1, 0},
		{"the busiest dies", 5000, 10_000, [3]float64{20_000, 9000, 300}, 1, 0, 0},
		{"an idle one dies", 5000, 10_000, [3]float64{20_000, 2000, 0}, 1, 2, 0},
		{"every tenth report is lost", 5000, 10_000, [3]float64{20_000, 9000, 300}, 1, 0, 0.1},
		{"demand just above", 5000, 10_000, [3]float64{5000, 2000, 900}, 1, -1, 0},
		{"batches", 20_000, 40_000, [3]float64{60_000, 20_000, 10_000}, 200, 1, 0},
		{"a small limit", 100, 100, [3]float64{300, 200, 100}, 1, 0, 0},
		{"fast", 1_000_000, 1_000_000, [3]float64{3_000_000, 1_400_000, 100_000}, 100, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(5) {
				s := simulate(t, seed, c.rate)
				s.n.loss = c.loss
				for _, demand := range c.demand {
					s.add(demand, c.batch, c.burst)
				}
				first := s.run(5 * time.Second)
				window := 3 * time.Second
				got := s.run(window)
				if c.kill >= 0 {
					s.kill(s.processes[c.kill])
				}
				got += s.run(7 * time.Second)
				window += 7 * time.Second
				want := float64(c.rate) * window.Seconds()
				if off := 100 * (float64(got)/want - 1); math.Abs(off) > 1 {
					t.Errorf("seed %d: %d admitted, want %.0f: off by %.2f %%", seed, got, want, off)
				}
				// Before they have heard of each other, each may take as much as all: two intervals' worth at most, in debt.
				if most := float64(c.burst) + float64(c.rate)*5.3; float64(first) > most {
					t.Errorf("seed %d: %d admitted in the first 5 s, want at most %.0f", seed, first, most)
				}
			}
		})
	}
}

// TestAProcessThatJoinsBringsNoBurst: others have used everything up when a process begins.
func TestAProcessThatJoinsBringsNoBurst(t *testing.T) {
	t.Parallel()
	s := simulate(t, 7, 1000)
	s.add(4000, 1, 5000)
	s.add(1000, 1, 5000)
	s.run(8 * time.Second)
	s.add(3000, 1, 5000)
	if got := s.run(10 * time.Second); math.Abs(float64(got)-10_000) > 100 {
		t.Errorf("%d admitted in 10 s after the join, want 10000", got)
	}
	for _, p := range s.processes {
		if p.sharer.Processes() != 3 {
			t.Errorf("%s knows of %d processes", p.name, p.sharer.Processes())
		}
	}
}

// TestWithoutTheBusEveryProcessKeepsItsPart: nobody takes more than their part while the bus is away, and nothing jumps when
// it is back.
func TestWithoutTheBusEveryProcessKeepsItsPart(t *testing.T) {
	t.Parallel()
	s := simulate(t, 3, 5000)
	for _, demand := range []float64{20_000, 5000, 5000} {
		s.add(demand, 1, 5000)
	}
	s.run(5 * time.Second)
	s.n.away, s.n.loss = true, 1
	if got := s.run(30 * time.Second); math.Abs(float64(got)/150_000-1) > 0.01 {
		t.Errorf("%d admitted in 30 s without the bus, want 150000", got)
	}
	s.n.away, s.n.loss = false, 0
	if got := s.run(10 * time.Second); math.Abs(float64(got)/50_000-1) > 0.01 {
		t.Errorf("%d admitted in 10 s after the bus was back, want 50000", got)
	}
}

// TestLoadMovesWithTheDevices: the part follows the demand.
func TestLoadMovesWithTheDevices(t *testing.T) {
	t.Parallel()
	s := simulate(t, 9, 2000)
	a, b := s.add(10_000, 1, 2000), s.add(0, 1, 2000)
	s.run(5 * time.Second)
	a.demand, b.demand = 0, 10_000
	if got := s.run(10 * time.Second); math.Abs(float64(got)/20_000-1) > 0.01 {
		t.Errorf("%d admitted in 10 s after the devices moved, want 20000", got)
	}
}
