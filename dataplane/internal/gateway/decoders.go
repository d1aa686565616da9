package gateway

import (
	"hash/maphash"
	"sync"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// decoders are at hand for one payload each, rather than one a session: the few that are at work stay in the processor's
// cache, and their strings are the same for all. A decoder expects the names of the event before, so those of different
// types of device are kept apart.
type decoders struct {
	new  func() *telemetry.Decoder
	seed maphash.Seed
	of   [16]sync.Pool
}

func newDecoders(limits telemetry.Limits) *decoders {
	return &decoders{new: func() *telemetry.Decoder { return telemetry.NewDecoder(limits) }, seed: maphash.MakeSeed()}
}

// class is where the decoders of a type of device are.
func (d *decoders) class(deviceType string) uint8 {
	return uint8(maphash.String(d.seed, deviceType) % uint64(len(d.of))) //nolint:gosec // below 16
}

func (d *decoders) take(class uint8) *telemetry.Decoder {
	if free, ok := d.of[class].Get().(*telemetry.Decoder); ok {
		return free
	}
	return d.new()
}

// give takes a decoder back; what it returned last must not be used any more.
func (d *decoders) give(class uint8, free *telemetry.Decoder) { d.of[class].Put(free) }
