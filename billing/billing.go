// Package billing is the noun of usage: what a tenant used, hour by hour, as its cell counted it. The control plane
// mounts it; it imports no vendor and no generated code.
package billing

import (
	"slices"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Meter is what is counted.
type Meter string

// The meters.
const (
	MeterEvents      Meter = "events"
	MeterPoints      Meter = "points"
	MeterDuplicates  Meter = "duplicates"
	MeterDeadLetters Meter = "dead_letters"
	MeterBytes       Meter = "bytes"
)

// Meters are all of them.
func Meters() []Meter {
	return []Meter{MeterEvents, MeterPoints, MeterDuplicates, MeterDeadLetters, MeterBytes}
}

// Valid reports whether m is one of the meters.
func (m Meter) Valid() bool { return slices.Contains(Meters(), m) }

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

// Hour is a tenant's usage of an hour, or of any span, over all cells and partitions.
type Hour struct {
	Start                                          time.Time
	Events, Points, Duplicates, DeadLetters, Bytes uint64
}

// Add counts a value of a meter.
func (h *Hour) Add(m Meter, value uint64) {
	switch m {
	case MeterEvents:
		h.Events += value
	case MeterPoints:
		h.Points += value
	case MeterDuplicates:
		h.Duplicates += value
	case MeterDeadLetters:
		h.DeadLetters += value
	case MeterBytes:
		h.Bytes += value
	}
}

// Of is the value of a meter.
func (h Hour) Of(m Meter) uint64 {
	switch m {
	case MeterEvents:
		return h.Events
	case MeterPoints:
		return h.Points
	case MeterDuplicates:
		return h.Duplicates
	case MeterDeadLetters:
		return h.DeadLetters
	case MeterBytes:
		return h.Bytes
	default:
		return 0
	}
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
