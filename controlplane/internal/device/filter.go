package device

import (
	"fmt"
	"net/url"
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
	// Only, when it is not empty, and Except name devices.
	Only, Except []string
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
	if f.Query != "" || len(f.Labels)+len(f.Only)+len(f.Except) > 0 {
		return 1000
	}
	return 10_000
}

// Order is what a list is sorted by; equal ones are by id.
type Order string

// The orders.
const (
	OrderID       Order = ""
	OrderType     Order = "type"
	OrderLocation Order = "location"
)

// Keys are what a device is sorted by, its id last.
func (o Order) Keys(d Device) []string {
	switch o {
	case OrderType:
		return []string{d.Type, d.ID}
	case OrderLocation:
		return []string{d.Location.Facility, d.Location.Line, d.Location.Station, d.ID}
	default:
		return []string{d.ID}
	}
}

// Page asks for a part of the list.
type Page struct {
	Filter

	Order      Order
	Descending bool
	Size       int
	After      []string // the keys of the last device of the page before; none: the first page
}

// Token writes the keys of a page's last device down; an id stands for itself.
func (p Page) Token(last Device) string {
	keys := p.Order.Keys(last)
	for i, k := range keys {
		keys[i] = url.QueryEscape(k)
	}
	return strings.Join(keys, "/")
}

// From begins the page after a token.
func (p Page) From(token string) (Page, error) {
	if token == "" {
		return p, nil
	}
	for part := range strings.SplitSeq(token, "/") {
		key, err := url.QueryUnescape(part)
		if err != nil {
			return p, fmt.Errorf("page_token is not one of this list: begin at its first page: %w", tenancy.ErrInvalid)
		}
		p.After = append(p.After, key)
	}
	if len(p.After) != len(p.Order.Keys(Device{})) {
		return p, fmt.Errorf("page_token is of another order: begin at the first page: %w", tenancy.ErrInvalid)
	}
	return p, nil
}

// List is a page of devices in its order, without certificates.
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
