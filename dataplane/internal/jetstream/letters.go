package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	logv1 "github.com/millwright-io/millwright/proto/gen/millwright/log/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// lettersConsumer is the durable consumer that moves dead letters to the store.
const lettersConsumer = "store"

// LetterStore takes a dead letter; a second call with the same sequence stores nothing.
type LetterStore interface {
	StoreDeadLetter(ctx context.Context, sequence uint64, l telemetry.DeadLetter) error
}

// LetterMover moves dead letters from their stream to the tenants' stores. A letter leaves the stream when it is stored.
type LetterMover struct {
	js    jetstream.JetStream
	cell  string
	store LetterStore
	log   *slog.Logger
}

// NewLetterMover returns a mover, which does nothing before Run.
func NewLetterMover(js jetstream.JetStream, cell string, store LetterStore, log *slog.Logger) *LetterMover {
	return &LetterMover{js: js, cell: cell, store: store, log: log}
}

// Run moves letters until ctx is done.
func (m *LetterMover) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := m.follow(ctx); err != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "dead letters interrupted, following again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconnectWait):
		}
	}
	return nil
}

func (m *LetterMover) follow(ctx context.Context) error {
	consumer, err := m.js.CreateOrUpdateConsumer(ctx, subject.DeadLetterStream(m.cell), jetstream.ConsumerConfig{
		Durable: lettersConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: 256,
	})
	if err != nil {
		return fmt.Errorf("consume dead letters: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(64))
	if err != nil {
		return fmt.Errorf("consume dead letters: %w", err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		msg, err := messages.Next()
		if err != nil {
			return fmt.Errorf("next dead letter: %w", err)
		}
		m.move(ctx, msg)
	}
}

// move stores one letter. What the store does not take now comes again later, behind the others.
func (m *LetterMover) move(ctx context.Context, msg jetstream.Msg) {
	var l logv1.DeadLetter
	meta, err := msg.Metadata()
	if err == nil {
		err = proto.Unmarshal(msg.Data(), &l)
	}
	if err != nil {
		m.log.ErrorContext(ctx, "dead letter not readable, dropping it", slog.Any("error", err))
		_ = msg.Term()
		return
	}
	err = m.store.StoreDeadLetter(ctx, meta.Sequence.Stream, telemetry.DeadLetter{
		Tenant: tenancy.ID(l.GetTenantId()), Device: l.GetDeviceId(), Received: l.GetReceivedAt().AsTime().UnixNano(),
		Reason: telemetry.Reason(l.GetReason()), Detail: l.GetDetail(), Payload: l.GetPayload(), Protocol: l.GetProtocol(),
	})
	if err != nil {
		m.log.WarnContext(ctx, "dead letter not stored, trying again", slog.Any("error", err))
		_ = msg.NakWithDelay(5 * time.Second)
		return
	}
	if err := msg.Ack(); err != nil {
		m.log.WarnContext(ctx, "dead letter stored but not acknowledged", slog.Any("error", err))
	}
}
