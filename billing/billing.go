// Package billing is the noun of usage: what a tenant used, hour by hour, as its cell counted it. The control plane
// mounts it; it imports no vendor and no generated code.
package billing

import (
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Total is an absolute count. A higher version of the same tenant, cell, partition, hour and meter replaces a lower one.
type Total struct {
	Tenant    tenancy.ID
	Cell      string
	Partition uint32
	// Hour is the start of a UTC hour.
	Hour    time.Time
	Meter   Meter
	Value   uint64
	Version uint64
}

// Used is a value by meter; what is not there is zero.
type Used map[Meter]uint64

// Hour is a tenant's usage of an hour, or of any span, over all cells and partitions.
type Hour struct {
	Start time.Time
	Used  Used
}

// Add counts a value of a meter.
func (h *Hour) Add(m Meter, value uint64) {
	if h.Used == nil {
		h.Used = Used{}
	}
	h.Used[m] += value
}

// Of is the value of a meter.
func (h Hour) Of(m Meter) uint64 { return h.Used[m] }

// Sum is the usage of all hours together, from start.
func Sum(hours []Hour, start time.Time) Hour {
	total := Hour{Start: start}
	for _, h := range hours {
		for m, value := range h.Used {
			total.Add(m, value)
		}
	}
	return total
}

// Fill returns every hour of [start, end), oldest first, with zeros where nothing was counted. start is on the hour.
func Fill(hours []Hour, start, end time.Time) []Hour {
	known := make(map[int64]Hour, len(hours))
	for _, h := range hours {
		known[h.Start.Unix()] = h
	}
	var all []Hour
	for at := start; at.Before(end); at = at.Add(time.Hour) {
		h := known[at.Unix()]
		h.Start = at
		all = append(all, h)
	}
	return all
}
