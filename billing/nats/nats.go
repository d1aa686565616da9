// Package nats reads the cells' usage messages from their stream and acknowledges them once they are in the ledger. It
// is this module's only home of the NATS client.
package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/billing/collect"
	"github.com/millwright-io/millwright/proto/subject"
)

const (
	// consumer is the durable consumer of the ledger; all its processes share it.
	consumer = "billing"
	retry    = 500 * time.Millisecond
	// ackWait is how long a message that a stopped process had taken is out of reach.
	ackWait = 10 * time.Second
)

// Taker takes one message; an error that is no collect.ErrUnreadable is worth another attempt.
type Taker interface {
	Take(ctx context.Context, cell string, data []byte) error
}

// Consume feeds the taker until ctx is done, through every absence of NATS and of the ledger.
func Consume(ctx context.Context, js jetstream.JetStream, taker Taker, log *slog.Logger) error {
	for {
		err := read(ctx, js, taker, log)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		level := slog.LevelWarn
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			level = slog.LevelDebug // whoever distributes to the cells is about to make it
		}
		log.Log(ctx, level, "cannot read usage", slog.Duration("retry_in", retry), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry):
		}
	}
}

func read(ctx context.Context, js jetstream.JetStream, taker Taker, log *slog.Logger) error {
	c, err := js.CreateOrUpdateConsumer(ctx, subject.UsageStream, jetstream.ConsumerConfig{
		Durable: consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 1000,
	})
	if err != nil {
		return fmt.Errorf("open consumer %s of %s: %w", consumer, subject.UsageStream, err)
	}
	for ctx.Err() == nil {
		msg, err := c.Next(jetstream.FetchMaxWait(time.Second))
		if errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, natsgo.ErrTimeout) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", subject.UsageStream, err)
		}
		take(ctx, msg, taker, log)
	}
	return nil
}

func take(ctx context.Context, msg jetstream.Msg, taker Taker, log *slog.Logger) {
	cell := strings.TrimPrefix(msg.Subject(), subject.Usage(""))
	err := taker.Take(ctx, cell, msg.Data())
	switch {
	case err == nil:
		// A lost acknowledgement costs nothing: the same totals come again.
		_ = msg.Ack()
	case errors.Is(err, collect.ErrUnreadable):
		log.ErrorContext(ctx, "dropped a usage message", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.TermWithReason("unreadable")
	default:
		log.WarnContext(ctx, "cannot record usage", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.NakWithDelay(retry)
	}
}
