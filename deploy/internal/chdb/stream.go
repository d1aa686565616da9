package chdb

import (
	"errors"
	"io"
	"runtime"
	"unsafe"
)

// Rows is a running query whose result comes in pieces.
type Rows struct {
	conn   *Conn
	handle uintptr
	stats  Stats
}

// Stream starts sql; the pieces of its result in format come from Next. Close it in every case.
func (c *Conn) Stream(sql, format string, params ...Param) (*Rows, error) {
	var handle uintptr
	withParams(sql, format, params, func(s, f text, p table) {
		handle = c.lib.stream(c.conn, s.at, s.n, f.at, f.n, p.names, p.nameLens, p.values, p.valueLens, p.n)
	})
	if handle == 0 {
		return nil, errors.New("the ClickHouse engine returned no stream")
	}
	if msg := c.lib.errorText(handle); msg != "" {
		c.lib.destroy(handle)
		return nil, parseError(msg)
	}
	return &Rows{conn: c, handle: handle}, nil
}

// Next returns the next piece, or io.EOF after the last.
func (r *Rows) Next() ([]byte, error) {
	data, stats, err := r.conn.lib.take(r.conn.lib.streamFetch(r.conn.conn, r.handle))
	if err != nil {
		return nil, err
	}
	r.stats.add(stats)
	if len(data) == 0 {
		return nil, io.EOF
	}
	return data, nil
}

// Stats counts the pieces fetched so far.
func (r *Rows) Stats() Stats { return r.stats }

// Close cancels the query if it still runs and frees it.
func (r *Rows) Close() {
	if r.handle == 0 {
		return
	}
	r.conn.lib.streamCancel(r.conn.conn, r.handle)
	r.conn.lib.destroy(r.handle)
	r.handle = 0
}

// Insert is a running INSERT that takes its rows in pieces. Write may be called from another goroutine than Cancel's.
type Insert struct {
	lib    *Library
	handle uintptr
}

// Insert starts sql, an INSERT without FORMAT and without rows; the rows follow by Write, encoded in format.
func (c *Conn) Insert(sql, format string, params ...Param) (*Insert, error) {
	var handle uintptr
	withParams(sql, format, params, func(s, f text, p table) {
		handle = c.lib.insert(c.conn, s.at, s.n, f.at, f.n, p.names, p.nameLens, p.values, p.valueLens, p.n)
	})
	if handle == 0 {
		return nil, errors.New("the ClickHouse engine returned no insert")
	}
	if msg := c.lib.insertError(handle); msg != "" {
		c.lib.insertDestroy(handle)
		return nil, parseError(msg)
	}
	return &Insert{lib: c.lib, handle: handle}, nil
}

// Write hands a piece of rows to the engine, which copies it; it waits when the engine is behind. After an error, Done
// tells the reason.
func (i *Insert) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var pin runtime.Pinner
	pin.Pin(&p[0])
	defer pin.Unpin()
	if i.lib.insertAppend(i.handle, unsafe.Pointer(&p[0]), uintptr(len(p))) != 0 {
		return 0, ErrInsertStopped
	}
	return len(p), nil
}

// ErrInsertStopped says that the engine takes no more rows; Done tells why.
var ErrInsertStopped = errors.New("the ClickHouse engine stopped the insert")

// Done ends the rows, waits until they are inserted and frees the insert.
func (i *Insert) Done() (Stats, error) {
	defer i.free()
	_, stats, err := i.lib.take(i.lib.insertDone(i.handle))
	return stats, err
}

// Cancel abandons the insert and frees it. Blocks that the engine has already written stay.
func (i *Insert) Cancel() {
	if i.handle == 0 {
		return
	}
	i.lib.insertCancel(i.handle)
	i.free()
}

func (i *Insert) free() {
	if i.handle != 0 {
		i.lib.insertDestroy(i.handle)
		i.handle = 0
	}
}
