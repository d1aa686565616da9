package deadletter

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/millwright-io/millwright/tenancy"
)

// node is a JSON value that keeps its members' order and its scalars' bytes. It also takes words that are not JSON, such
// as NaN, so that an edit can drop them.
type node struct {
	kind    byte // '{', '[' or 0 for a scalar
	raw     []byte
	members []member
	items   []*node
}

type member struct {
	name  string
	value *node
}

// maxDepth is how deep an edit follows a message.
const maxDepth = 32

type reader struct {
	data []byte
	at   int
}

func (r *reader) space() byte {
	for r.at < len(r.data) {
		c := r.data[r.at]
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
		r.at++
	}
	return 0
}

func (r *reader) fail(want string) error {
	return fmt.Errorf("byte %d: %s is due: the message is not JSON, so no field can be edited: replace its payload: %w", r.at, want, tenancy.ErrInvalid)
}

// events reads a payload: one object, an array of them, or one behind the other.
func events(payload []byte) (list []*node, array bool, err error) {
	r := &reader{data: payload}
	if r.space() == '[' {
		n, err := r.value(0)
		if err == nil && r.space() != 0 {
			err = r.fail("the end")
		}
		if err != nil {
			return nil, true, err
		}
		return n.items, true, nil
	}
	for r.space() != 0 || r.at < len(r.data) {
		n, err := r.value(0)
		if err != nil {
			return nil, false, err
		}
		list = append(list, n)
	}
	return list, false, nil
}

func (r *reader) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, r.fail("a flatter object")
	}
	switch c := r.space(); c {
	case '{', '[':
		r.at++
		n := &node{kind: c}
		return n, r.inside(n, depth)
	case '"':
		raw, err := r.text()
		return &node{raw: raw}, err
	}
	start := r.at
	for r.at < len(r.data) && !strings.ContainsRune(",:]}[{\"\n\r\t ", rune(r.data[r.at])) {
		r.at++
	}
	if r.at == start {
		return nil, r.fail("a value")
	}
	return &node{raw: r.data[start:r.at]}, nil
}

// inside reads the members or items of n and its closing bracket.
func (r *reader) inside(n *node, depth int) error {
	closing := byte('}')
	if n.kind == '[' {
		closing = ']'
	}
	if r.space() == closing {
		r.at++
		return nil
	}
	for {
		name := ""
		if n.kind == '{' {
			if r.space() != '"' {
				return r.fail("a field name")
			}
			raw, err := r.text()
			if err != nil {
				return err
			}
			if json.Unmarshal(raw, &name) != nil {
				return r.fail("a field name")
			}
			if r.space() != ':' {
				return r.fail("a colon")
			}
			r.at++
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		if n.kind == '{' {
			n.members = append(n.members, member{name, v})
		} else {
			n.items = append(n.items, v)
		}
		switch r.space() {
		case closing:
			r.at++
			return nil
		case ',':
			r.at++
		default:
			return r.fail("a comma")
		}
	}
}

func (r *reader) text() ([]byte, error) {
	start := r.at
	for r.at++; r.at < len(r.data); r.at++ {
		switch r.data[r.at] {
		case '\\':
			r.at++
		case '"':
			r.at++
			return r.data[start:r.at], nil
		}
	}
	r.at = len(r.data)
	return nil, r.fail("the end of a string")
}

// write appends the value as compact JSON.
func (n *node) write(dst []byte) []byte {
	switch n.kind {
	case '{':
		dst = append(dst, '{')
		for i, m := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			name, _ := json.Marshal(m.name) // a string always encodes
			dst = append(append(dst, name...), ':')
			dst = m.value.write(dst)
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.write(dst)
		}
		return append(dst, ']')
	}
	return append(dst, n.raw...)
}

// find calls each for every field at a path, whose parts may be joined by dots in a name or nested. each returns false to
// take the field away.
func (n *node) find(path string, each func(*member) bool) {
	if n.kind != '{' {
		return
	}
	kept := n.members[:0]
	for _, m := range n.members {
		if m.name == path {
			if each(&m) {
				kept = append(kept, m)
			}
			continue
		}
		if rest, ok := strings.CutPrefix(path, m.name+"."); ok {
			m.value.find(rest, each)
		}
		kept = append(kept, m)
	}
	n.members = kept
}

// measurementsPrefix begins the path of a measurement.
const measurementsPrefix = "measurements."

// set puts a value at a path: a measurement under its flattened name, anything else as a field of the event.
func (n *node) set(path string, value *node) {
	in := n
	if name, ok := strings.CutPrefix(path, measurementsPrefix); ok {
		in = nil
		for _, m := range n.members {
			if m.name == "measurements" && m.value.kind == '{' {
				in = m.value
			}
		}
		if in == nil {
			in = &node{kind: '{'}
			n.members = append(n.members, member{"measurements", in})
		}
		path = name
	}
	in.find(path, func(*member) bool { return false })
	in.members = append(in.members, member{path, value})
}
