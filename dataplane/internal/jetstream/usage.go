package jetstream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/selfaudit"
	"github.com/millwright-io/millwright/dataplane/internal/usage"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// totalsPerMessage bounds one message on the usage stream.
const totalsPerMessage = 1000

// Usage sends totals to the ledger.
type Usage struct {
	js   jetstream.JetStream
	cell string
}

// NewUsage returns a sender of the cell's totals.
func NewUsage(js jetstream.JetStream, cell string) *Usage { return &Usage{js, cell} }

// Publish sends absolute totals; sending them again changes nothing.
func (u *Usage) Publish(ctx context.Context, partition int, totals []engine.Total) error {
	message := &usagev1.Totals{}
	for _, t := range totals {
		for i, meter := range engine.Meters {
			if t.Values[i] == 0 {
				continue // totals only grow
			}
			message.Totals = append(message.Totals, &usagev1.Total{
				TenantId: string(t.Tenant), Cell: u.cell, Partition: uint32(partition), Hour: timestamppb.New(time.Unix(t.Hour, 0)),
				Meter: meter, Value: t.Values[i], Version: t.Version,
			})
		}
		if len(message.Totals) >= totalsPerMessage {
			if err := u.send(ctx, message); err != nil {
				return err
			}
			message = &usagev1.Totals{}
		}
	}
	if len(message.Totals) == 0 {
		return nil
	}
	return u.send(ctx, message)
}

// PublishCounts sends totals of a source that is no partition of the log; sending them again changes nothing.
func (u *Usage) PublishCounts(ctx context.Context, source uint32, totals []usage.Total) error {
	for chunk := range slices.Chunk(totals, totalsPerMessage) {
		message := &usagev1.Totals{}
		for _, t := range chunk {
			message.Totals = append(message.Totals, &usagev1.Total{
				TenantId: string(t.Tenant), Cell: u.cell, Partition: source, Hour: timestamppb.New(time.Unix(t.Hour, 0)),
				Meter: string(t.Meter), Value: t.Value, Version: t.Version,
			})
		}
		if err := u.send(ctx, message); err != nil {
			return err
		}
	}
	return nil
}

// Notes sends what was found when a tenant's hours were counted again; sending it again changes nothing.
func (u *Usage) Notes(ctx context.Context, tenant tenancy.ID, notes []selfaudit.Note) error {
	message := &usagev1.Totals{}
	for _, n := range notes {
		note := &usagev1.Note{
			TenantId: string(tenant), Cell: u.cell, Partition: uint32(n.Partition), Hour: timestamppb.New(n.Hour), //nolint:gosec // a partition's number
			Version: n.Version, NotedAt: timestamppb.New(n.At),
		}
		for _, c := range n.Counts {
			note.Counts = append(note.Counts, &usagev1.Note_Count{Meter: c.Meter, Counted: c.Counted, Stored: c.Stored})
		}
		message.Notes = append(message.Notes, note)
	}
	if len(message.GetNotes()) == 0 {
		return nil
	}
	return u.send(ctx, message)
}

func (u *Usage) send(ctx context.Context, message *usagev1.Totals) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := proto.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode totals: %w", err)
	}
	if _, err := u.js.Publish(ctx, subject.Usage(u.cell), data); err != nil {
		return fmt.Errorf("publish totals: %w", err)
	}
	return nil
}
