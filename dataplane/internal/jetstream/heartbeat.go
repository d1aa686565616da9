package jetstream

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// Heartbeat is what the cell says of itself.
type Heartbeat struct {
	Version                     string
	EventsPerSecond             float64
	Tenants, Devices, Databases int
	DiskFreeBytes, DiskBytes    uint64
	LogBytes, MaxLogBytes       uint64
	Lag                         time.Duration
}

// Heart sends heartbeats.
type Heart struct {
	conn *Conn
	cell string
}

// NewHeart returns a sender of the cell's heartbeats.
func NewHeart(c *Conn, cell string) *Heart { return &Heart{c, cell} }

// Beat sends one; it is lost when nobody listens.
func (h *Heart) Beat(b Heartbeat) error {
	data, err := proto.Marshal(&catalogv1.CellHeartbeat{
		Version: b.Version, EventsPerSecond: b.EventsPerSecond, Tenants: int32(b.Tenants), Devices: int32(b.Devices), Databases: int32(b.Databases), //nolint:gosec // counts
		DiskFreeBytes: b.DiskFreeBytes, DiskBytes: b.DiskBytes, LogBytes: b.LogBytes, MaxLogBytes: b.MaxLogBytes, LagSeconds: b.Lag.Seconds(),
	})
	if err != nil {
		return fmt.Errorf("encode heartbeat: %w", err)
	}
	if err := h.conn.nats.Publish(subject.Heartbeat(h.cell), data); err != nil {
		return fmt.Errorf("publish heartbeat: %w", err)
	}
	return nil
}

// LogState is how full the log is.
type LogState struct {
	Bytes, MaxBytes uint64
	// Newest is the sequence of the newest message of all partitions.
	Newest uint64
}

// State asks how full the log is.
func (l *Log) State(ctx context.Context) (LogState, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, subject.IngestStream(l.cell))
	if err != nil {
		return LogState{}, fmt.Errorf("look at the log: %w", err)
	}
	info := stream.CachedInfo()
	return LogState{Bytes: info.State.Bytes, MaxBytes: uint64(max(info.Config.MaxBytes, 0)), Newest: info.State.LastSeq}, nil
}
