package deadletter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are named by people, whatever the machine knows

	"github.com/millwright-io/millwright/tenancy"
)

// Edit changes a message before it is decoded: it scales, drops, reads the time, and renames last, so that every field is
// named as it stands in the message: by its path from the event on, with dots.
type Edit struct {
	Renames   []Rename
	Drops     []string
	Scales    []Scale
	Timestamp *TimestampEdit
	// Payload takes the place of the message; nil: it does not.
	Payload []byte
}

// Rename moves a field.
type Rename struct{ From, To string }

// Scale multiplies a number; a number in quotes becomes one.
type Scale struct {
	Field  string
	Factor float64
}

// TimestampEdit reads an event's time from a field and writes it as the product reads it.
type TimestampEdit struct {
	Field  string
	Format Format
	Zone   string
	Shift  time.Duration
}

// Format is how a time is written.
type Format string

// The formats; the empty one is RFC 3339 or Unix milliseconds.
const (
	Usual            Format = ""
	UnixSeconds      Format = "unix_seconds"
	UnixMicroseconds Format = "unix_microseconds"
	UnixNanoseconds  Format = "unix_nanoseconds"
	Local            Format = "local"
	LocalDayFirst    Format = "local_day_first"
	LocalMonthFirst  Format = "local_month_first"
	Received         Format = "received"
)

var layouts = map[Format]string{
	Local: "2006-01-02 15:04:05", LocalDayFirst: "02.01.2006 15:04:05", LocalMonthFirst: "01/02/2006 15:04:05",
}

// mapping says whether the edit looks into the message.
func (e Edit) mapping() bool {
	return len(e.Renames)+len(e.Drops)+len(e.Scales) > 0 || e.Timestamp != nil
}

// Validate returns what is wrong with the edit whatever the message.
func (e Edit) Validate() error {
	if t := e.Timestamp; t != nil {
		if _, err := time.LoadLocation(t.Zone); err != nil || t.Zone == "Local" {
			return fmt.Errorf("timestamp zone %q: send an IANA name such as Europe/Berlin: %w", t.Zone, tenancy.ErrInvalid)
		}
	}
	for _, s := range e.Scales {
		if s.Factor == 0 || math.IsInf(s.Factor, 0) || math.IsNaN(s.Factor) {
			return fmt.Errorf("scale %s by %g: send a factor other than 0: %w", s.Field, s.Factor, tenancy.ErrInvalid)
		}
	}
	return nil
}

// Apply returns the message after the edit.
func (e Edit) Apply(payload []byte) ([]byte, error) {
	if e.Payload != nil {
		payload = e.Payload
	}
	if !e.mapping() {
		return payload, nil
	}
	list, array, err := events(payload)
	if err != nil {
		return nil, err
	}
	for _, event := range list {
		if err := e.one(event); err != nil {
			return nil, err
		}
	}
	if array {
		return (&node{kind: '[', items: list}).write(nil), nil
	}
	var out []byte
	for _, event := range list {
		out = append(event.write(out), '\n')
	}
	return bytes.TrimSuffix(out, []byte{'\n'}), nil
}

func (e Edit) one(event *node) error {
	for _, s := range e.Scales {
		var err error
		event.find(s.Field, func(m *member) bool { err = s.apply(m.value); return true })
		if err != nil {
			return err
		}
	}
	for _, path := range e.Drops {
		event.find(path, func(*member) bool { return false })
	}
	if e.Timestamp != nil {
		if err := e.Timestamp.apply(event); err != nil {
			return err
		}
	}
	for _, r := range e.Renames {
		var moved *node
		event.find(r.From, func(m *member) bool { moved = m.value; return false })
		if moved != nil {
			event.set(r.To, moved)
		}
	}
	return nil
}

// scalar returns a number, or what stands in quotes.
func (n *node) scalar() string {
	text := ""
	if n.kind == 0 && json.Unmarshal(n.raw, &text) == nil {
		return strings.TrimSpace(text)
	}
	return string(n.raw)
}

func (s Scale) apply(n *node) error {
	v, err := strconv.ParseFloat(n.scalar(), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v*s.Factor, 0) {
		return fmt.Errorf("%s is %s, which is no number: drop the field: %w", s.Field, short(n), tenancy.ErrInvalid)
	}
	n.raw = strconv.AppendFloat(nil, v*s.Factor, 'g', -1, 64)
	return nil
}

func short(n *node) string {
	text := n.write(nil)
	if len(text) > 40 {
		return strings.ToValidUTF8(string(text[:40]), "?") + "…"
	}
	return strings.ToValidUTF8(string(text), "?")
}

func (t *TimestampEdit) apply(event *node) error {
	field := t.Field
	if field == "" {
		field = "timestamp"
	}
	var found *node
	event.find(field, func(m *member) bool { found = m.value; return false })
	if t.Format == Received {
		event.find("timestamp", func(*member) bool { return false })
		return nil
	}
	if found == nil {
		return fmt.Errorf("the event has no field %s to read its time from: %w", field, tenancy.ErrInvalid)
	}
	at, err := t.read(found.scalar())
	if err != nil {
		return fmt.Errorf("%s is %s, which is no time in that format: %w", field, short(found), tenancy.ErrInvalid)
	}
	at = at.Add(t.Shift).UTC()
	if at.Year() < 1971 || at.Year() > 2200 {
		return fmt.Errorf("%s is %s, which gives a time in the year %d: choose another format: %w", field, short(found), at.Year(), tenancy.ErrInvalid)
	}
	event.set("timestamp", &node{raw: []byte(at.Format(`"` + time.RFC3339Nano + `"`))})
	return nil
}

func (t *TimestampEdit) read(text string) (time.Time, error) {
	if layout, ok := layouts[t.Format]; ok {
		zone, err := time.LoadLocation(t.Zone)
		if err != nil {
			return time.Time{}, err
		}
		return time.ParseInLocation(layout, strings.Replace(text, "T", " ", 1), zone)
	}
	if t.Format == Usual {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at, nil
		}
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	switch t.Format {
	case UnixSeconds:
		part, err := strconv.ParseFloat("0."+fraction+"0", 64)
		return time.Unix(n, int64(part*1e9)), err
	case UnixMicroseconds:
		return time.UnixMicro(n), nil
	case UnixNanoseconds:
		return time.Unix(0, n), nil
	}
	return time.UnixMilli(n), nil
}
