package telemetry

import "bytes"

// The rest of an event (location, metadata, quality) is kept as one compact JSON object. Most of it repeats from event
// to event, so a decoder remembers how each part came last and takes an equal one without reading it.

var attributeNames = [...]string{"location", "metadata", "quality"}

// attribute is one part.
type attribute struct {
	// raw is the part as it came last, white space included; empty when it cannot be recognised by its first bytes.
	raw     []byte
	compact []byte
}

type attributes struct {
	parts [len(attributeNames)]attribute
	// present is the set of parts of the event at hand, before that of text, and changed the parts that text has in an
	// older form.
	present, changed, before uint8
	text                     string
	buf                      []byte
}

// attribute reads a part; `at` is on its value.
func (d *Decoder) attribute(i int) *fault {
	if d.peek() == 'n' {
		return d.literal("null")
	}
	part := &d.attrs.parts[i]
	d.attrs.present |= 1 << i
	if len(part.raw) > 0 && bytes.HasPrefix(d.data[d.at:], part.raw) {
		d.at += len(part.raw)
		return nil
	}
	start := d.at
	d.spaces = 0
	if f := d.skip(2); f != nil {
		return f
	}
	raw := d.data[start:d.at]
	d.attrs.changed |= 1 << i
	part.compact = part.compact[:0]
	if d.spaces == 0 {
		part.compact = append(part.compact, raw...)
	} else {
		part.compact = appendCompact(part.compact, raw)
	}
	part.raw = part.raw[:0]
	// Only what carries its own end can be recognised by its first bytes: 1 also begins 12.
	if c := raw[0]; (c == '{' || c == '[' || c == '"') && len(raw) <= 2*d.limits.AttributeBytes {
		part.raw = append(part.raw, raw...)
	}
	return nil
}

// join returns the event's attributes.
func (a *attributes) join(most int) (string, *fault) {
	if a.changed == 0 && a.present == a.before {
		return a.text, nil
	}
	a.buf = a.buf[:0]
	for i := range a.parts {
		if a.present&(1<<i) == 0 {
			continue
		}
		a.buf = append(a.buf, ',', '"')
		a.buf = append(a.buf, attributeNames[i]...)
		a.buf = append(a.buf, '"', ':')
		a.buf = append(a.buf, a.parts[i].compact...)
	}
	if len(a.buf)+1 > most {
		return "", faultf(ReasonAttributesTooLarge, "location, metadata and quality together are %d bytes and %d are allowed: send less",
			len(a.buf)+1, most)
	}
	a.before, a.changed, a.text = a.present, 0, ""
	if len(a.buf) > 0 {
		a.buf[0] = '{'
		a.buf = append(a.buf, '}')
		a.text = string(a.buf)
	}
	return a.text, nil
}

// appendCompact appends valid JSON without the white space outside its strings.
func appendCompact(dst, src []byte) []byte {
	quoted := false
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case quoted && c == '\\':
			dst = append(dst, c)
			i++
			c = src[i]
		case c == '"':
			quoted = !quoted
		case !quoted && c <= ' ':
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
