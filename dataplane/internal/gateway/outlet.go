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

	mu    sync.Mutex
	out   []byte
	spare []byte
	// ending says that nothing is queued any more, closed that nothing is written any more, writing that the writer runs.
	ending, closed, writing bool

	writer sync.WaitGroup
	// writeBy is the deadline of writing; the writer's own.
	writeBy time.Time
}

// open begins.
func (o *outlet) open(ctx context.Context, conn net.Conn) {
	o.conn = conn
	o.ctx, o.cancel = context.WithCancel(ctx)
}

// signal has what is queued written: there is a writer while there is something to write.
func (o *outlet) signal() {
	o.mu.Lock()
	begin := !o.writing && !o.closed && (len(o.out) > 0 || o.ending)
	if begin {
		o.writing = true
		o.writer.Add(1)
	}
	o.mu.Unlock()
	if begin {
		go o.write()
	}
}

// write is the writer: everything that was queued since its last turn goes out in one write. It stops the session once
// nothing more is queued.
func (o *outlet) write() {
	defer o.writer.Done()
	for out := o.next(nil); len(out) > 0; out = o.next(out) {
		if !o.put(out) {
			o.cut()
			return
		}
	}
}

// next takes what is queued and gives back what was written. When there is nothing, the writer is no more.
func (o *outlet) next(written []byte) []byte {
	if cap(written) > 64<<10 {
		written = nil
	}
	o.mu.Lock()
	if written == nil {
		written = o.spare
	}
	out, last := o.out, false
	if len(out) > 0 {
		o.out, o.spare = written[:0], nil
	} else {
		o.spare, o.writing, last = written, false, o.ending
	}
	o.mu.Unlock()
	if last {
		o.cut()
	}
	return out
}

func (o *outlet) put(out []byte) bool {
	// Setting a deadline costs more than looking at the clock: half of it is let pass. The clock is the socket's own.
	if now := time.Now(); o.writeBy.Sub(now) < writeTimeout/2 {
		o.writeBy = now.Add(writeTimeout)
		_ = o.conn.SetWriteDeadline(o.writeBy) // a dead socket is found by the write
	}
	_, err := o.conn.Write(out)
	return err == nil
}

// cut lets no writer begin again and ends the reading.
func (o *outlet) cut() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.stop()
}

// stop ends the reading, wherever it waits.
func (o *outlet) stop() {
	o.cancel()
	_ = o.conn.SetReadDeadline(time.Now())
}

// shut waits until what is being written is written; nothing is after that.
func (o *outlet) shut() {
	o.cancel()
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.writer.Wait()
}

// rest gives the buffers back if nothing is being written.
func (o *outlet) rest() {
	o.mu.Lock()
	if !o.writing && len(o.out) == 0 {
		o.out, o.spare = nil, nil
	}
	o.mu.Unlock()
}
