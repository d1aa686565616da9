package engine

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// The bounds of what is remembered of a device to recognise a message that it sent before.
const (
	// maxEpochs is how many epochs are remembered; the one not used for longest goes.
	maxEpochs = 8
	// maxSpans is how many runs of received sequences are remembered in an epoch, so how many gaps. A week of minutes in
	// no order at all has 2520 at its worst, a quarter of its events. When there are more, the oldest gap is given up: a sequence from before its end is a dead letter from then on, never a lost or
	// doubled row.
	maxSpans = 4096
	// maxRecent is how many messages without a sequence are remembered, besides many more late ones for a while: see lateMessages.
	maxRecent = 4096
)

type verdict int

const (
	fresh verdict = iota
	duplicate
	expired
)

// verdict says whether the device sent e before, and remembers it.
func (s *State) verdict(d *device, e *telemetry.Event) verdict {
	if e.HasSequence {
		return d.epoch(e.Epoch, s.position).add(e.Sequence)
	}
	key := e.Hash ^ mix(uint64(e.Time))
	if e.MessageID != "" {
		key = xxhash.Sum64String(e.MessageID)
	}
	if d.late != nil && d.late.has(key) || !d.recent.add(key) {
		return duplicate
	}
	if e.Late() {
		s.rememberLate(d, key)
	}
	return fresh
}

// mix is the finaliser of splitmix64: neighbouring times give unrelated keys.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *device) epoch(name string, position uint64) *epoch {
	for _, e := range d.epochs {
		if e.name == name {
			e.used = position
			return e
		}
	}
	if len(d.epochs) == maxEpochs {
		oldest := 0
		for i, e := range d.epochs {
			if e.used < d.epochs[oldest].used {
				oldest = i
			}
		}
		d.epochs = slices.Delete(d.epochs, oldest, oldest+1)
	}
	e := &epoch{name: string(append([]byte(nil), name...)), used: position}
	d.epochs = append(d.epochs, e)
	return e
}

// epoch is the set of sequences received since the device began to count anew, as runs: its last end is the high-water
// mark, the room between runs are the gaps. A device that catches up a week adds two numbers.
type epoch struct {
	name string
	// used is the position of the last event, for forgetting.
	used uint64
	// floor is the end of the last gap that was given up; 0 when none was.
	floor uint64
	spans []span
}

// span is the sequences from..to, both included.
type span struct{ from, to uint64 }

func (e *epoch) add(seq uint64) verdict {
	n := len(e.spans)
	if n > 0 && e.spans[n-1].to+1 == seq && seq != 0 {
		e.spans[n-1].to = seq
		return fresh
	}
	if e.floor > 0 && seq <= e.floor {
		return expired
	}
	// at is the first run that ends at or after seq.
	at, _ := slices.BinarySearchFunc(e.spans, seq, func(s span, seq uint64) int {
		if s.to < seq {
			return -1
		}
		return 1
	})
	if at < n && e.spans[at].from <= seq {
		return duplicate
	}
	joinsBefore := at > 0 && e.spans[at-1].to+1 == seq
	joinsAfter := at < n && e.spans[at].from == seq+1
	switch {
	case joinsBefore && joinsAfter:
		e.spans[at-1].to = e.spans[at].to
		e.spans = slices.Delete(e.spans, at, at+1)
	case joinsBefore:
		e.spans[at-1].to = seq
	case joinsAfter:
		e.spans[at].from = seq
	default:
		e.spans = slices.Insert(e.spans, at, span{seq, seq})
		e.forget()
	}
	return fresh
}

// forget gives up the oldest gap when there are too many.
func (e *epoch) forget() {
	if len(e.spans) <= maxSpans {
		return
	}
	e.floor = e.spans[1].from - 1
	e.spans[1].from = e.spans[0].from
	e.spans = slices.Delete(e.spans, 0, 1)
}

// recent is the set of the last maxRecent keys.
type recent struct {
	ring []uint64
	next int
	set  map[uint64]struct{}
}

// add reports false when key is in the set already.
func (r *recent) add(key uint64) bool {
	if r.set == nil {
		r.set = make(map[uint64]struct{}, len(r.ring)+1)
		for _, k := range r.ring {
			r.set[k] = struct{}{}
		}
	}
	if _, ok := r.set[key]; ok {
		return false
	}
	r.set[key] = struct{}{}
	if len(r.ring) < maxRecent {
		r.ring = append(r.ring, key)
		return true
	}
	delete(r.set, r.ring[r.next])
	r.ring[r.next] = key
	r.next = (r.next + 1) % maxRecent
	return true
}
