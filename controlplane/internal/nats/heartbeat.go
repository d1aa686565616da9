package nats

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/controlplane/internal/cell"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// Listener is told what cells say of themselves.
type Listener interface {
	Heard(ctx context.Context, name string, h cell.Heartbeat) error
}

const (
	// heartbeatsWaiting bounds those that are not yet noted; later ones are dropped, the next are worth more.
	heartbeatsWaiting = 1024
	noteTimeout       = 5 * time.Second
)

// Heartbeats hears the cells.
type Heartbeats struct {
	nc       *natsgo.Conn
	listener Listener
	log      *slog.Logger
}

// NewHeartbeats returns a reader.
func NewHeartbeats(c *Conn, l Listener, log *slog.Logger) *Heartbeats {
	return &Heartbeats{nc: c.nc, listener: l, log: log}
}

// Run hears until ctx is done. Of several control-plane processes one notes each heartbeat.
func (h *Heartbeats) Run(ctx context.Context) error {
	messages := make(chan *natsgo.Msg, heartbeatsWaiting)
	sub, err := h.nc.ChanQueueSubscribe(subject.HeartbeatAll, durable, messages)
	if err != nil {
		return fmt.Errorf("listen for heartbeats: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection's end ends it too
	for {
		select {
		case <-ctx.Done():
			return nil
		case msg := <-messages:
			h.note(ctx, msg)
		}
	}
}

func (h *Heartbeats) note(ctx context.Context, msg *natsgo.Msg) {
	name, _ := strings.CutPrefix(msg.Subject, subject.Heartbeat(""))
	var m catalogv1.CellHeartbeat
	if err := proto.Unmarshal(msg.Data, &m); err != nil {
		h.log.ErrorContext(ctx, "dropped a heartbeat that cannot be read", slog.String("cell", name), slog.Any("error", err))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	err := h.listener.Heard(ctx, name, cell.Heartbeat{
		Version: m.GetVersion(), Rate: m.GetEventsPerSecond(), Tenants: int(m.GetTenants()), Devices: int(m.GetDevices()), Databases: int(m.GetDatabases()),
		DiskFreeBytes: int64(m.GetDiskFreeBytes()), DiskBytes: int64(m.GetDiskBytes()), LogBytes: int64(m.GetLogBytes()), //nolint:gosec // sizes of disks
		MaxLogBytes: int64(m.GetMaxLogBytes()), Lag: time.Duration(m.GetLagSeconds() * float64(time.Second)), //nolint:gosec // as above
	})
	if err != nil {
		h.log.WarnContext(ctx, "cannot note a heartbeat", slog.String("cell", name), slog.Any("error", err))
	}
}
