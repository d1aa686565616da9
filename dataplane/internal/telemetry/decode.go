package telemetry

import (
	"bytes"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/millwright-io/millwright/tenancy"
)

// Limits bound what a payload may hold.
type Limits struct {
	// PayloadBytes bounds the payload as it came.
	PayloadBytes int
	// Depth is how deep objects may nest; the event itself is level 1.
	Depth int
	// Measurements bounds the measurements of an event, NameBytes the flattened name of each.
	Measurements int
	NameBytes    int
	// AttributeBytes bounds location, metadata and quality together, without white space.
	AttributeBytes int
	// MessageIDBytes and EpochBytes bound the device's own ids.
	MessageIDBytes int
	EpochBytes     int
	// Ahead is how far an event's time may be after its receipt.
	Ahead time.Duration
}

// DefaultLimits are those that the documentation names.
func DefaultLimits() Limits {
	return Limits{
		PayloadBytes: 256 << 10, Depth: 8, Measurements: 512, NameBytes: 128, AttributeBytes: 8 << 10,
		MessageIDBytes: 128, EpochBytes: 64, Ahead: 10 * time.Minute,
	}
}

// invalidKept is how many events of one payload are refused one by one; what comes after them is refused as a whole.
const invalidKept = 100

// Source is where a payload comes from and when it came.
type Source struct {
	Tenant tenancy.ID
	Device string
	// Received is in Unix nanoseconds.
	Received int64
	// Happened is when the sender took the message in, as it says: the time of events that have none. 0: they happened when
	// they were received.
	Happened int64
	// Horizon is how old an event may be.
	Horizon time.Duration
	// Schema is that of the device's type; nil accepts everything.
	Schema *Schema
}

// Result is what a payload held. A payload has at least one of the two.
type Result struct {
	Events  []Event
	Invalid []*Invalid
}

// Decoder reads payloads: one JSON object, an array of objects, or one object a line. It reads each byte once and
// allocates only for what it has not seen in the payloads before, so keep one per sender. The events, their Values and
// the Invalids' payloads are valid until the next Decode or until the payload changes; strings and Names may be kept,
// and Names must not be modified. It is not safe for concurrent use. Benchmark: BenchmarkDecode.
type Decoder struct {
	scanner
	limits Limits
	source Source
	shape  shape
	// schema is that of the payload before.
	schema *Schema
	attrs  attributes
	path   []byte
	events []Event
	values []float64
	faults []*Invalid
	// dirty says that the payload is not valid UTF-8 somewhere.
	dirty bool
	// count is how many events were met so far.
	count int
	// epoch is the last one seen: it rarely changes.
	epoch string
}

// NewDecoder returns a decoder with these limits.
func NewDecoder(limits Limits) *Decoder {
	return &Decoder{limits: limits, scanner: scanner{depth: limits.Depth}, shape: shape{longest: limits.NameBytes}}
}

// Decode reads a payload. The good events survive the bad ones.
func (d *Decoder) Decode(source Source, payload []byte) Result {
	d.source, d.data, d.at, d.count = source, payload, 0, 0
	d.events, d.values, d.faults = d.events[:0], d.values[:0], nil
	d.shape.forget()
	if source.Schema != d.schema {
		d.schema, d.shape.before = source.Schema, nil
	}
	if len(payload) > d.limits.PayloadBytes {
		d.refuse(0, len(payload), faultf(ReasonTooLarge, "the payload is %d bytes and %d are allowed: send fewer events at once",
			len(payload), d.limits.PayloadBytes))
		return Result{nil, d.faults}
	}
	d.dirty = !utf8.Valid(payload)
	if d.space() == '[' {
		d.array()
	} else {
		d.lines()
	}
	if d.count == 0 {
		d.refuse(0, len(payload), faultf(ReasonEmpty, "the payload has no event: send one JSON object, an array of them, or one a line"))
	}
	return Result{d.events, d.faults}
}

// array reads `[event, …]`.
func (d *Decoder) array() {
	d.at++
	if d.space() == ']' {
		d.at++
		d.end()
		return
	}
	for {
		d.space()
		refused := len(d.faults)
		if d.at >= len(d.data) || !d.element(d.arrayExtent) {
			d.remainder(d.at, "an event")
			return
		}
		switch d.space() {
		case 0:
			if len(d.faults) > refused {
				return // the refused event was the one that is cut off
			}
			d.remainder(d.at, "a comma or ]")
			return
		case ',':
			d.at++
		case ']':
			d.at++
			d.end()
			return
		default:
			d.remainder(d.at, "a comma or ]")
			return
		}
	}
}

// lines reads objects with white space between them.
func (d *Decoder) lines() {
	for d.space() != 0 || d.at < len(d.data) {
		if !d.element(d.lineExtent) {
			d.remainder(d.at, "")
			return
		}
	}
}

// end refuses what stands behind an array.
func (d *Decoder) end() {
	if d.space() != 0 || d.at < len(d.data) {
		d.remainder(d.at, "the end of the payload")
	}
}

// remainder refuses the payload from start, where something else than want was due.
func (d *Decoder) remainder(start int, want string) {
	f := faultf(ReasonManyInvalid, "more than %d events of one payload are invalid: the rest of it was not read", invalidKept)
	if len(d.faults) < invalidKept {
		f = d.unexpected(want)
	}
	d.refuse(start, len(d.data), f)
}

// refuse keeps the bytes from start to end as an event that is not one; the whole payload where there are none.
func (d *Decoder) refuse(start, end int, f *fault) {
	if start >= end {
		start, end = 0, len(d.data)
	}
	d.faults = append(d.faults, &Invalid{Reason: f.reason, Detail: f.detail, Index: d.count, Payload: d.data[start:end]})
	d.count++
}

// element reads one event, or refuses it and moves behind it. It returns false when too many were refused.
func (d *Decoder) element(extent func(start int) int) bool {
	if len(d.faults) >= invalidKept {
		return false
	}
	start, values := d.at, len(d.values)
	d.events = append(d.events, Event{})
	ev := &d.events[len(d.events)-1]
	f := d.event(ev)
	if f == nil && d.dirty && !utf8.Valid(d.data[start:d.at]) {
		f = faultf(ReasonInvalidUTF8, "the event is not valid UTF-8: send UTF-8")
	}
	if f == nil {
		ev.Size = uint32(d.at - start)
		ev.Hash = xxhash.Sum64(d.data[start:d.at])
		d.count++
		return true
	}
	d.events, d.values = d.events[:len(d.events)-1], d.values[:values]
	d.at = extent(start)
	if f.reason != ReasonInvalidUTF8 && d.dirty && !utf8.Valid(d.data[start:d.at]) {
		f = faultf(ReasonInvalidUTF8, "the event is not valid UTF-8: send UTF-8")
	}
	d.refuse(start, d.at, f)
	return true
}

// arrayExtent returns where the element that begins at start ends, by its brackets alone.
func (d *Decoder) arrayExtent(start int) int { return extent(d.data, start) }

// lineExtent does the same for an object on a line: the next line that begins with a brace ends it in any case.
func (d *Decoder) lineExtent(start int) int {
	data := d.data
	if next := bytes.Index(data[start:], []byte("\n{")); next >= 0 {
		data = data[:start+next]
	}
	end := extent(data, start)
	// Garbage behind the object belongs to its line.
	if rest := bytes.IndexByte(data[end:], '\n'); rest >= 0 {
		return end + rest
	}
	return len(data)
}

func extent(data []byte, start int) int {
	depth, quoted := 0, false
	for i := start; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == ',' && depth == 0:
			return i
		case c == '}' || c == ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(data)
}
