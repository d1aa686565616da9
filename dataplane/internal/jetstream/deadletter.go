package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	logv1 "github.com/millwright-io/millwright/proto/gen/millwright/log/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// lettersWaiting bounds the dead letters that are not yet stored; beyond it, their senders are held.
	lettersWaiting = 1024
	// lettersAtOnce is how many are sent before their answers are awaited.
	lettersAtOnce = 64
	// letterTries is how often a dead letter is tried.
	letterTries = 5
)

// DeadLetters writes what could not be understood to its own stream, one message a letter. It is safe for concurrent use.
type DeadLetters struct {
	js       jetstream.JetStream
	cell     string
	instance string
	log      *slog.Logger
	queue    chan letter
	stopped  chan struct{}
	number   uint64
}

type letter struct {
	msg     *nats.Msg
	id      string
	receipt frame.Receipt
	token   uint64
	future  jetstream.PubAckFuture
	err     error
}

// NewDeadLetters returns a writer, which stores nothing before Run. No two runs of the gateway may share an instance.
func NewDeadLetters(js jetstream.JetStream, cell, instance string, log *slog.Logger) *DeadLetters {
	return &DeadLetters{
		js: js, cell: cell, instance: instance, log: log,
		queue: make(chan letter, lettersWaiting), stopped: make(chan struct{}),
	}
}

// Append hands in one letter, whose payload may be reused when it returns. It blocks while too many wait, until ctx is
// done. Unless it returns an error, the receipt is told exactly once.
func (d *DeadLetters) Append(ctx context.Context, l telemetry.DeadLetter, receipt frame.Receipt, token uint64) error {
	data, err := proto.Marshal(&logv1.DeadLetter{
		TenantId: string(l.Tenant), DeviceId: l.Device, ReceivedAt: timestamppb.New(time.Unix(0, l.Received)),
		Reason: string(l.Reason), Detail: l.Detail, Payload: l.Payload, Protocol: l.Protocol,
	})
	if err != nil {
		return fmt.Errorf("encode dead letter: %w", err)
	}
	msg := &nats.Msg{Subject: subject.DeadLetter(d.cell, string(l.Tenant)), Data: data}
	select {
	case <-d.stopped:
		return errStopped
	default:
	}
	select {
	case d.queue <- letter{msg: msg, receipt: receipt, token: token}:
		return nil
	case <-d.stopped:
		return errStopped
	case <-ctx.Done():
		return fmt.Errorf("too many dead letters wait: %w", tenancy.ErrUnavailable)
	}
}

// Run stores letters until ctx is done, then those handed in before.
func (d *DeadLetters) Run(ctx context.Context) error {
	for {
		select {
		case l := <-d.queue:
			d.store(ctx, l)
		case <-ctx.Done():
			close(d.stopped)
			for {
				select {
				case l := <-d.queue:
					d.store(context.WithoutCancel(ctx), l)
				default:
					return nil
				}
			}
		}
	}
}

// store writes a letter and those that wait behind it, and tells their receipts.
func (d *DeadLetters) store(ctx context.Context, first letter) {
	letters := []letter{first}
	for more := true; more && len(letters) < lettersAtOnce; {
		select {
		case l := <-d.queue:
			letters = append(letters, l)
		default:
			more = false
		}
	}
	for i := range letters {
		d.number++
		letters[i].id = fmt.Sprintf("%s/d/%d", d.instance, d.number)
	}
	open := len(letters)
	for try := 1; open > 0 && try <= letterTries; try++ {
		open = d.try(ctx, letters)
	}
	for i := range letters {
		l := &letters[i]
		if l.err != nil {
			d.log.ErrorContext(ctx, "dead letter not stored, its sender keeps it", slog.Any("error", l.err))
		}
		l.receipt.Stored(l.token, l.err)
	}
	for i := range letters {
		letters[i].receipt.Flush()
	}
}

// try sends every letter that is not stored and returns how many still are not and may be tried again.
func (d *DeadLetters) try(ctx context.Context, letters []letter) int {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout/2)
	defer cancel()
	for i := range letters {
		l := &letters[i]
		if l.msg == nil {
			continue
		}
		l.msg.Header, l.msg.Reply = nil, ""
		l.future, l.err = d.js.PublishMsgAsync(l.msg, jetstream.WithMsgID(l.id))
	}
	open := 0
	for i := range letters {
		l := &letters[i]
		if l.msg == nil {
			continue
		}
		if l.err == nil {
			l.err = await(ctx, l.future)
		}
		switch {
		case l.err == nil:
			l.msg = nil
		case full(l.err):
			l.msg, l.err = nil, fmt.Errorf("the stream of dead letters is full: %w", tenancy.ErrUnavailable)
		default:
			l.err = fmt.Errorf("store dead letter: %w: %w", tenancy.ErrUnavailable, l.err)
			open++
		}
	}
	return open
}

func await(ctx context.Context, future jetstream.PubAckFuture) error {
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
