package telemetry

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode"
)

// The fields of an event that mean something; any other is passed over.
const (
	fieldMeasurements = 1 << iota
	fieldTimestamp
	fieldDevice
	fieldMessageID
	fieldSequence
	fieldEpoch
	fieldLocation
	fieldMetadata
	fieldQuality
)

// event reads one event; `at` is on its first byte.
func (d *Decoder) event(ev *Event) *fault {
	if c := d.peek(); c != '{' {
		return d.notAnObject(c)
	}
	ev.Tenant, ev.Device = d.source.Tenant, d.source.Device
	ev.Time, ev.Received = d.source.Received, d.source.Received
	d.shape.begin()
	d.attrs.present = 0
	values, seen := len(d.values), 0
	d.at++
	for first := true; ; first = false {
		key, more, f := d.member(first)
		if f != nil {
			return f
		}
		if !more {
			break
		}
		field := known(key)
		if field&seen != 0 {
			return faultf(ReasonDuplicateField, "field %q comes twice: send each once", clip(key))
		}
		seen |= field
		if f := d.field(ev, field); f != nil {
			return f
		}
	}
	if d.source.Happened != 0 && ev.Time == d.source.Received {
		if f := d.accept(ev, time.Unix(0, d.source.Happened)); f != nil {
			return f
		}
	}
	if len(d.values) == values {
		if seen&fieldMeasurements == 0 {
			return faultf(ReasonMissing, `the event has no "measurements": send an object of named numbers`)
		}
		if len(d.shape.current) > 0 {
			return faultf(ReasonUnknownMeasurement, "none of the event's measurements is one of device type %s: send those, or add these to the type", d.schema.deviceType)
		}
		return faultf(ReasonNoMeasurements, `"measurements" is empty: send at least one named number`)
	}
	ev.Names = d.shape.names()
	ev.Values = d.values[values:len(d.values):len(d.values)]
	var f *fault
	ev.Attributes, f = d.attrs.join(d.limits.AttributeBytes)
	return f
}

func (d *Decoder) notAnObject(c byte) *fault {
	if c == '"' || c == '[' || c == '-' || '0' <= c && c <= '9' || c == 't' || c == 'f' || c == 'n' {
		if f := d.skip(1); f != nil {
			return f
		}
		return faultf(ReasonWrongType, "the event is %s: send a JSON object", typeName(c))
	}
	return d.unexpected("a JSON object")
}

func known(key []byte) int {
	switch string(key) {
	case "measurements":
		return fieldMeasurements
	case "timestamp":
		return fieldTimestamp
	case "deviceId":
		return fieldDevice
	case "messageId":
		return fieldMessageID
	case "sequence":
		return fieldSequence
	case "epoch":
		return fieldEpoch
	case "location":
		return fieldLocation
	case "metadata":
		return fieldMetadata
	case "quality":
		return fieldQuality
	}
	return 0
}

func (d *Decoder) field(ev *Event, field int) *fault {
	switch field {
	case fieldMeasurements:
		if c := d.peek(); c != '{' {
			return d.wrongType("measurements", "an object of named numbers")
		}
		d.path = d.path[:0]
		return d.measurements(2)
	case fieldLocation:
		return d.attribute(0)
	case fieldMetadata:
		return d.attribute(1)
	case fieldQuality:
		return d.attribute(2)
	case 0:
		return d.skip(2)
	}
	if d.peek() == 'n' {
		return d.literal("null")
	}
	switch field {
	case fieldTimestamp:
		return d.timestamp(ev)
	case fieldDevice:
		return d.device()
	case fieldSequence:
		return d.sequence(ev)
	case fieldEpoch:
		raw, f := d.id("epoch", ReasonEpoch, d.limits.EpochBytes)
		if string(raw) != d.epoch {
			d.epoch = string(raw)
		}
		ev.Epoch = d.epoch
		return f
	}
	raw, f := d.id("messageId", ReasonMessageID, d.limits.MessageIDBytes)
	ev.MessageID = string(raw)
	return f
}

// wrongType passes the value at hand and says what it is not.
func (d *Decoder) wrongType(name, want string) *fault {
	c := d.peek()
	if f := d.skip(2); f != nil {
		return f
	}
	return faultf(ReasonWrongType, "%q is %s: send %s", name, typeName(c), want)
}

