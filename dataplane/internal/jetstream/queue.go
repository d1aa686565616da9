package jetstream

import (
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
)

// batch is a frame that is being filled, and who waits for it.
type batch struct {
	frame   frame.Builder
	entries []entry
	// late: it is of what devices catch up with.
	late bool
	// opened is when its first event came; followed are the messages in it that are followed.
	opened   time.Time
	followed []followedMessage
}

type entry struct {
	receipt frame.Receipt
	token   uint64
}

// Frames of late events take half a hundredth of a partition's time, so that a live one seldom has to wait for one, but none waits longer
// than the gap for its turn: whoever sends it waits for the answer.
const (
	lateShare = 200
	lateGap   = 400 * time.Millisecond
)

// queue is what waits to be published, oldest first; the open batch is still being filled.
type queue struct {
	open   *batch
	closed []*batch
	room   chan struct{}
}

// partition is what stands before one subject.
type partition struct {
	index   int
	subject string
	wake    chan struct{}
	now     func() time.Time
	// number and received belong to serve; so does turn, the time from which a late frame may go.
	number   uint64
	received int64
	turn     time.Time

	mu         sync.Mutex
	live, late queue
	spare      []*batch
	stopped    bool
}

func newPartition(index int, subject string, now func() time.Time) *partition {
	return &partition{
		index: index, subject: subject, now: now, wake: make(chan struct{}, 1),
		live: queue{open: &batch{}}, late: queue{open: &batch{late: true}},
	}
}

// append returns a channel that is closed when there may be room, or nil when the events are in.
func (q *partition) append(cfg *PublisherConfig, events []telemetry.Event, receipt frame.Receipt, token uint64, span *trace.Span) (<-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return nil, errStopped
	}
	to, late := &q.live, telemetry.Late(events)
	if late {
		to = &q.late
	}
	n := to.open.frame.Len()
	if n > 0 && (n+len(events) > cfg.FrameEvents || to.open.frame.Size() >= cfg.FrameBytes) {
		if len(to.closed) >= cfg.FramesWaiting {
			if to.room == nil {
				to.room = make(chan struct{})
			}
			return to.room, nil
		}
		to.closed = append(to.closed, to.open)
		to.open = q.fresh(late)
	}
	if to.open.frame.Len() == 0 {
		to.open.opened = q.now()
	}
	if span != nil {
		to.open.follow(span, q.now())
	}
	for i := range events {
		to.open.frame.Append(&events[i])
	}
	to.open.entries = append(to.open.entries, entry{receipt, token})
	if n == 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return nil, nil
}

// fresh needs the lock.
func (q *partition) fresh(late bool) *batch {
	b := &batch{}
	if n := len(q.spare); n > 0 {
		b = q.spare[n-1]
		q.spare = q.spare[:n-1]
	}
	b.late = late
	return b
}

// lateDue says whether a late frame may go now.
func (q *partition) lateDue() bool { return !q.now().Before(q.turn) }

// lateWaits says whether there is a late frame.
func (q *partition) lateWaits() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.late.next() != nil
}

// take removes the oldest batch that has events, nil if there is none: a live one, or else a late one if that may go.
func (q *partition) take(late bool) *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	from := &q.live
	if from.next() == nil && late {
		from = &q.late
	}
	b := from.next()
	switch b {
	case nil:
		return nil
	case from.open:
		from.open = q.fresh(b.late)
	default:
		from.closed = append(from.closed[:0], from.closed[1:]...)
	}
	from.hasRoom()
	return b
}

// next is the oldest batch that has events, nil if there is none.
func (q *queue) next() *batch {
	switch {
	case len(q.closed) > 0:
		return q.closed[0]
	case q.open.frame.Len() > 0:
		return q.open
	}
	return nil
}

// hasRoom tells those who wait.
func (q *queue) hasRoom() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// empty returns a batch without events.
func (q *partition) empty() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fresh(false)
}

func (q *partition) recycle(b *batch) {
	b.frame.Reset()
	clear(b.entries)
	b.entries = b.entries[:0]
	clear(b.followed)
	b.followed = b.followed[:0]
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = append(q.spare, b)
}

func (q *partition) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.live.hasRoom()
	q.late.hasRoom()
}
