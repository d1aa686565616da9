// Package devicetype is the noun of what devices of one kind measure, and in which units and bounds. rpc, postgres and
// distribute import it; it imports no vendor and no generated code.
package devicetype

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// Unknown says what becomes of a measurement that a type does not list.
type Unknown string

// What may become of it.
const (
	UnknownAccept     Unknown = "accept"
	UnknownDrop       Unknown = "drop"
	UnknownDeadLetter Unknown = "dead_letter"
)

// Type is what devices of one kind have in common.
type Type struct {
	ID          string `json:"device_type"`
	Description string `json:"description,omitempty"`
	// Measurements are in the order that they are shown.
	Measurements []Measurement `json:"measurements"`
	Unknown      Unknown       `json:"unknown_measurements"`
	// Version rises with every change.
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Devices have it, retired ones included.
	Devices int `json:"-"`
}

// Measurement is a named value that devices of a type send.
type Measurement struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	// Minimum and Maximum are the values that can be true; nil is no bound.
	Minimum *float64 `json:"minimum,omitempty"`
	Maximum *float64 `json:"maximum,omitempty"`
	// Precision is how many decimals are shown; nil: as many as there are.
	Precision   *int   `json:"precision,omitempty"`
	Description string `json:"description,omitempty"`
}

// Lengths in characters; a measurement's name is bounded in bytes, by the gateway's decoder.
const (
	longestDescription = 500
	longestName        = 128
	longestUnit        = 16
	longestRemark      = 200
	mostMeasurements   = 512
)

// check refuses a schema that no event could fulfil, and texts that people could mistake for others.
func (t Type) check() error {
	if len(t.Measurements) > mostMeasurements {
		return fmt.Errorf("measurements: %d are listed and %d are allowed: %w", len(t.Measurements), mostMeasurements, tenancy.ErrInvalid)
	}
	if err := name.CheckNote("description", t.Description, longestDescription); err != nil {
		return err
	}
	seen := make(map[string]int, len(t.Measurements))
	for i, m := range t.Measurements {
		at := fmt.Sprintf("measurements[%d]", i)
		if err := m.check(at); err != nil {
			return err
		}
		if first, twice := seen[m.Name]; twice {
			return fmt.Errorf("%s.name: %q is listed already, at %d: list it once: %w", at, m.Name, first, tenancy.ErrInvalid)
		}
		seen[m.Name] = i
	}
	return nil
}

func (m Measurement) check(at string) error {
	switch {
	case m.Name == "" || len(m.Name) > longestName:
		return fmt.Errorf("%s.name: it has %d bytes: want 1 to %d: %w", at, len(m.Name), longestName, tenancy.ErrInvalid)
	case strings.ContainsAny(m.Name, " \"\\") || strings.HasPrefix(m.Name, ".") || strings.HasSuffix(m.Name, ".") || strings.Contains(m.Name, ".."):
		return fmt.Errorf("%s.name: %q: write it as it is stored, e.g. temperature or vibration.x: %w", at, m.Name, tenancy.ErrInvalid)
	}
	for _, bound := range []*float64{m.Minimum, m.Maximum} {
		if bound != nil && (math.IsNaN(*bound) || math.IsInf(*bound, 0)) {
			return fmt.Errorf("%s: a bound of %s is no finite number: %w", at, m.Name, tenancy.ErrInvalid)
		}
	}
	if m.Minimum != nil && m.Maximum != nil && *m.Minimum > *m.Maximum {
		return fmt.Errorf("%s: the minimum of %s, %v, is above its maximum, %v: swap them: %w", at, m.Name, *m.Minimum, *m.Maximum, tenancy.ErrInvalid)
	}
	if m.Precision != nil && (*m.Precision < 0 || *m.Precision > 9) {
		return fmt.Errorf("%s.precision: %d: want 0 to 9: %w", at, *m.Precision, tenancy.ErrInvalid)
	}
	for _, err := range []error{
		name.Check(at+".name", m.Name, longestName), name.CheckNote(at+".unit", m.Unit, longestUnit),
		name.CheckNote(at+".description", m.Description, longestRemark),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}
