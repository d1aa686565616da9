// Package telemetry holds the event: one device message, decoded and checked. It is pure: bytes in, values out, no
// clock and no I/O. The gateway decodes payloads with it and the engine reads its events from frames.
package telemetry

import (
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Event is one device message. Times are Unix nanoseconds, UTC.
type Event struct {
	Tenant tenancy.ID
	Device string
	// Time is when the device says it happened; the receive time when the device sent none.
	Time int64
	// Received is the gateway's clock.
	Received int64
	// MessageID is the device's own id of the message, or empty.
	MessageID string
	// Epoch and Sequence identify the message when HasSequence: the sequence rises by one a message and starts again
	// only with a new epoch.
	Epoch       string
	Sequence    uint64
	HasSequence bool
	// Hash is xxhash64 of the payload, for devices that send no id.
	Hash uint64
	// Names and Values are the measurements, flattened (`vibration.x`), sorted as sent; equal length.
	Names  []string
	Values []float64
	// Attributes is the rest of the message (location, metadata, quality) as compact JSON, or empty.
	Attributes string
	// Size is the payload's length in bytes.
	Size uint32
}

// LateAfter is how old an event must be for the lane of devices that catch up.
const LateAfter = 5 * time.Minute

// Late reports whether the event happened a while before it was received: its device catches up.
func (e *Event) Late() bool { return e.Received-e.Time >= int64(LateAfter) }

// Late reports whether all that a message brings is late.
func Late(events []Event) bool {
	for i := range events {
		if !events[i].Late() {
			return false
		}
	}
	return len(events) > 0
}
