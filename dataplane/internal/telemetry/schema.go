package telemetry

import (
	"math"
	"strconv"
	"strings"
)

// Unknown says what becomes of a measurement that a schema does not list.
type Unknown uint8

// What may become of it.
const (
	UnknownAccept Unknown = iota
	UnknownDrop
	UnknownDeadLetter
)

// Rule is what a schema says of a measurement. Bounds that are not there are infinite.
type Rule struct {
	Name             string
	Unit             string
	Minimum, Maximum float64
}

// Schema is what a device's type says of its measurements. A nil Schema accepts everything.
type Schema struct {
	deviceType string
	rules      map[string]*Rule
	unknown    Unknown
}

// NewSchema returns the schema of a type; nil when it would accept everything, so that nothing is asked for each value.
func NewSchema(deviceType string, rules []Rule, unknown Unknown) *Schema {
	s := &Schema{deviceType: deviceType, rules: make(map[string]*Rule, len(rules)), unknown: unknown}
	bounded := unknown != UnknownAccept
	for _, r := range rules {
		s.rules[r.Name] = &r
		bounded = bounded || !math.IsInf(r.Minimum, -1) || !math.IsInf(r.Maximum, 1)
	}
	if !bounded {
		return nil
	}
	return s
}

// obey looks up what a schema, which may be nil, says of a name: once for each schema that a decoder meets.
func (n *name) obey(s *Schema) {
	n.schema, n.rule, n.dropped = s, nil, false
	if s != nil {
		n.rule = s.rules[n.text]
		n.dropped = n.rule == nil && s.unknown == UnknownDrop
	}
}

// fits holds a value against the schema.
func (s *Schema) fits(n *name, v float64) *fault {
	r := n.rule
	switch {
	case r == nil:
		if s.unknown == UnknownDeadLetter {
			return faultf(ReasonUnknownMeasurement, "measurement %q is none of device type %s: leave it out, or add it to the type", clip([]byte(n.text)), s.deviceType)
		}
	case v < r.Minimum || v > r.Maximum:
		return faultf(ReasonOutOfRange, "measurement %q is %s and device type %s allows %s: check the sensor, or change the type",
			clip([]byte(n.text)), number(v), s.deviceType, r.bounds())
	}
	return nil
}

func (r *Rule) bounds() string {
	text := ""
	switch {
	case math.IsInf(r.Minimum, -1):
		text = "at most " + number(r.Maximum)
	case math.IsInf(r.Maximum, 1):
		text = "at least " + number(r.Minimum)
	default:
		text = number(r.Minimum) + " to " + number(r.Maximum)
	}
	return strings.TrimSuffix(text+" "+r.Unit, " ")
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
