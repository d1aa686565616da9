package frame

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Decoder reads frames. It reuses its memory: the events of a frame and their Values are valid until the next Decode;
// strings and Names may be kept, and Names must not be modified. It is not safe for concurrent use. Benchmark:
// BenchmarkDecoder.
type Decoder struct {
	events []telemetry.Event
	values []float64

	texts   []string
	sources []source
	shapes  [][]string
	intern  interner

	data []byte
	at   int
}

// NewDecoder returns a decoder.
func NewDecoder() *Decoder { return &Decoder{} }

// Decode reads one frame. Its errors wrap ErrCorrupt or ErrNewer.
func (d *Decoder) Decode(data []byte) (Frame, error) {
	if err := check(data); err != nil {
		return Frame{}, err
	}
	events := int(binary.LittleEndian.Uint32(data[eventsAt:]))
	values := int(binary.LittleEndian.Uint32(data[valuesAt:]))
	if events > len(data) || values > len(data)/8 {
		return Frame{}, fmt.Errorf("%d events and %d values in %d bytes: %w", events, values, len(data), ErrCorrupt)
	}
	d.reset(data, events, values)
	base := int64(binary.LittleEndian.Uint64(data[baseAt:]))
	for i := range d.events {
		if err := d.event(&d.events[i], base); err != nil {
			return Frame{}, fmt.Errorf("event %d of %d at byte %d: %w", i, events, d.at, err)
		}
	}
	if d.at != len(data) || len(d.values) != values {
		return Frame{}, fmt.Errorf("%d bytes after the last event: %w", len(data)-d.at, ErrCorrupt)
	}
	return Frame{Received: int64(binary.LittleEndian.Uint64(data[receivedAt:])), Events: d.events}, nil
}

func check(data []byte) error {
	if len(data) < headerSize || string(data[:len(magic)]) != magic {
		return fmt.Errorf("%d bytes do not begin with a frame's header: %w", len(data), ErrCorrupt)
	}
	want := binary.LittleEndian.Uint32(data[checksumAt:])
	got := crc32.Checksum(data[checksumAt+4:], castagnoli)
	switch v := data[len(magic)]; {
	case v > Version && got == want:
		return fmt.Errorf("version %d, this build reads %d: %w", v, Version, ErrNewer)
	case v != Version:
		return fmt.Errorf("frame version %d, this build reads %d: %w", v, Version, ErrCorrupt)
	case got != want:
		return fmt.Errorf("checksum %08x, the header says %08x: %w", got, want, ErrCorrupt)
	}
	return nil
}

func (d *Decoder) reset(data []byte, events, values int) {
	d.data, d.at = data, headerSize
	if cap(d.events) < events {
		d.events = make([]telemetry.Event, events)
	}
	d.events = d.events[:events]
	if cap(d.values) < values {
		d.values = make([]float64, 0, values)
	}
	d.values = d.values[:0]
	d.texts, d.sources, d.shapes = d.texts[:0], d.sources[:0], d.shapes[:0]
	d.intern.bound()
}

func (d *Decoder) event(ev *telemetry.Event, base int64) error {
	src, err := d.source()
	if err != nil {
		return err
	}
	if d.at >= len(d.data) || d.data[d.at]&^flagsKnown != 0 {
		return fmt.Errorf("flags: %w", ErrCorrupt)
	}
	flags := d.data[d.at]
	d.at++
	received, ok1 := d.varint()
	age, ok2 := d.varint()
	hash, ok3 := d.fixed()
	size, ok4 := d.uvarint()
	if !ok1 || !ok2 || !ok3 || !ok4 || size > math.MaxUint32 {
		return fmt.Errorf("times, hash and size: %w", ErrCorrupt)
	}
	*ev = telemetry.Event{
		Tenant: tenancy.ID(src.tenant), Device: src.device,
		Received: base + received, Time: base + received + age, Hash: hash, Size: uint32(size),
	}
	if err := d.optional(ev, flags); err != nil {
		return err
	}
	return d.measurements(ev)
}

func (d *Decoder) optional(ev *telemetry.Event, flags byte) error {
	var err error
	if flags&flagMessageID != 0 {
		raw, ok := d.bytes()
		if !ok {
			return fmt.Errorf("message id: %w", ErrCorrupt)
		}
		ev.MessageID = string(raw)
	}
	if flags&flagSequence != 0 {
		var ok bool
		if ev.Sequence, ok = d.uvarint(); !ok {
			return fmt.Errorf("sequence: %w", ErrCorrupt)
		}
		ev.HasSequence = true
	}
	if flags&flagEpoch != 0 {
		if ev.Epoch, err = d.text(); err != nil {
			return err
		}
	}
	if flags&flagAttributes != 0 {
		if ev.Attributes, err = d.text(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) measurements(ev *telemetry.Event) error {
	names, err := d.shape()
	if err != nil {
		return err
	}
	first, end := len(d.values), d.at+8*len(names)
	if end > len(d.data) || first+len(names) > cap(d.values) {
		return fmt.Errorf("%d values: %w", len(names), ErrCorrupt)
	}
	d.values = d.values[:first+len(names)]
	ev.Names, ev.Values = names, d.values[first:len(d.values):len(d.values)]
	raw := d.data[d.at:end]
	for i := range ev.Values {
		ev.Values[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	d.at = end
	return nil
}
