package simulation

import (
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// moment makes a fault that has a time come true; it returns when it is over.
func (w *world) moment(f fault) {
	w.sleep(time.Duration(f.n) * time.Millisecond)
	w.mu.Lock()
	w.fired = append(w.fired, f)
	w.note("%s", f)
	until := time.Now().Add(f.for_)
	var p *process
	if len(w.processes) > 0 {
		p = w.processes[0]
	}
	switch f.effect {
	case logAway:
		w.log.away = later(w.log.away, until)
	case storeAway:
		w.store.away = later(w.store.away, until)
	case readOnly:
		w.store.readOnly = later(w.store.readOnly, until)
	case diskFull:
		w.store.full = later(w.store.full, until)
	case logFull:
		w.log.full = later(w.log.full, until)
	case refusal:
		tenant := tenancy.ID([]string{"a", "b"}[f.n%2])
		w.refuses[tenant] = later(w.refuses[tenant], until)
	case powerCut:
		w.store.cut(time.Now())
		w.store.away = later(w.store.away, until)
	case logClock:
		w.logSkew += f.for_
	case cellClock:
		w.cellSkew += f.for_
	}
	w.mu.Unlock()
	switch f.effect {
	case logClock, cellClock:
		return
	case kill, stop, pause, cutOff, rival:
		if p != nil {
			w.disturb(p, f, until)
		}
	}
	if wait := time.Until(until); wait > 0 {
		w.sleep(wait)
	}
}

// disturb is what happens to a process.
func (w *world) disturb(p *process, f fault, until time.Time) {
	switch f.effect {
	case kill:
		w.kill(p, "plan")
		return
	case stop:
		w.halt(p)
		return
	case pause:
		w.mu.Lock()
		p.heldTill = later(p.heldTill, until)
		w.mu.Unlock()
	case cutOff:
		w.mu.Lock()
		p.cutOff = true
		w.mu.Unlock()
		defer func() {
			w.sleep(time.Until(until))
			w.mu.Lock()
			p.cutOff = false
			w.mu.Unlock()
		}()
	}
	w.sleep(w.between("takeover", f.n, time.Millisecond, 2*time.Second))
	w.boot()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
