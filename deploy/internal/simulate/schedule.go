package simulate

import (
	"fmt"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/plant"
)

// entry is one event to send: which, of when, and when it should leave.
type entry struct {
	sequence uint64
	at       time.Time
	due      time.Time
	history  bool
}

// schedule yields a device's events in order; ok is false at the end.
type schedule interface {
	next() (e entry, ok bool)
}

// natural follows the device's own intervals, from base on.
type natural struct {
	device *plant.Device
	clock  clock
	k      int64
	// live is where history ends; events before it are due at once.
	live time.Time
	// end is on the wall clock; zero for none.
	end time.Time
}

func newNatural(d *plant.Device, c clock, history time.Duration, end time.Time) *natural {
	return &natural{device: d, clock: c, k: d.First(c.base.Add(-history)), live: c.base, end: end}
}

func (n *natural) next() (entry, bool) {
	for n.device.Silent(n.k) {
		n.k++
	}
	at := n.device.Time(n.k)
	e := entry{sequence: uint64(n.k), at: at, due: n.clock.due(at), history: at.Before(n.live)}
	n.k++
	if e.history {
		e.due = n.clock.start
	}
	return e, n.end.IsZero() || !e.due.After(n.end)
}

// paced sends at a fixed rate, the device's turn in a round of all devices, after its history.
type paced struct {
	history *natural // nil for none
	clock   clock
	// between is the time between two events of all devices together, in nanoseconds.
	between float64
	turn    int
	devices int
	sent    int
	count   uint64
	end     time.Time
}

func (p *paced) next() (entry, bool) {
	if p.history != nil {
		e, _ := p.history.next()
		if e.history {
			p.count++
			e.sequence = p.count
			return e, true
		}
		p.history = nil
	}
	due := p.clock.start.Add(time.Duration(float64(p.sent*p.devices+p.turn) * p.between))
	p.sent++
	p.count++
	e := entry{sequence: p.count, at: p.clock.at(due).Truncate(time.Millisecond), due: due}
	return e, p.end.IsZero() || due.Before(p.end)
}

// naturalEpoch is the same for every run with a seed: the sequence is the event's number since 1970.
func naturalEpoch(seed uint64) string { return fmt.Sprintf("plant-%d", seed) }

// pacedEpoch is new for every start, as the sequence begins again.
func pacedEpoch(seed uint64, start time.Time) string {
	return fmt.Sprintf("s%d-%x", seed, start.UnixNano())
}
