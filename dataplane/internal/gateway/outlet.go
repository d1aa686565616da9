package gateway

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	writeTimeout = 10 * time.Second
	// outBytes is how much a client may leave unread before it is cut.
	outBytes = 1 << 20
)

// outlet is the writing half of a session's connection.
type outlet struct {
	conn   net.Conn
	ctx    context.Context //nolint:containedctx // it ends with the connection, which has no caller
	cancel context.CancelFunc
	wake   chan struct{}

	mu    sync.Mutex
	out   []byte
	spare []byte
	// ending says that nothing is queued any more.
	ending bool
}

// open begins; the writer runs on its own.
func (o *outlet) open(ctx context.Context, conn net.Conn) {
	o.conn, o.wake = conn, make(chan struct{}, 1)
	o.ctx, o.cancel = context.WithCancel(ctx)
}

// signal wakes the writer.
func (o *outlet) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// write is the writer: everything that was queued since its last turn goes out in one write. It ends the connection once
// nothing more is queued.
func (o *outlet) write() {
	for {
		o.mu.Lock()
		out, ending := o.out, o.ending
		o.out, o.spare = o.spare[:0], nil
		o.mu.Unlock()
		if len(out) > 0 {
			_ = o.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // the socket's clock, not ours
			if _, err := o.conn.Write(out); err != nil {
				o.cancel()
				return
			}
			if cap(out) <= 64<<10 {
				o.spare = out
			}
			continue
		}
		o.spare = out
		if ending {
			o.cancel()
			return
		}
		select {
		case <-o.wake:
		case <-o.ctx.Done():
			o.mu.Lock()
			o.ending = true
			rest := len(o.out) > 0
			o.mu.Unlock()
			if !rest {
				return
			}
		}
	}
}
