package mqttclient

import (
	"encoding/binary"
	"fmt"
)

// properties are those of version 5 that a publisher heeds.
type properties struct {
	reason         string
	receiveMaximum int
}

const (
	propReasonString   = 0x1f
	propReceiveMaximum = 0x21
	propUserProperty   = 0x26
)

// propWidth says how many bytes a property of fixed width takes; -1: two length-prefixed bytes and text; -2: a
// variable byte integer.
var propWidth = map[byte]int{
	0x01: 1, 0x02: 4, 0x03: -1, 0x08: -1, 0x09: -1, 0x0b: -2, 0x11: 4, 0x12: -1, 0x13: 2, 0x15: -1, 0x16: -1, 0x17: 1,
	0x18: 4, 0x19: 1, 0x1a: -1, 0x1c: -1, propReasonString: -1, propReceiveMaximum: 2, 0x22: 2, 0x23: 2, 0x24: 1,
	0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2a: 1,
}

func parseProperties(b []byte) (properties, error) {
	var p properties
	n, b, ok := cutVarint(b)
	if !ok || n > len(b) {
		return p, fmt.Errorf("properties cut off: %w", errMalformed)
	}
	for b = b[:n]; len(b) > 0; {
		id := b[0]
		value, rest, ok := cutProperty(id, b[1:])
		if !ok {
			return p, fmt.Errorf("property 0x%02x: %w", id, errMalformed)
		}
		switch id {
		case propReasonString:
			p.reason = string(value)
		case propReceiveMaximum:
			p.receiveMaximum = int(binary.BigEndian.Uint16(value))
		}
		b = rest
	}
	return p, nil
}

func cutProperty(id byte, b []byte) (value, rest []byte, ok bool) {
	if id == propUserProperty {
		if _, b, ok = cutText(b); !ok {
			return nil, nil, false
		}
		return cutText(b)
	}
	width, known := propWidth[id]
	switch {
	case !known:
		return nil, nil, false
	case width == -1:
		return cutText(b)
	case width == -2:
		_, rest, ok = cutVarint(b)
		return nil, rest, ok
	case width > len(b):
		return nil, nil, false
	}
	return b[:width], b[width:], true
}

func cutText(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

func cutVarint(b []byte) (n int, rest []byte, ok bool) {
	for i, shift := 0, 0; i < len(b) && i < 4; i, shift = i+1, shift+7 {
		n |= int(b[i]&0x7f) << shift
		if b[i] < 0x80 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}
