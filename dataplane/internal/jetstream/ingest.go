package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// ErrLogFull is wrapped by the error of events that found no room in the log. It is a tenancy.ErrUnavailable.
var ErrLogFull = fmt.Errorf("the log is full until the store has caught up: %w", tenancy.ErrUnavailable)

// errStopped is what events get that come when the cell stops.
var errStopped = fmt.Errorf("the cell is stopping: %w", tenancy.ErrUnavailable)

// Codes of JetStream's refusals of a full stream under DiscardNew.
const (
	codeStreamStoreFailed = 10077
	codeMaxMessages       = 10049
	codeMaxBytes          = 10050
	codeInsufficient      = 10023
	codeStorageExceeded   = 10047
)

// PublisherConfig sizes a Publisher; DefaultPublisherConfig has the values that were measured.
type PublisherConfig struct {
	Cell       string
	Partitions int
	// Instance names this run of the gateway: message ids begin with it, so no two runs may share it.
	Instance string
	// FrameEvents and FrameBytes close a frame. One payload never spans frames, so a frame may be larger by one payload. Large
	// frames are rare, but what a slow sync left behind goes with the next one; the engine has room for 65 535 events in one,
	// and NATS takes 1 MiB as it comes.
	FrameEvents int
	FrameBytes  int
	// FramesWaiting is how many closed frames of a partition wait before senders are held.
	FramesWaiting int
	// Timeout bounds one try to publish, Patience all tries of one frame.
	Timeout  time.Duration
	Patience time.Duration
	// Tick is how long a partition may be silent.
	Tick time.Duration
	// Traces: senders may hand in messages that are followed.
	Traces bool
}

// DefaultPublisherConfig leaves Cell, Partitions and Instance to the caller.
func DefaultPublisherConfig() PublisherConfig {
	return PublisherConfig{
		FrameEvents: 4000, FrameBytes: 512 << 10, FramesWaiting: 4,
		Timeout: 2 * time.Second, Patience: 30 * time.Second, Tick: 15 * time.Second,
	}
}

// Observer is told about every frame. Its methods must not block.
type Observer interface {
	// FramePublished reports a stored frame, how long its first event waited for its closing, and how long it then took,
	// retries included.
	FramePublished(events, bytes int, waited, took time.Duration)
	// FrameFailed reports a frame that was given up.
	FrameFailed(events int)
}

// Publisher writes frames to the log. A partition has one frame in flight at most; what comes meanwhile is the next
// frame, so an idle log stores at once and a busy one in large frames. What devices catch up with has frames of its own, which
// go when none of the others waits, and so seldom that those rarely find one on its way. It is safe for concurrent use.
type Publisher struct {
	js    jetstream.JetStream
	cfg   PublisherConfig
	watch Observer
	log   *slog.Logger
	now   func() time.Time

	partitions []*partition
}

// NewPublisher returns a publisher, which stores nothing before Run. watch may be nil.
func NewPublisher(js jetstream.JetStream, cfg PublisherConfig, watch Observer, log *slog.Logger, now func() time.Time) *Publisher {
	p := &Publisher{js: js, cfg: cfg, watch: watch, log: log, now: now}
	for i := range max(cfg.Partitions, 1) {
		p.partitions = append(p.partitions, newPartition(i, subject.Ingest(cfg.Cell, i), now))
	}
	return p
}

// Partitions is how many there are.
func (p *Publisher) Partitions() int { return len(p.partitions) }

// Append hands in one payload's events, which may be reused when it returns. It blocks while the partition has no room,
// until ctx is done. Unless it returns an error, the receipt is told exactly once.
func (p *Publisher) Append(ctx context.Context, partition int, events []telemetry.Event, receipt frame.Receipt, token uint64) error {
	q := p.partitions[partition]
	var span *trace.Span
	if p.cfg.Traces {
		span = trace.From(ctx)
	}
	for {
		room, err := q.append(&p.cfg, events, receipt, token, span)
		if err != nil || room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("partition %d has no room: %w", partition, tenancy.ErrUnavailable)
		}
	}
}

