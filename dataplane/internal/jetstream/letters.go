package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	logv1 "github.com/millwright-io/millwright/proto/gen/millwright/log/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// lettersConsumer is the durable consumer that moves dead letters to the store.
const lettersConsumer = "store"

// movedAtOnce is how many letters are stored together: one statement a tenant, however many it sends.
const movedAtOnce = 256

// gathering is how long letters wait for others.
const gathering = 500 * time.Millisecond

// LetterStore takes dead letters of one tenant, each with its sequence in the stream, in order; those that are stored it leaves out.
type LetterStore interface {
	StoreDeadLetters(ctx context.Context, tenant tenancy.ID, letters []StreamedLetter) error
}

// StreamedLetter is a dead letter and its place in the stream.
type StreamedLetter struct {
	telemetry.DeadLetter
	Sequence uint64
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
		Durable: lettersConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: 2 * movedAtOnce,
	})
	if err != nil {
		return fmt.Errorf("consume dead letters: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(movedAtOnce))
	if err != nil {
		return fmt.Errorf("consume dead letters: %w", err)
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	queue := make(chan jetstream.Msg, movedAtOnce)
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(queue)
		for {
			msg, err := messages.Next()
			if err != nil {
				return fmt.Errorf("next dead letter: %w", err)
			}
			select {
			case queue <- msg:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
	})
	group.Go(func() error {
		defer messages.Stop()
		for first := range queue {
			m.move(gctx, gather(gctx, queue, first))
		}
		return nil
	})
	return group.Wait()
}

// gather returns a message and those that come within the next gathering: an insert costs the store the same for one and for many.
func gather(ctx context.Context, queue <-chan jetstream.Msg, first jetstream.Msg) []jetstream.Msg {
	list := []jetstream.Msg{first}
	enough := time.NewTimer(gathering)
	defer enough.Stop()
	for len(list) < movedAtOnce {
		select {
		case msg, ok := <-queue:
			if !ok {
				return list
			}
			list = append(list, msg)
		case <-enough.C:
			return list
		case <-ctx.Done():
			return list
		}
	}
	return list
}

// move stores letters, tenant by tenant. What the store does not take now comes again later, behind the others.
func (m *LetterMover) move(ctx context.Context, list []jetstream.Msg) {
	var tenants []tenancy.ID
	letters, messages := map[tenancy.ID][]StreamedLetter{}, map[tenancy.ID][]jetstream.Msg{}
	for _, msg := range list {
		var l logv1.DeadLetter
		meta, err := msg.Metadata()
		if err == nil {
			err = proto.Unmarshal(msg.Data(), &l)
		}
		if err != nil {
			m.log.ErrorContext(ctx, "dead letter not readable, dropping it", slog.Any("error", err))
			_ = msg.Term()
			continue
		}
		tenant := tenancy.ID(l.GetTenantId())
		if letters[tenant] == nil {
			tenants = append(tenants, tenant)
		}
		messages[tenant] = append(messages[tenant], msg)
		letters[tenant] = append(letters[tenant], StreamedLetter{Sequence: meta.Sequence.Stream, DeadLetter: telemetry.DeadLetter{
			Tenant: tenant, Device: l.GetDeviceId(), Received: l.GetReceivedAt().AsTime().UnixNano(),
			Reason: telemetry.Reason(l.GetReason()), Detail: l.GetDetail(), Payload: l.GetPayload(), Protocol: l.GetProtocol(),
		}})
	}
	for _, tenant := range tenants {
		m.settle(ctx, messages[tenant], m.store.StoreDeadLetters(ctx, tenant, letters[tenant]))
	}
}

func (m *LetterMover) settle(ctx context.Context, list []jetstream.Msg, err error) {
	if err != nil {
		m.log.WarnContext(ctx, "dead letters not stored, trying again", slog.Int("letters", len(list)), slog.Any("error", err))
	}
	for _, msg := range list {
		if err != nil {
			_ = msg.NakWithDelay(5 * time.Second)
		} else if err := msg.Ack(); err != nil {
			m.log.WarnContext(ctx, "dead letter stored but not acknowledged", slog.Any("error", err))
		}
	}
}
