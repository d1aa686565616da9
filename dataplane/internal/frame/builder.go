package frame

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// Builder collects events into one frame. Append encodes at once and keeps nothing of the event but its strings, until
// Reset. The zero value is ready. It is not safe for concurrent use. Benchmark: BenchmarkBuilder.
type Builder struct {
	buf    []byte
	base   int64
	latest int64
	events int
	values int

	strings map[string]uint32
	shapes  map[string]uint32
	// names is every shape's list, by its number.
	names   [][]string
	sources map[source]*lastSent
	// order holds the sources in order of their numbers; their memory is reused from frame to frame.
	order []*lastSent
	key   []byte
}

// source is who sends.
type source struct{ tenant, device string }

// lastSent remembers a source's number and what its last event looked like: most often the next one looks the same.
type lastSent struct {
	number     uint32
	shape      uint32
	hasShape   bool
	attributes string
	ref        uint32
}

// Len is how many events the frame has.
func (b *Builder) Len() int { return b.events }

// Size is how many bytes Finish would return.
func (b *Builder) Size() int { return max(len(b.buf), headerSize) }

// Reset empties the builder. What Finish returned is overwritten by the next Append.
func (b *Builder) Reset() {
	b.buf = b.buf[:0]
	b.events, b.values = 0, 0
	clear(b.strings)
	clear(b.shapes)
	clear(b.sources)
	clear(b.names)
	b.names = b.names[:0]
	b.order = b.order[:0]
}

// Finish closes the frame and returns its bytes, which are valid until the next Append or Reset. A frame cannot carry
// a receive time before that of its events, so a clock that went back is held at theirs.
func (b *Builder) Finish(received int64) []byte {
	b.begin(received)
	received = max(received, b.latest)
	copy(b.buf, magic)
	b.buf[len(magic)] = Version
	binary.LittleEndian.PutUint64(b.buf[receivedAt:], uint64(received))
	binary.LittleEndian.PutUint64(b.buf[baseAt:], uint64(b.base))
	binary.LittleEndian.PutUint32(b.buf[eventsAt:], uint32(b.events))
	binary.LittleEndian.PutUint32(b.buf[valuesAt:], uint32(b.values))
	sum := crc32.Checksum(b.buf[checksumAt+4:], castagnoli)
	binary.LittleEndian.PutUint32(b.buf[checksumAt:], sum)
	return b.buf
}

// Append adds an event.
func (b *Builder) Append(ev *telemetry.Event) {
	b.begin(ev.Received)
	b.latest = max(b.latest, ev.Received)
	last := b.source(ev)
	flags := byte(0)
	if ev.MessageID != "" {
		flags |= flagMessageID
	}
	if ev.HasSequence {
		flags |= flagSequence
	}
	if ev.Epoch != "" {
		flags |= flagEpoch
	}
	if ev.Attributes != "" {
		flags |= flagAttributes
	}
	b.buf = append(b.buf, flags)
	b.buf = binary.AppendVarint(b.buf, ev.Received-b.base)
	b.buf = binary.AppendVarint(b.buf, ev.Time-ev.Received)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, ev.Hash)
	b.buf = binary.AppendUvarint(b.buf, uint64(ev.Size))
	if flags&flagMessageID != 0 {
		b.buf = appendString(b.buf, ev.MessageID)
	}
	if flags&flagSequence != 0 {
		b.buf = binary.AppendUvarint(b.buf, ev.Sequence)
	}
	if flags&flagEpoch != 0 {
		b.buf, _ = b.text(b.buf, ev.Epoch)
	}
	if flags&flagAttributes != 0 {
		b.attributes(last, ev.Attributes)
	}
	b.shape(last, ev.Names)
	for _, v := range ev.Values[:len(ev.Names)] {
		b.buf = binary.LittleEndian.AppendUint64(b.buf, math.Float64bits(v))
	}
	b.events++
	b.values += len(ev.Names)
}

func (b *Builder) begin(received int64) {
	if len(b.buf) > 0 {
		return
	}
	b.base, b.latest = received, received
	b.buf = append(b.buf, make([]byte, headerSize)...)
	if b.strings == nil {
		b.strings = map[string]uint32{}
		b.shapes = map[string]uint32{}
		b.sources = map[source]*lastSent{}
	}
}

// source writes the source's number; a number never used before is followed by its tenant and device.
func (b *Builder) source(ev *telemetry.Event) *lastSent {
	k := source{string(ev.Tenant), ev.Device}
	last, known := b.sources[k]
	if known {
		b.buf = binary.AppendUvarint(b.buf, uint64(last.number))
		return last
	}
	last = b.nextSource()
	b.sources[k] = last
	b.buf = binary.AppendUvarint(b.buf, uint64(last.number))
	b.buf, _ = b.text(b.buf, k.tenant)
	b.buf, _ = b.text(b.buf, k.device)
	return last
}

func (b *Builder) nextSource() *lastSent {
	n := len(b.order)
	if n < cap(b.order) {
		b.order = b.order[:n+1]
	} else {
		b.order = append(b.order, nil)
	}
	if b.order[n] == nil {
		b.order[n] = &lastSent{}
	}
	*b.order[n] = lastSent{number: uint32(n)}
	return b.order[n]
}

func (b *Builder) attributes(last *lastSent, s string) {
	if s == last.attributes {
		b.buf = binary.AppendUvarint(b.buf, uint64(last.ref))
		return
	}
	last.attributes = s
	b.buf, last.ref = b.text(b.buf, s)
}

// text writes a string's number; a number never used before is followed by the string.
func (b *Builder) text(buf []byte, s string) ([]byte, uint32) {
	if n, known := b.strings[s]; known {
		return binary.AppendUvarint(buf, uint64(n)), n
	}
	n := uint32(len(b.strings))
	b.strings[s] = n
	buf = binary.AppendUvarint(buf, uint64(n))
	return appendString(buf, s), n
}

// shape writes the number of the list of names; a number never used before is followed by the list.
func (b *Builder) shape(last *lastSent, names []string) {
	if last.hasShape && slices.Equal(b.names[last.shape], names) {
		b.buf = binary.AppendUvarint(b.buf, uint64(last.shape))
		return
	}
	b.key = b.key[:0]
	for _, name := range names {
		b.key = appendString(b.key, name)
	}
	n, known := b.shapes[string(b.key)]
	if !known {
		n = uint32(len(b.names))
		b.shapes[string(b.key)] = n
		b.names = append(b.names, slices.Clone(names))
	}
	last.shape, last.hasShape = n, true
	b.buf = binary.AppendUvarint(b.buf, uint64(n))
	if known {
		return
	}
	b.buf = binary.AppendUvarint(b.buf, uint64(len(names)))
	for _, name := range names {
		b.buf, _ = b.text(b.buf, name)
	}
}
