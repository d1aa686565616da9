// Package cell is the noun of a data plane as the control plane knows it: where it is, how it fares, and whether it takes
// new tenants. rpc, postgres and nats import it; it imports no vendor and no generated code.
package cell

import (
	"regexp"
	"time"
)

// State says whether a cell takes new tenants.
type State string

// The states.
const (
	StateActive   State = "active"
	StateDraining State = "draining"
)

// Health says whether a cell is heard.
type Health string

// The healths.
const (
	HealthLive   Health = "live"
	HealthStale  Health = "stale"
	HealthSilent Health = "silent"
)

// StaleAfter is how long a cell may be silent: five heartbeats.
const StaleAfter = 10 * time.Second

// Capacity is what a cell may carry. Its values are above zero.
type Capacity struct {
	// Databases bounds the tenants that live there; each has a database.
	Databases int `json:"databases"`
	// EventsPerSecond is the rate at which the cell counts as full.
	EventsPerSecond int `json:"events_per_second"`
}

// DefaultCapacity is for a cell that is not told: half of the rate that two cores were measured to store, and a number of
// databases with which the store was measured to restart within seconds.
var DefaultCapacity = Capacity{Databases: 500, EventsPerSecond: 50_000}

// Cell is one data plane.
type Cell struct {
	Name   string
	Region string
	Addresses
	Capacity
	State State
	// HeardAt is zero for a cell that was never heard.
	HeardAt time.Time
	Heartbeat
	// Placed is how many tenants live there.
	Placed int
	// Configured: the configuration names it.
	Configured bool
}

// Addresses are those at which a cell's users reach it.
type Addresses struct {
	URL, IngestURL, MQTTAddress, MQTTWebSocketURL, NATSURL string
}

// Heartbeat is what a cell last said of itself.
type Heartbeat struct {
	Version string
	// Rate is the events a second that were made durable.
	Rate                        float64
	Tenants, Devices, Databases int
	// Lag is how far storing is behind.
	Lag time.Duration
	// DiskBytes is 0 when log and store are on no disk of the cell's machine.
	DiskFreeBytes, DiskBytes, LogBytes, MaxLogBytes int64
}

// Health is the cell's at a time.
func (c Cell) Health(now time.Time) Health {
	switch {
	case c.HeardAt.IsZero():
		return HealthSilent
	case now.Sub(c.HeardAt) > StaleAfter:
		return HealthStale
	default:
		return HealthLive
	}
}

// Headroom is what is left of the scarcest of what the cell has, from 0 to 1.
func (c Cell) Headroom() float64 {
	left := min(share(float64(c.Placed), float64(c.Capacity.Databases)), share(c.Rate, float64(c.EventsPerSecond)))
	if c.MaxLogBytes > 0 {
		left = min(left, share(float64(c.LogBytes), float64(c.MaxLogBytes)))
	}
	if c.DiskBytes > 0 {
		left = min(left, float64(c.DiskFreeBytes)/float64(c.DiskBytes))
	}
	return left
}

func share(used, whole float64) float64 { return max(0, 1-used/whole) }

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// ValidName reports whether a cell or a region may be called so; the name is part of subjects, streams and tables.
func ValidName(name string) bool { return nameForm.MatchString(name) }
