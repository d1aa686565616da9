package device

import (
	"fmt"
	"strings"

	"github.com/millwright-io/millwright/tenancy"
)

// Filter chooses devices that fulfil every condition that it has; without any, all but the retired.
type Filter struct {
	// Query is a part of the id, in any case.
	Query    string
	Types    []string
	Statuses []Status
	Location Location
	Labels   []Label
	Firmware string
	// Facilities are those that the caller is confined to; none: all.
	Facilities []string
}

// Label is a label that a device must have: any value when Any, else this one.
type Label struct {
	Key, Value string
	Any        bool
}

// ParseLabel reads `key` or `key=value`.
func ParseLabel(text string) Label {
	key, value, given := strings.Cut(text, "=")
	return Label{Key: key, Value: value, Any: !given}
}

// Most is where counting what the filter chooses stops: early when each device has to be looked at.
func (f Filter) Most() int {
	if f.Query != "" || len(f.Labels) > 0 {
		return 1000
	}
	return 10_000
}

// Page asks for a part of the list.
type Page struct {
	Filter

	Size  int
	After string // the last id of the page before
}

// List is a page of devices, by id, without certificates.
type List struct {
	Devices []Device
	// More: there is another page.
	More bool
	// Total counts all that the filter chooses; at least so many when Minimum.
	Total   int
	Minimum bool
}

// check refuses conditions that no device can fulfil.
func (f Filter) check() error {
	l := f.Location
	if (l.Line != "" && l.Facility == "") || (l.Station != "" && l.Line == "") {
		return fmt.Errorf("line, station: a line is looked for in its facility and a station in its line: name those too: %w", tenancy.ErrInvalid)
	}
	return nil
}
