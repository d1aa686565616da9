package tenant

import "time"

// Hold is what a spent budget does to the tenant's events. The billing module decides it.
type Hold struct {
	// Refused: no event is taken. Otherwise EventsPerSecond are, if that is less than the limit.
	Refused         bool
	EventsPerSecond int64
	// Reason is the sentence for whoever is refused; empty: there is no hold.
	Reason       string
	Since, Until time.Time
}

// Held are the limits that a hold leaves.
func (l Limits) Held(h Hold) Limits {
	if h.Reason != "" && !h.Refused && h.EventsPerSecond < l.EventsPerSecond {
		l.EventsPerSecond, l.EventsBurst = h.EventsPerSecond, min(l.EventsBurst, h.EventsPerSecond)
	}
	return l
}
