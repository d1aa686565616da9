package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// durable is the name of the control plane's consumer, and of its queue for plain messages; all its processes share it.
	durable = "controlplane"
	// retry is how long a failed attempt, or a failed message, rests.
	retry = 500 * time.Millisecond
	// ackWait is how long a message that a stopped process had taken is out of reach.
	ackWait = 30 * time.Second
)

// consume hands every message of a stream to handle, which settles it, until ctx is done: through every absence of
// NATS, and of whatever the handler needs. It returns nil, since only the end of ctx ends it.
func consume(ctx context.Context, js jetstream.JetStream, stream string, log *slog.Logger, handle func(context.Context, jetstream.Msg)) error {
	for {
		err := read(ctx, js, stream, handle)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is the end of the work
		}
		level := slog.LevelWarn
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			level = slog.LevelDebug // the distributor is about to make it
		}
		log.Log(ctx, level, "cannot read what cells send", slog.Duration("retry_in", retry), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry):
		}
	}
}

func read(ctx context.Context, js jetstream.JetStream, stream string, handle func(context.Context, jetstream.Msg)) error {
	c, err := js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 100,
	})
	if err != nil {
		return fmt.Errorf("open consumer %s of %s: %w", durable, stream, err)
	}
	for ctx.Err() == nil {
		msg, err := c.Next(jetstream.FetchMaxWait(time.Second))
		if errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, natsgo.ErrTimeout) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", stream, err)
		}
		handle(ctx, msg)
	}
	return nil
}