func typeName(c byte) string {
	switch c {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

func (d *Decoder) device() *fault {
	if d.peek() != '"' {
		return d.wrongType("deviceId", "the device's id as a string, or leave it out")
	}
	raw, f := d.text()
	if f != nil {
		return f
	}
	if string(raw) != d.source.Device {
		return faultf(ReasonDeviceMismatch, "deviceId is %q and the certificate is of %q: send the certificate's device or leave it out",
			clip(raw), d.source.Device)
	}
	return nil
}

func (d *Decoder) id(name string, reason Reason, most int) ([]byte, *fault) {
	if d.peek() != '"' {
		return nil, d.wrongType(name, "a string")
	}
	raw, f := d.text()
	if f != nil {
		return nil, f
	}
	if len(raw) == 0 || len(raw) > most {
		return nil, faultf(reason, "%s is %d bytes: send 1 to %d", name, len(raw), most)
	}
	for _, c := range raw {
		if c < ' ' || c == unicode.MaxASCII {
			return nil, faultf(reason, "%s %q has a control character: send printable text", name, clip(raw))
		}
	}
	return raw, nil
}

func (d *Decoder) sequence(ev *Event) *fault {
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		return d.wrongType("sequence", "a whole number from 0 to 18446744073709551615")
	}
	start := d.at
	if _, _, f := d.digits(); f != nil {
		return f
	}
	n, err := strconv.ParseUint(string(d.data[start:d.at]), 10, 64)
	if err != nil {
		return faultf(ReasonSequence, "sequence is %s: send a whole number from 0 to 18446744073709551615", clip(d.data[start:d.at]))
	}
	ev.Sequence, ev.HasSequence = n, true
	return nil
}

// timestamp reads RFC 3339 with up to nine decimals, or whole Unix milliseconds.
func (d *Decoder) timestamp(ev *Event) *fault {
	var t time.Time
	start := d.at
	switch c := d.peek(); {
	case c == '"':
		raw, f := d.text()
		if f != nil {
			return f
		}
		if t.UnmarshalText(raw) != nil {
			return faultf(ReasonTimestamp, "timestamp %q is not RFC 3339: send one like 2024-01-15T10:30:00.000Z", clip(raw))
		}
	case c == '-' || '0' <= c && c <= '9':
		if _, _, f := d.digits(); f != nil {
			return f
		}
		ms, err := strconv.ParseInt(string(d.data[start:d.at]), 10, 64)
		if err != nil {
			return faultf(ReasonTimestamp, "timestamp %s is not whole Unix milliseconds: send those or RFC 3339", clip(d.data[start:d.at]))
		}
		t = time.UnixMilli(ms)
	default:
		return d.wrongType("timestamp", "a string like 2024-01-15T10:30:00.000Z")
	}
	return d.accept(ev, t)
}

// accept checks an event's time against its receipt.
func (d *Decoder) accept(ev *Event, t time.Time) *fault {
	received := time.Unix(0, d.source.Received)
	// The horizon is compared first, and against it in seconds, since years far away do not fit in nanoseconds.
	if horizon := int64(d.source.Horizon / time.Second); t.Unix() < received.Unix()-horizon {
		return faultf(ReasonTooOld, "timestamp %s is more than %s before its receipt: set the device's clock, or raise the horizon",
			written(t), span(d.source.Horizon))
	}
	if t.Unix() > received.Add(d.limits.Ahead).Unix() {
		return faultf(ReasonFuture, "timestamp %s is more than %s after its receipt at %s: set the device's clock",
			written(t), span(d.limits.Ahead), written(received.Truncate(time.Second)))
	}
	ev.Time = t.UnixNano()
	return nil
}

func written(t time.Time) string {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return "of year " + strconv.Itoa(y)
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// measurements reads an object of numbers and of objects of numbers; their names are joined by dots.
func (d *Decoder) measurements(level int) *fault {
	if level > d.depth {
		return faultf(ReasonTooDeep, "objects nest deeper than %d at byte %d: send a flatter object", d.depth, d.at)
	}
	base := len(d.path)
	d.at++
	for first := true; ; first = false {
		key, more, f := d.member(first)
		if f != nil || !more {
			return f
		}
		if len(key) == 0 {
			return faultf(ReasonName, "a measurement has an empty name at byte %d: name it", d.at)
		}
		name := key
		if base > 0 || d.peek() == '{' {
			d.path = append(d.path[:base], key...)
			name = d.path
		}
		if d.peek() == '{' {
			d.path = append(d.path, '.')
			f = d.measurements(level + 1)
			d.path = d.path[:base]
		} else {
			f = d.measurement(name)
		}
		if f != nil {
			return f
		}
	}
}

func (d *Decoder) measurement(name []byte) *fault {
	if len(d.shape.current) >= d.limits.Measurements {
		return faultf(ReasonManyMeasurements, "the event has more than %d measurements: send them in several events", d.limits.Measurements)
	}
	n, f := d.shape.add(name)
	if f != nil {
		return f
	}
	if n.schema != d.schema {
		n.obey(d.schema)
	}
	if n.dropped {
		return d.skip(2)
	}
	v := 0.0
	switch c := d.peek(); c {
	case 't':
		v, f = 1, d.literal("true")
	case 'f':
		f = d.literal("false")
	default:
		v, f = d.finite(name, c)
	}
	if d.schema != nil && f == nil {
		f = d.schema.fits(n, v)
	}
	d.values = append(d.values, v)
	return f
}

func (d *Decoder) finite(name []byte, c byte) (float64, *fault) {
	if c == '-' || '0' <= c && c <= '9' {
		if c != '-' || d.at+1 >= len(d.data) || d.data[d.at+1] != 'I' {
			v, f := d.number()
			if f != nil && f.reason == ReasonNotFinite {
				f.detail = fmt.Sprintf("measurement %q: %s", clip(name), f.detail)
			}
			return v, f
		}
	}
	if c == '"' || c == '[' || d.rest("null") {
		return 0, d.wrongType(clip(name), "a number, or leave it out")
	}
	for _, word := range [...]string{"NaN", "nan", "Infinity", "-Infinity", "inf", "Inf"} {
		if d.rest(word) {
			return math.NaN(), faultf(ReasonNotFinite, "measurement %q is %s: send a finite number, or leave it out", clip(name), word)
		}
	}
	return 0, d.unexpected("a number")
}

func (d *Decoder) rest(word string) bool {
	return len(d.data)-d.at >= len(word) && string(d.data[d.at:d.at+len(word)]) == word
}
