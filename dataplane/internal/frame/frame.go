// Package frame is the binary form of a batch of events on the log: one frame is one log message. The gateway builds
// frames and the engine decodes them; nothing else may import it. The layout is in the README beside it.
package frame

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Version is the layout that this build writes. Decode refuses any other. Every layout begins with magic, version and the
// checksum of what follows, so that a newer one can be told from a damaged one.
const Version = 1

// The fixed header: magic and version (4), checksum of what follows it (4), receive time (8), base time (8), count of
// events (4), count of values (4).
const (
	magic      = "MWF"
	headerSize = 32
	checksumAt = 4
	receivedAt = 8
	baseAt     = 16
	eventsAt   = 24
	valuesAt   = 28
)

// The flags of an event.
const (
	flagMessageID = 1 << iota
	flagSequence
	flagEpoch
	flagAttributes
	flagsKnown = flagMessageID | flagSequence | flagEpoch | flagAttributes
)

// ErrCorrupt is wrapped by every error of Decode but one.
var ErrCorrupt = errors.New("corrupt frame")

// ErrNewer is wrapped by the error for a whole frame that a newer build wrote.
var ErrNewer = errors.New("frame of a newer version")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame is a decoded log message. Received is the gateway's clock when it closed the frame, Unix nanoseconds: never
// before that of an event in it. A frame without events is a tick: it says that time passed.
type Frame struct {
	Received int64
	Events   []telemetry.Event
}

// Tick returns a frame without events.
func Tick(received int64) []byte {
	var b Builder
	return b.Finish(received)
}

// Partition says which of the cell's partitions holds a device's events, from 0 to partitions-1.
func Partition(tenant tenancy.ID, device string, partitions int) int {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(string(tenant)) // never fails
	_, _ = d.WriteString("/")
	_, _ = d.WriteString(device)
	return int(d.Sum64() % uint64(max(partitions, 1)))
}

func appendString(buf []byte, s string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(s))), s...)
}
