package admission

import (
	"context"
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// Interval is how often a process tells the others what it admitted, and divides anew.
	Interval = 25 * time.Millisecond
	// lease is how long a process counts that was not heard of: then its part goes to the others.
	lease = time.Second
	// quiet is how often a process that has nothing to tell says that it is there.
	quiet = 8
)

// Report is what one process of the cell tells the others: absolute totals, so that one that is lost, or comes twice,
// changes nothing.
type Report struct {
	// Process is new with every start.
	Process string
	// Leaving: it is about to stop, and its part is free at once.
	Leaving bool
	Pools   []PoolReport
}

// PoolReport tells of one pool: a tenant's, or a group's.
type PoolReport struct {
	Tenant tenancy.ID
	Group  string
	// Used counts the events that the process admitted.
	Used int64
	// Demand is how many a second it was asked for.
	Demand float64
	// Left is what it believes to be left of the whole, in units.
	Left int64
	// Held is how many of the admitted events wait for their time, see ReserveN.
	Held int64
}

// Bus carries reports between the processes of a cell.
type Bus interface {
	// Connected reports whether others can be heard.
	Connected() bool
	Send(Report) error
	// Receive calls fn with every report until ctx is done, from one goroutine.
	Receive(ctx context.Context, fn func(Report)) error
}

type poolKey struct {
	tenant tenancy.ID
	group  string
}

type peer struct {
	heard time.Time
	pools map[poolKey]peerPool
	// afresh: its totals are taken over without a charge, because nothing was heard of anybody for a while and what was
	// admitted meanwhile came out of each process's own part.
	afresh bool
	// returned: it was silent for a lease, and what it held went back into the pools.
	returned bool
}

type peerPool struct {
	PoolReport
	at time.Time
}

// Sharer divides a limiter's pools among the processes of the cell. While the bus is away every process keeps to the part
// that it had last.
type Sharer struct {
	limiter *Limiter
	bus     Bus
	process string
	now     func() time.Time

	started time.Time

	mu     sync.Mutex
	peers  map[string]*peer
	frozen bool
	silent int
}

// NewSharer returns a sharer; process is a name that is new with every start.
func NewSharer(l *Limiter, bus Bus, process string, now func() time.Time) *Sharer {
	s := &Sharer{limiter: l, bus: bus, process: process, now: now, started: now(), peers: map[string]*peer{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made = s.joined
	return s
}

// Processes counts the processes that share now, this one included.
func (s *Sharer) Processes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 1 + len(s.live(s.now()))
}

// Run shares until ctx is done; then it says goodbye.
func (s *Sharer) Run(ctx context.Context) error {
	listening, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.bus.Receive(listening, s.receive) }()
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = s.bus.Send(Report{Process: s.process, Leaving: true}) // else its part lapses after the lease
			stop()
			return <-ended
		case err := <-ended:
			return err
		case <-tick.C:
			s.Divide()
		}
	}
}

func (s *Sharer) live(now time.Time) []*peer {
	var list []*peer
	for _, p := range s.peers {
		if now.Sub(p.heard) < lease {
			list = append(list, p)
		}
	}
	return list
}

