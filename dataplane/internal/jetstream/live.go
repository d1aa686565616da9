package jetstream

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/live"
	processv1 "github.com/millwright-io/millwright/proto/gen/millwright/process/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// devicesPerInterest and updatesPerMessage bound one message.
	devicesPerInterest = 10_000
	updatesPerMessage  = 500
	// liveWaiting is how many messages of others may wait; further ones are lost.
	liveWaiting = 1000
)

// Live carries live events between the processes of a cell. It is a live.Bus. No stream is behind it.
type Live struct {
	conn *Conn
	cell string
	log  *slog.Logger
}

// NewLive returns the bus of a cell.
func NewLive(c *Conn, cell string, log *slog.Logger) *Live { return &Live{c, cell, log} }

// Announce implements live.Bus.
func (l *Live) Announce(process string, devices []live.Watched) error {
	for len(devices) > 0 {
		n := min(len(devices), devicesPerInterest)
		m := &processv1.Interest{Process: process, Devices: make([]*processv1.Device, 0, n)}
		for _, d := range devices[:n] {
			m.Devices = append(m.Devices, &processv1.Device{TenantId: string(d.Tenant), DeviceId: d.Device})
		}
		if err := l.publish(subject.Watched(l.cell), m); err != nil {
			return err
		}
		devices = devices[n:]
	}
	return nil
}

// Send implements live.Bus.
func (l *Live) Send(process string, updates []live.Relayed) error {
	for len(updates) > 0 {
		n := min(len(updates), updatesPerMessage)
		m := &processv1.Updates{Updates: make([]*processv1.Update, 0, n)}
		for _, u := range updates[:n] {
			m.Updates = append(m.Updates, &processv1.Update{
				TenantId: string(u.Tenant), DeviceId: u.Device, Time: u.Time, Received: u.Received, Names: u.Names, Values: u.Values,
			})
		}
		if err := l.publish(subject.Live(l.cell, process), m); err != nil {
			return err
		}
		updates = updates[n:]
	}
	return nil
}

func (l *Live) publish(to string, m proto.Message) error {
	data, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode for %s: %w", to, err)
	}
	if err := l.conn.nats.Publish(to, data); err != nil {
		return fmt.Errorf("publish to %s: %w", to, err)
	}
	return nil
}

// Receive implements live.Bus.
func (l *Live) Receive(ctx context.Context, process string, interest func(string, []live.Watched), updates func([]live.Relayed)) error {
	messages := make(chan *nats.Msg, liveWaiting)
	own := subject.Live(l.cell, process)
	for _, from := range []string{subject.Watched(l.cell), own} {
		subscription, err := l.conn.nats.ChanSubscribe(from, messages)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", from, err)
		}
		defer func() { _ = subscription.Unsubscribe() }() // the connection's end does it too
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			var err error
			if m.Subject == own {
				err = tellUpdates(m.Data, updates)
			} else {
				err = tellInterest(m.Data, interest)
			}
			if err != nil {
				l.log.WarnContext(ctx, "live message not understood", slog.String("subject", m.Subject), slog.Any("error", err))
			}
		}
	}
}

func tellInterest(data []byte, tell func(string, []live.Watched)) error {
	var m processv1.Interest
	if err := proto.Unmarshal(data, &m); err != nil {
		return err
	}
	devices := make([]live.Watched, 0, len(m.GetDevices()))
	for _, d := range m.GetDevices() {
		devices = append(devices, live.Watched{Tenant: tenancy.ID(d.GetTenantId()), Device: d.GetDeviceId()})
	}
	tell(m.GetProcess(), devices)
	return nil
}

func tellUpdates(data []byte, tell func([]live.Relayed)) error {
	var m processv1.Updates
	if err := proto.Unmarshal(data, &m); err != nil {
		return err
	}
	updates := make([]live.Relayed, 0, len(m.GetUpdates()))
	for _, u := range m.GetUpdates() {
		updates = append(updates, live.Relayed{Tenant: tenancy.ID(u.GetTenantId()), Update: live.Update{
			Device: u.GetDeviceId(), Time: u.GetTime(), Received: u.GetReceived(), Names: u.GetNames(), Values: u.GetValues(),
		}})
	}
	tell(updates)
	return nil
}
