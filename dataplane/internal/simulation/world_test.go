package simulation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const partitions = 2

var (
	errAway = errors.New("no answer")
	errDead = errors.New("the process is dead")
)

// world is everything outside of processes. It outlives them.
type world struct {
	plan plan
	bad  breakage
	from time.Time

	mu     sync.Mutex
	calls  map[string]int
	faults map[string]fault
	fired  []fault
	wakes  map[int64]bool
	// lines say what had an effect, in order.
	lines []string

	log   *server
	store *server
	*broker
	*warehouse
	// processes are those that work, born all that ever did.
	processes, born []*process
	births          int
	stopping        bool
	sent            map[string]*sent
	// trouble are the errors that processes ended with.
	trouble []string

	logSkew, cellSkew time.Duration
}

// server is something that calls go to.
type server struct {
	// away, full, readOnly: until when. life rises when it starts anew: what is on its way then is gone.
	away, full, readOnly time.Time
	life                 int
}

// startup is the least that a server takes to start anew. Meanwhile who asked it something before does not reach it.
const startup = 500 * time.Millisecond

// cut is a power cut. It needs the lock.
func (s *server) cut(now time.Time) {
	s.life++
	s.away = later(s.away, now.Add(startup))
}

func newWorld(p plan, bad breakage) *world {
	w := &world{
		plan: p, bad: bad, from: time.Now(), calls: map[string]int{}, faults: map[string]fault{}, wakes: map[int64]bool{},
		log: &server{}, store: &server{}, sent: map[string]*sent{},
	}
	w.broker, w.warehouse = newBroker(w), newWarehouse(w)
	for _, f := range p.faults {
		w.faults[fmt.Sprintf("%s#%d", f.site, f.n)] = f
	}
	return w
}

// sleep waits so long, and then some nanoseconds: nobody else wakes at that instant.
func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	now := time.Now()
	at := now.Add(max(d, 1)).UnixNano()
	for w.wakes[at] {
		at++
	}
	w.wakes[at] = true
	w.mu.Unlock()
	time.Sleep(time.Duration(at - now.UnixNano()))
}

// note adds a line to what happened. It needs the lock.
func (w *world) note(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf("%12s ", time.Since(w.from))+fmt.Sprintf(format, args...))
}

// between is a stable random duration.
func (w *world) between(purpose string, n int, least, most time.Duration) time.Duration {
	return least + time.Duration(w.plan.number(purpose, n)%uint64(most-least))
}

// request is a call of a process to a server.
type request struct {
	site string
	to   *server
	// least and most are how long one way takes.
	least, most time.Duration
	// effect runs with the lock. what is the fault of the call.
	effect func(what effect) error
}

// call sends a request. The request is on its own way: a caller that gives up or dies does not take it back.
func (w *world) call(ctx context.Context, p *process, r request) error {
	p.hold()
	if !p.alive() || ctx.Err() != nil {
		return errDead
	}
	w.mu.Lock()
	w.calls[r.site]++
	n := w.calls[r.site]
	f, ok := w.faults[fmt.Sprintf("%s#%d", r.site, n)]
	if ok {
		w.fired = append(w.fired, f)
	}
	life, cut := r.to.life, r.to == w.log && p.cutOff
	w.mu.Unlock()
	there := w.between(r.site, 2*n, r.least, r.most)
	back := w.between(r.site, 2*n+1, r.least, r.most)
	switch f.effect {
	case killBefore:
		w.kill(p, r.site)
		return errDead
	case slow, late:
		there += f.for_
	}
	answer := make(chan error, 1)
	go func() {
		w.sleep(there)
		w.mu.Lock()
		var err error
		if f.effect == lost || cut || r.to.life != life || time.Now().Before(r.to.away) {
			err = errAway
		} else {
			err = r.effect(f.effect)
		}
		w.note("%s#%d of %d: %v", r.site, n, p.number, err)
		w.mu.Unlock()
		if f.effect == killAfter {
			w.kill(p, r.site)
		}
		w.sleep(back)
		if f.effect == unheard {
			err = errAway
		}
		answer <- err
	}()
	if f.effect == late {
		w.sleep(back)
		p.hold()
		return errAway
	}
	select {
	case err := <-answer:
		p.hold()
		if !p.alive() {
			return errDead
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
