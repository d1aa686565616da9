// Package jetstream is what the cell keeps in NATS: the log, where it was cut into commits, checkpoints, the catalog that
// comes down, and the totals and reports that go up. The composition root builds its parts; nothing else of the cell
// knows NATS.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/proto/subject"
)

const (
	// pullMessages and pullBytes bound what the server sends ahead of the reader.
	pullMessages = 256
	pullBytes    = 16 << 20
	// reconnectWait is how long a reader waits before it follows the log anew.
	reconnectWait = 250 * time.Millisecond
	// callTimeout bounds one call to JetStream.
	callTimeout = 10 * time.Second
)

// Log is the cell's log of frames, for its readers.
type Log struct {
	js   jetstream.JetStream
	cell string
	id   string
	log  *slog.Logger
}

// OpenLog finds the cell's log.
func OpenLog(ctx context.Context, js jetstream.JetStream, cell string, log *slog.Logger) (*Log, error) {
	stream, err := js.Stream(ctx, subject.IngestStream(cell))
	if err != nil {
		return nil, fmt.Errorf("open log of cell %s: %w", cell, err)
	}
	created := stream.CachedInfo().Created.UnixMilli()
	return &Log{js: js, cell: cell, id: strconv.FormatInt(created, 36), log: log}, nil
}

// ID tells this log from any other of the same name: sequences mean nothing in another.
func (l *Log) ID() string { return l.id }

// Message is one of the log. Data is the reader's to keep.
type Message struct {
	Sequence uint64
	// Time is when the log stored it, Unix nanoseconds.
	Time int64
	Data []byte
	// Pending is how many messages the partition had after this one when the log sent it.
	Pending uint64
	// Followed are the events of it that are followed, most often none.
	Followed []Followed
}

// Follow delivers a partition's messages after a sequence, in order and without end, over losses of the connection.
// It returns when ctx is done or with the error of deliver.
func (l *Log) Follow(ctx context.Context, partition int, after uint64, deliver func(Message) error) error {
	for {
		err := l.follow(ctx, partition, &after, deliver)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if stopped := (*deliverError)(nil); errors.As(err, &stopped) {
			return stopped.err
		}
		l.log.WarnContext(ctx, "log interrupted, following again", slog.Int("partition", partition),
			slog.Uint64("after", after), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reconnectWait):
		}
	}
}

// deliverError tells the reader's own error from those of the connection.
type deliverError struct{ err error }

func (e *deliverError) Error() string { return e.err.Error() }

func (l *Log) follow(ctx context.Context, partition int, after *uint64, deliver func(Message) error) error {
	consumer, err := l.js.OrderedConsumer(ctx, subject.IngestStream(l.cell), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject.Ingest(l.cell, partition)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: *after + 1,
	})
	if err != nil {
		return fmt.Errorf("consume partition %d: %w", partition, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes), jetstream.PullExpiry(5*time.Second))
	if err != nil {
		return fmt.Errorf("consume partition %d: %w", partition, err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		msg, err := messages.Next()
		if err != nil {
			return fmt.Errorf("next of partition %d: %w", partition, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("metadata of partition %d: %w", partition, err)
		}
		if meta.Sequence.Stream <= *after {
			continue
		}
		if err := deliver(Message{
			Sequence: meta.Sequence.Stream, Time: meta.Timestamp.UnixNano(), Data: msg.Data(), Pending: meta.NumPending,
			Followed: parseFollowed(msg.Headers().Get(traceHeader)),
		}); err != nil {
			return &deliverError{err}
		}
		*after = meta.Sequence.Stream
	}
}

// Append adds a frame to a partition and returns its sequence; the gateway has its own, faster way.
func (l *Log) Append(ctx context.Context, partition int, frame []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ack, err := l.js.Publish(ctx, subject.Ingest(l.cell, partition), frame)
	if err != nil {
		return 0, fmt.Errorf("append to partition %d: %w", partition, err)
	}
	return ack.Sequence, nil
}

// Newest is the sequence of the newest message of all partitions.
func (l *Log) Newest(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, subject.IngestStream(l.cell))
	if err != nil {
		return 0, fmt.Errorf("look at the log: %w", err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// Trim drops all messages up to and with through, of every partition.
func (l *Log) Trim(ctx context.Context, through uint64) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, subject.IngestStream(l.cell))
	if err != nil {
		return fmt.Errorf("trim the log: %w", err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(through+1)); err != nil {
		return fmt.Errorf("trim the log: %w", err)
	}
	return nil
}
