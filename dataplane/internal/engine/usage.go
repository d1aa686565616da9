package engine

import (
	"slices"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	meterEvents = iota
	meterPoints
	meterDuplicates
	meterDeadLetters
	meterBytes
	meterAccepted
	meterDeviceHours
	meters
)

// olderMeters is how many of them the snapshots before version 7 have.
const olderMeters = meterAccepted

// Meters are the names of the meters, in the order of Total.Values.
var Meters = [meters]string{"events", "points", "duplicates", "dead_letters", "bytes", "accepted", "device_hours"}

// keepHours is how long an hour's totals are kept: an absolute total can only be raised while it is known.
const keepHours = 48 * time.Hour

// hour is the count of one UTC hour by receive time.
type hour struct {
	// start is in Unix seconds.
	start int64
	// version is the position at the last change.
	version uint64
	meters  [meters]uint64
	// partial: a program that did not count device hours began it. It has none then, rather than too few.
	partial bool
}

// Total is an absolute count: it replaces any other of the same tenant and hour with a lower version.
type Total struct {
	Tenant tenancy.ID
	// Hour is its start in Unix seconds.
	Hour    int64
	Version uint64
	Values  [meters]uint64
}

// Stored are the meters of what is stored.
type Stored struct{ Events, Points, Bytes, DeviceHours, DeadLetters uint64 }

// Stored returns what the total says of that.
func (t Total) Stored() Stored {
	return Stored{
		Events: t.Values[meterEvents], Points: t.Values[meterPoints], Bytes: t.Values[meterBytes], DeviceHours: t.Values[meterDeviceHours],
		DeadLetters: t.Values[meterDeadLetters],
	}
}

// DeadLetterTotal is the count of an hour in which nothing but dead letters was seen.
func DeadLetterTotal(count uint64) (values [meters]uint64) {
	values[meterDeadLetters] = count
	return values
}

// hourOf is the hour that counts something received then. What claims to be from far off the log's time counts at the
// log's time.
func (s *State) hourOf(received int64) int64 {
	if received < s.logTime-int64(keepHours-time.Hour) || received > s.logTime+int64(time.Hour) {
		received = s.logTime
	}
	return received / int64(time.Hour) * int64(time.Hour/time.Second)
}

// hour finds or adds the tenant's count, newest last, and forgets old ones, whose last word goes to out: the log's time may
// have jumped, so that nobody asked for their totals since they changed.
func (t *tenant) hour(start int64, out *Outputs) *hour {
	for i := len(t.hours) - 1; i >= 0; i-- {
		if t.hours[i].start == start {
			return &t.hours[i]
		}
	}
	at, _ := slices.BinarySearchFunc(t.hours, start, func(h hour, start int64) int { return int(h.start - start) })
	t.hours = slices.Insert(t.hours, at, hour{start: start})
	oldest := t.hours[len(t.hours)-1].start - int64(keepHours/time.Second)
	drop := 0
	for drop < at && t.hours[drop].start < oldest {
		out.Totals = append(out.Totals, t.total(t.hours[drop]))
		drop++
	}
	t.hours = slices.Delete(t.hours, 0, drop)
	return &t.hours[at-drop]
}

// Usage returns the totals that changed after the frame at since, in order of tenants and hours.
func (s *State) Usage(since uint64) []Total {
	var totals []Total
	for _, t := range s.tenants {
		for _, h := range t.hours {
			if h.version > since {
				totals = append(totals, t.total(h))
			}
		}
	}
	return totals
}

func (t *tenant) total(h hour) Total {
	return Total{Tenant: t.id, Hour: h.start, Version: h.version, Values: h.meters}
}

const hourSeconds = int64(time.Hour / time.Second)

// activity is in which hours a device had an event stored: the newest, and a bit for each of the 64 before and with it. hourOf keeps what it
// is asked for within 49 hours.
type activity struct {
	newest int64
	hours  uint64
}

// note adds an hour other than the newest, by its start in Unix seconds, and reports whether it is new.
func (a *activity) note(hour int64) bool {
	if hour > a.newest {
		a.hours = a.hours<<uint64((hour-a.newest)/hourSeconds) | 1
		a.newest = hour
		return true
	}
	bit := uint64(1) << uint64((a.newest-hour)/hourSeconds)
	fresh := bit&^a.hours != 0
	a.hours |= bit
	return fresh
}
