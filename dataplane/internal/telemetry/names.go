package telemetry

import (
	"bytes"
	"unicode"
)

// The names of measurements repeat from event to event. A decoder keeps one string a name and one list a shape.

// namesKept is how many names a decoder remembers; beyond it, it forgets all and begins again.
const namesKept = 4096

// name is an interned measurement name.
type name struct {
	text string
	// event is the last event that had it, to find duplicates.
	event uint64
	// rule is what schema says of it; dropped: it is left out of events.
	schema  *Schema
	rule    *Rule
	dropped bool
}

// shape is the list of names of the event before, and of the event that is being read.
type shape struct {
	known map[string]*name
	// before guesses the names of the event at hand: most devices send the same ones in the same order.
	before  []*name
	current []*name
	texts   []string
	event   uint64
	// longest is the limit of a name's bytes.
	longest int
}

func (s *shape) begin() {
	s.event++
	s.current = s.current[:0]
}

// forget keeps the memory bounded, between payloads.
func (s *shape) forget() {
	if s.known == nil || len(s.known) > namesKept {
		s.known = map[string]*name{}
		s.before, s.texts = nil, nil
	}
}

// add appends a name to the event at hand.
func (s *shape) add(raw []byte) (*name, *fault) {
	i := len(s.current)
	var n *name
	if i < len(s.before) && s.before[i].text == string(raw) {
		n = s.before[i]
	} else if n = s.known[string(raw)]; n == nil {
		if f := s.check(raw); f != nil {
			return nil, f
		}
		n = &name{text: string(raw)}
		s.known[n.text] = n
	}
	if n.event == s.event {
		return nil, faultf(ReasonDuplicate, "measurement %q comes twice: send each once", clip(raw))
	}
	n.event = s.event
	s.current = append(s.current, n)
	return n, nil
}

// check decides about a name that was never seen.
func (s *shape) check(raw []byte) *fault {
	if len(raw) > s.longest {
		return faultf(ReasonName, "measurement name %q is %d bytes and %d are allowed: shorten it", clip(raw), len(raw), s.longest)
	}
	if i := bytes.IndexFunc(raw, unicode.IsControl); i >= 0 {
		return faultf(ReasonName, "measurement name %q has a control character: rename it", clip(raw))
	}
	return nil
}

// names returns the event's names, without those that its schema drops, in a slice that is never modified.
func (s *shape) names() []string {
	same := len(s.current) == len(s.before)
	for i := 0; same && i < len(s.current); i++ {
		same = s.current[i] == s.before[i]
	}
	if !same {
		s.texts = make([]string, 0, len(s.current))
		for _, n := range s.current {
			if !n.dropped {
				s.texts = append(s.texts, n.text)
			}
		}
		s.before = append(s.before[:0], s.current...)
	}
	return s.texts
}
