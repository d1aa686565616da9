package engine

import (
	"slices"
	"time"
)

// lateKept is how long, in the log's time, late messages are remembered after the device's last one.
const lateKept = time.Hour

// lateMessages are the keys of messages without a sequence by which a device catches up. More of them lie between the first time and the
// second than any device sends live, so they are remembered besides the recent ones, as long as the device catches up. Two sorted lists of
// Options.LateMessages at most: when young is full, it becomes old and what was old is forgotten. 8 bytes a message, in memory and in the snapshot.
type lateMessages struct {
	young, old []uint64
	// seen is the log's time of the last one.
	seen int64
}

func (l *lateMessages) has(key uint64) bool {
	if _, ok := slices.BinarySearch(l.young, key); ok {
		return true
	}
	_, ok := slices.BinarySearch(l.old, key)
	return ok
}

func (l *lateMessages) len() int { return len(l.young) + len(l.old) }

// rememberLate adds a key that is new, if the tenant has room for it.
func (s *State) rememberLate(d *device, key uint64) {
	t, l := d.tenant, d.late
	if l != nil && len(l.young) >= s.options.LateMessages {
		t.late -= len(l.old)
		l.young, l.old = nil, l.young
	}
	if t.late >= s.options.TenantLateMessages {
		return
	}
	if l == nil {
		l = &lateMessages{}
		d.late = l
	}
	at, _ := slices.BinarySearch(l.young, key)
	l.young = slices.Insert(l.young, at, key)
	l.seen = s.logTime
	t.late++
}

// forgetLate forgets late messages of a device that has caught up.
func (s *State) forgetLate(d *device) {
	if d.late != nil && s.logTime-d.late.seen > int64(lateKept) {
		d.tenant.late -= d.late.len()
		d.late = nil
	}
}