// receive charges what another process admitted.
func (s *Sharer) receive(r Report) {
	if r.Process == s.process {
		return
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Leaving {
		if p := s.peers[r.Process]; p != nil {
			p.heard = time.Time{}
		}
		return
	}
	p := s.peers[r.Process]
	if p == nil {
		p = &peer{pools: map[poolKey]peerPool{}}
		s.peers[r.Process] = p
	}
	p.heard = now
	if p.returned { // it was asleep: what it held is used after all
		p.returned = false
		s.giveBack(now, p, -1)
	}
	for _, pr := range r.Pools {
		k := poolKey{pr.Tenant, pr.Group}
		before, known := p.pools[k]
		if p.afresh || !known && now.Sub(s.started) < 2*lease {
			// What it admitted before this process was there is in what it says to be left.
			before.Used = pr.Used
		}
		apart := time.Duration(0)
		if known {
			apart = now.Sub(before.at)
		}
		p.pools[k] = peerPool{pr, now}
		if pr.Used > before.Used || !known {
			s.charge(now, k, pr, pr.Used-before.Used, apart)
		}
	}
	p.afresh = false
}

// charge takes what another process admitted off this one's copy: no more than it could have in the time since it was
// heard last, whatever it says.
func (s *Sharer) charge(now time.Time, k poolKey, pr PoolReport, events int64, apart time.Duration) {
	s.limiter.mu.RLock()
	a := s.limiter.accounts[k.tenant]
	s.limiter.mu.RUnlock()
	if a == nil {
		return // whoever makes the account takes over what is left, see divide
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.pool(k.group)
	switch {
	case p == nil:
	case !p.whole.heard:
		p.adopt(now, pr.Left, 0)
	default:
		p.charge(now, min(events, p.size.burst+p.size.rate*int64(apart/time.Second+1)))
	}
}

// giveBack puts what a silent process held into the pools, or with a sign of -1 takes it out again. Nobody will use it: those it was held
// for were told nothing and send again.
func (s *Sharer) giveBack(now time.Time, p *peer, sign int64) {
	for k, pr := range p.pools {
		if pr.Held <= 0 {
			continue
		}
		s.limiter.mu.RLock()
		a := s.limiter.accounts[k.tenant]
		s.limiter.mu.RUnlock()
		if a == nil {
			continue
		}
		a.mu.Lock()
		if pool := a.pool(k.group); pool != nil && pool.whole.heard {
			pool.charge(now, -sign*min(pr.Held, pool.size.rate*heldSeconds))
		}
		a.mu.Unlock()
	}
}

// Divide measures what is asked for here, tells the others and takes the part that this makes. Run calls it.
func (s *Sharer) Divide() {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.peers {
		if now.Sub(p.heard) > 60*lease {
			delete(s.peers, id)
		}
	}
	connected := s.bus.Connected()
	live := s.live(now)
	switch {
	case !connected && !s.frozen:
		s.frozen = true
	case connected && s.frozen:
		s.frozen = false
		for _, p := range s.peers {
			p.afresh = true
			p.heard = now // they are where they were: they had a part all the time
		}
		live = s.live(now)
	}
	for _, p := range s.peers {
		if !s.frozen && !p.returned && now.Sub(p.heard) >= lease {
			p.returned = true
			s.giveBack(now, p, 1)
		}
	}
	report := Report{Process: s.process}
	for _, a := range s.limiter.all() {
		report.Pools = append(report.Pools, s.divide(now, a, live)...)
	}
	if s.frozen {
		return
	}
	if s.silent++; len(report.Pools) == 0 && s.silent < quiet {
		return
	}
	s.silent = 0
	_ = s.bus.Send(report) // the next one has newer totals
}

// joined gives a new account its part at once: other processes may have used up what it has.
func (s *Sharer) joined(a *account) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if live := s.live(now); len(live) > 0 && !s.frozen {
		s.divide(now, a, live)
	}
}

func (s *Sharer) divide(now time.Time, a *account, live []*peer) (reports []PoolReport) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := func(p *pool, k poolKey) {
		if s.frozen {
			p.freeze(now)
			return
		}
		p.measure(now)
		if len(live) == 0 && p.whole.part >= 1 {
			p.settle(now)
		} else {
			s.part(now, p, k, live)
		}
		if p.whole.demand > 0 {
			reports = append(reports, PoolReport{Tenant: k.tenant, Group: k.group, Used: p.used, Demand: p.whole.demand, Left: p.whole.level, Held: p.held.now(now)})
		}
	}
	one(a.tenant, poolKey{a.id, ""})
	for name, g := range a.groups {
		one(g, poolKey{a.id, name})
	}
	return reports
}

// part takes this process's part of a pool.
func (s *Sharer) part(now time.Time, p *pool, k poolKey, live []*peer) {
	sum, n := p.whole.demand, 1+len(live)
	var newest peerPool
	for _, other := range live {
		o, ok := other.pools[k]
		if !ok {
			continue
		}
		if now.Sub(o.at) < lease {
			sum += o.Demand
		}
		if o.at.After(newest.at) {
			newest = o
		}
	}
	if !p.whole.heard && !newest.at.IsZero() {
		p.adopt(now, newest.Left, now.Sub(newest.at))
	}
	p.whole.heard = true
	p.settle(now)
	part := 1.0
	if n > 1 {
		part = share(p.whole.demand, sum, n)
	}
	p.divide(now, part)
}

// freeze keeps to the part of now while nobody can be heard: what others admit comes out of theirs.
func (p *pool) freeze(now time.Time) {
	p.refill(now)
	p.whole.at, p.whole.charged = now, p.used
	p.whole.level = int64(float64(p.level) / max(p.whole.part, 0.001))
}
