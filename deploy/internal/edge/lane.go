package edge

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// window is how many messages of a device are on their way at once.
	window = 64
	// releaseEvery is after how many messages that the cell has their room is freed, at the latest when nothing waits.
	releaseEvery = 256
	// heldPause is when a message that the cell refuses for who it is of is tried again.
	heldPause = 15 * time.Second
	// refusedPause and mostPause bound the wait that the cell asks for.
	refusedPause, mostPause = 100 * time.Millisecond, time.Minute
)

// The cell's answers, by their codes.
const (
	invalid     = 400 // a dead letter of the cell: people put it right there
	forbidden   = 403
	unknown     = 401
	tooLarge    = 413
	wrongBefore = 10070 // the one before it was refused
)

// lane sends what waits of one device, in order.
type lane struct {
	device string
	store  *store
	uplink *uplink
	counts *counts
	log    *slog.Logger
	work   chan struct{}

	// The rest belongs to the goroutine.
	done     uint64 // the cell has everything up to here
	released uint64
	since    int

	mu   sync.Mutex
	held string
}

// underway is a message that was sent.
type underway struct {
	message
	due <-chan answer
}

// wake says that something waits.
func (l *lane) wake() {
	select {
	case l.work <- struct{}{}:
	default:
	}
}

// run sends until ctx is done.
func (l *lane) run(ctx context.Context) {
	defer l.free()
	for ctx.Err() == nil {
		line, changed := l.uplink.current()
		if line == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		pause, err := l.forward(ctx, line)
		if err != nil && ctx.Err() == nil {
			l.log.Debug("sending stopped", slog.String("device", l.device), slog.Any("error", err))
			pause = max(pause, refusedPause)
		}
		var after <-chan time.Time
		if pause > 0 {
			after = time.After(pause)
		}
		select {
		case <-after:
		case <-l.idle(pause):
		case <-ctx.Done():
		}
	}
}

// idle returns what wakes a lane that has sent everything; one that waits is not woken.
func (l *lane) idle(pause time.Duration) <-chan struct{} {
	if pause > 0 {
		return nil
	}
	return l.work
}

// forward sends over one connection until nothing waits (0), or the cell asks for a pause. After a refusal the first message goes without naming
// the one before it: nothing of the device is on its way then.
func (l *lane) forward(ctx context.Context, line *line) (pause time.Duration, err error) {
	var sent []underway
	from, last := l.done+1, ""
	for {
		for len(sent) < window && ctx.Err() == nil {
			m, ok, err := l.store.next(ctx, l.device, from)
			if err != nil {
				return 0, err
			}
			if !ok {
				break
			}
			due, err := line.send(l.envelope(m, last))
			if err != nil {
				return 0, err
			}
			sent = append(sent, underway{m, due})
			from, last = m.sequence+1, l.name(m)
		}
		if len(sent) == 0 {
			l.free()
			return 0, nil
		}
		said, err := await(line, sent[0].due)
		if err != nil {
			return 0, err
		}
		if pause, err = l.settle(ctx, sent[0].message, said); err != nil || pause > 0 {
			return pause, l.rest(line, sent[1:], err)
		}
		sent = sent[1:]
	}
}

// rest waits for the answers of what was sent after a refused message: all are refused for that, and are sent again.
func (l *lane) rest(line *line, sent []underway, err error) error {
	for _, m := range sent {
		if _, lost := await(line, m.due); lost != nil {
			return lost
		}
	}
	return err
}

func await(line *line, due <-chan answer) (answer, error) {
	select {
	case said := <-due:
		return said, nil
	case <-line.lost:
		return answer{}, errLost
	}
}

// settle acts on an answer; a pause means that the message is to be sent again after it.
func (l *lane) settle(ctx context.Context, m message, said answer) (time.Duration, error) {
	code := said.Error.Code
	switch {
	case code == 0:
		l.counts.forwarded.Add(1)
	case said.Error.Number == wrongBefore:
		return time.Millisecond, nil
	case code == invalid:
		l.counts.letters.Add(1)
	case code == tooLarge:
		if err := l.store.aside(ctx, l.device, m); err != nil {
			return 0, err
		}
		l.counts.aside.Add(1)
		l.log.Warn("a message is put aside, the cell will never take it", slog.String("device", l.device), slog.String("reason", said.Error.Description))
	case code == forbidden || code == unknown:
		l.hold(said.Error.Description)
		return heldPause, nil
	default:
		l.counts.refused.Add(1)
		l.hold(said.Error.Description)
		return min(max(time.Duration(said.Limit.RetryAfterSeconds*float64(time.Second)), refusedPause), mostPause), nil
	}
	l.hold("")
	l.done = m.sequence
	if l.since++; l.since >= releaseEvery {
		l.free()
	}
	return 0, nil
}

// hold notes why a device's messages wait; empty: they do not.
func (l *lane) hold(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if why != "" && l.held == "" {
		l.log.Warn("the cell does not take a device's messages, they wait", slog.String("device", l.device), slog.String("reason", why))
	}
	l.held = why
}

func (l *lane) holding() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// free gives back the room of what the cell has. What could not be freed goes again after a restart, and counts once.
func (l *lane) free() {
	if l.done == l.released {
		return
	}
	if err := l.store.release(l.device, l.done); err != nil {
		l.log.Warn("room is not freed", slog.String("device", l.device), slog.Any("error", err))
		return
	}
	l.released, l.since = l.done, 0
}

// name is a message's for ever.
func (l *lane) name(m message) string { return fmt.Sprintf("%s-%d", l.store.id, m.sequence) }

func (l *lane) envelope(m message, last string) *nats.Msg {
	out := nats.NewMsg("v1.devices." + l.device + ".telemetry")
	out.Data = m.payload
	out.Header.Set("Nats-Msg-Id", l.name(m))
	out.Header.Set("Millwright-Time", m.taken.UTC().Format(time.RFC3339Nano))
	if last != "" {
		out.Header.Set("Nats-Expected-Last-Msg-Id", last)
	}
	return out
}
