package simulation

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/proto/subject"
)

// consumer reads one partition's messages in order.
type consumer struct {
	jetstream.Consumer
	c         *connection
	partition int
	next      uint64
	stopped   chan struct{}
	stop      func()
}

func (c *connection) OrderedConsumer(ctx context.Context, _ string, cfg jetstream.OrderedConsumerConfig) (jetstream.Consumer, error) {
	r := &consumer{c: c, next: cfg.OptStartSeq, stopped: make(chan struct{})}
	r.stop = sync.OnceFunc(func() { close(r.stopped) })
	if _, err := fmt.Sscanf(cfg.FilterSubjects[0], strings.Replace(subject.Ingest(cellName, 0), "0", "%d", 1), &r.partition); err != nil {
		return nil, err
	}
	return r, c.call(ctx, fmt.Sprintf("consume:%d", r.partition), func(effect) error { return nil })
}

func (r *consumer) Messages(...jetstream.PullMessagesOpt) (jetstream.MessagesContext, error) {
	return iterator{r: r}, nil
}

type iterator struct {
	jetstream.MessagesContext
	r *consumer
}

func (i iterator) Stop() { i.r.stop() }

// Next waits for the partition's next message. A fault "again" is an old message instead.
func (i iterator) Next(...jetstream.NextOpt) (jetstream.Msg, error) {
	r, ctx := i.r, context.Background()
	for {
		grown, ok := r.waiting()
		if !ok {
			select {
			case <-grown:
				// Processes that wait for the same message ask one after the other.
				r.c.world.sleep(time.Duration(1+r.c.process.number) * time.Microsecond)
				continue
			case <-r.stopped:
				return nil, jetstream.ErrMsgIteratorClosed
			}
		}
		var m message
		err := r.c.world.call(ctx, r.c.process, request{
			fmt.Sprintf("next:%d", r.partition), r.c.world.log, 20 * time.Microsecond, time.Millisecond,
			func(what effect) error {
				found, ok := r.find()
				if !ok {
					return errAway
				}
				if what == again && r.older(found.sequence) != nil {
					m = *r.older(found.sequence)
					return nil
				}
				m, r.next = found, found.sequence+1
				return nil
			},
		})
		select {
		case <-r.stopped:
			return nil, jetstream.ErrMsgIteratorClosed
		default:
		}
		if err != nil {
			return nil, err
		}
		return msg{m: m}, nil
	}
}

// waiting says whether there is a message, else when to look again.
func (r *consumer) waiting() (grown chan struct{}, ok bool) {
	r.c.world.mu.Lock()
	defer r.c.world.mu.Unlock()
	_, ok = r.find()
	return r.c.grown[r.partition], ok
}

// find needs the lock.
func (r *consumer) find() (message, bool) {
	for s := max(r.next, r.c.first, 1); s <= uint64(len(r.c.messages)); s++ {
		if m := r.c.messages[s-1]; m.partition == r.partition {
			return m, true
		}
	}
	return message{}, false
}

func (r *consumer) older(than uint64) *message {
	for s := r.c.first; s < than; s++ {
		if m := &r.c.messages[s-1]; m.partition == r.partition {
			return m
		}
	}
	return nil
}

type msg struct {
	jetstream.Msg
	m message
}

func (m msg) Data() []byte         { return m.m.data }
func (m msg) Headers() nats.Header { return nats.Header{} }

func (m msg) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Stream: m.m.sequence}, Timestamp: m.m.time}, nil
}
