package jetstream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy/tally"
)

// Uses sends the control plane how limits were used.
type Uses struct {
	js           jetstream.JetStream
	cell, source string
}

// NewUses returns a sender of what this process of the cell counts; source is new with every start.
func NewUses(js jetstream.JetStream, cell, source string) *Uses { return &Uses{js, cell, source} }

// Send sends absolute totals; sending them again changes nothing.
func (u *Uses) Send(ctx context.Context, totals []tally.Total) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	message := &limitv1.Totals{Source: u.source}
	for _, t := range totals {
		message.Totals = append(message.Totals, &limitv1.Total{
			TenantId: string(t.Tenant), Limit: t.Limit, Scope: t.Scope, Minute: timestamppb.New(t.Minute), Used: t.Used, Maximum: t.Maximum, Refused: t.Refused,
		})
	}
	data, err := proto.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode uses of limits: %w", err)
	}
	if _, err := u.js.Publish(ctx, subject.Limit(u.cell), data); err != nil {
		return fmt.Errorf("publish uses of limits: %w", err)
	}
	return nil
}