// Run publishes until ctx is done, then what was handed in before.
func (p *Publisher) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, q := range p.partitions {
		group.Go(func() error {
			p.serve(ctx, q)
			return nil
		})
	}
	return group.Wait()
}

func (p *Publisher) serve(ctx context.Context, q *partition) {
	tick, turn := time.NewTimer(p.cfg.Tick), time.NewTimer(p.cfg.Tick)
	turn.Stop() // until a late frame waits
	defer tick.Stop()
	defer turn.Stop()
	for {
		select {
		case <-q.wake:
		case <-turn.C:
		case <-tick.C:
			p.publish(ctx, q, q.empty())
		case <-ctx.Done():
			q.stop()
			for b := q.take(true); b != nil; b = q.take(true) {
				p.publish(context.WithoutCancel(ctx), q, b)
			}
			return
		}
		for b := q.take(q.lateDue()); b != nil; b = q.take(q.lateDue()) {
			p.publish(ctx, q, b)
		}
		tick.Reset(p.cfg.Tick)
		if q.lateWaits() {
			turn.Reset(q.turn.Sub(p.now()))
		}
	}
}

// publish stores one batch and tells its receipts.
func (p *Publisher) publish(ctx context.Context, q *partition, b *batch) {
	start := p.now()
	q.received = max(q.received, start.UnixNano())
	data := b.frame.Finish(q.received)
	q.number++
	msg := &nats.Msg{Subject: q.subject, Data: data}
	header := b.publishing(start)
	id := fmt.Sprintf("%s/%d/%d", p.cfg.Instance, q.index, q.number)
	err := p.persist(ctx, q, msg, header, id, start)
	b.published(p.now, err)
	events := b.frame.Len()
	if err != nil && events > 0 {
		p.log.ErrorContext(ctx, "frame given up, its senders keep the events", slog.Int("partition", q.index),
			slog.Int("events", events), slog.Any("error", err))
	}
	if p.watch != nil && events > 0 {
		if err != nil {
			p.watch.FrameFailed(events)
		} else {
			p.watch.FramePublished(events, len(data), start.Sub(b.opened), p.now().Sub(start))
		}
	}
	for _, e := range b.entries {
		e.receipt.Stored(e.token, err)
	}
	for i, e := range b.entries {
		if i == 0 || e.receipt != b.entries[i-1].receipt {
			e.receipt.Flush()
		}
	}
	if b.late {
		took := p.now().Sub(start)
		q.turn = start.Add(took + min((lateShare-1)*took, lateGap))
	}
	q.recycle(b)
}

// persist tries until the log has the frame, always with the same id: a try whose answer was lost is not stored twice.
func (p *Publisher) persist(ctx context.Context, q *partition, msg *nats.Msg, header nats.Header, id string, start time.Time) error {
	wait := 50 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := p.try(ctx, msg, header, id)
		if err == nil {
			return nil
		}
		if full(err) {
			return ErrLogFull
		}
		if errors.Is(err, nats.ErrMaxPayload) || p.now().Sub(start) >= p.cfg.Patience || ctx.Err() != nil {
			return fmt.Errorf("store frame of partition %d: %w: %w", q.index, tenancy.ErrUnavailable, err)
		}
		p.log.WarnContext(ctx, "frame not stored, trying again", slog.Int("partition", q.index),
			slog.Int("attempt", attempt), slog.Any("error", err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, time.Second)
	}
}

func (p *Publisher) try(ctx context.Context, msg *nats.Msg, header nats.Header, id string) error {
	// A stop lets the try at hand come to its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.Timeout)
	defer cancel()
	msg.Header = maps.Clone(header)
	if msg.Header == nil {
		msg.Header = nats.Header{}
	}
	msg.Header[jetstream.MsgIDHeader] = []string{id}
	_, err := p.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	return err
}

func full(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case codeStreamStoreFailed, codeMaxMessages, codeMaxBytes, codeInsufficient, codeStorageExceeded:
		return true
	}
	return false
}
