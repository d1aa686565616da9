package frame

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// The numbers of the dictionaries rise by one from 0, and an entry stands where its number is used first: a number that
// is equal to the entries so far announces a new one.

func (d *Decoder) source() (source, error) {
	n, ok := d.uvarint()
	if !ok || n > uint64(len(d.sources)) {
		return source{}, fmt.Errorf("source: %w", ErrCorrupt)
	}
	if n < uint64(len(d.sources)) {
		return d.sources[n], nil
	}
	tenant, err := d.text()
	if err != nil {
		return source{}, err
	}
	device, err := d.text()
	if err != nil {
		return source{}, err
	}
	d.sources = append(d.sources, source{tenant, device})
	return d.sources[n], nil
}

func (d *Decoder) text() (string, error) {
	n, ok := d.uvarint()
	if !ok || n > uint64(len(d.texts)) {
		return "", fmt.Errorf("string: %w", ErrCorrupt)
	}
	if n < uint64(len(d.texts)) {
		return d.texts[n], nil
	}
	raw, ok := d.bytes()
	if !ok {
		return "", fmt.Errorf("string: %w", ErrCorrupt)
	}
	d.texts = append(d.texts, d.intern.text(raw))
	return d.texts[n], nil
}

func (d *Decoder) shape() ([]string, error) {
	n, ok := d.uvarint()
	if !ok || n > uint64(len(d.shapes)) {
		return nil, fmt.Errorf("names: %w", ErrCorrupt)
	}
	if n < uint64(len(d.shapes)) {
		return d.shapes[n], nil
	}
	count, ok := d.uvarint()
	if !ok || count > uint64(len(d.data)-d.at) {
		return nil, fmt.Errorf("count of names: %w", ErrCorrupt)
	}
	d.intern.names = d.intern.names[:0]
	for range count {
		name, err := d.text()
		if err != nil {
			return nil, err
		}
		d.intern.names = append(d.intern.names, name)
	}
	d.shapes = append(d.shapes, d.intern.shape())
	return d.shapes[n], nil
}

func (d *Decoder) bytes() ([]byte, bool) {
	n, ok := d.uvarint()
	if !ok || n > uint64(len(d.data)-d.at) {
		return nil, false
	}
	raw := d.data[d.at : d.at+int(n)]
	d.at += int(n)
	return raw, true
}

func (d *Decoder) fixed() (uint64, bool) {
	if len(d.data)-d.at < 8 {
		return 0, false
	}
	v := binary.LittleEndian.Uint64(d.data[d.at:])
	d.at += 8
	return v, true
}

func (d *Decoder) uvarint() (uint64, bool) {
	if d.at < len(d.data) && d.data[d.at] < 0x80 {
		d.at++
		return uint64(d.data[d.at-1]), true
	}
	v, n := binary.Uvarint(d.data[d.at:])
	d.at += max(n, 0)
	return v, n > 0
}

func (d *Decoder) varint() (int64, bool) {
	v, n := binary.Varint(d.data[d.at:])
	d.at += max(n, 0)
	return v, n > 0
}

// The interner's bounds. Beyond them it forgets everything and begins again, between frames.
const (
	internEntries = 64 << 10
	internBytes   = 8 << 20
)

// interner gives equal strings and equal lists of names one memory across frames.
type interner struct {
	texts map[string]string
	bytes int
	// shapes are found by the lists' lengths and strings, written one after the other.
	shapes map[string][]string
	names  []string
	key    []byte
}

func (in *interner) bound() {
	full := len(in.texts)+len(in.shapes) >= internEntries || in.bytes >= internBytes
	if in.texts == nil || full {
		in.texts, in.shapes, in.bytes = map[string]string{}, map[string][]string{}, 0
	}
}

func (in *interner) text(raw []byte) string {
	if s, ok := in.texts[string(raw)]; ok {
		return s
	}
	s := string(raw)
	in.texts[s] = s
	in.bytes += len(s)
	return s
}

func (in *interner) shape() []string {
	in.key = in.key[:0]
	for _, name := range in.names {
		in.key = appendString(in.key, name)
	}
	if names, ok := in.shapes[string(in.key)]; ok {
		return names
	}
	names := slices.Clip(slices.Clone(in.names))
	in.shapes[string(in.key)] = names
	in.bytes += len(in.key) + 16*len(names)
	return names
}
