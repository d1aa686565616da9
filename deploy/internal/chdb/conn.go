package chdb

import (
	"errors"
	"runtime"
	"unsafe"
)

// Conn is one session of the engine. It runs one statement at a time and is not safe for concurrent use.
type Conn struct {
	lib    *Library
	handle uintptr // chdb_connection *
	conn   uintptr // chdb_connection
}

// Param is a value for a {name:Type} placeholder, in the engine's text form.
type Param struct{ Name, Value string }

// Stats counts what a statement did so far.
type Stats struct {
	Seconds                   float64
	ResultRows, ResultBytes   uint64
	ReadRows, ReadBytes       uint64
	WrittenRows, WrittenBytes uint64
}

func (s *Stats) add(o Stats) {
	s.Seconds += o.Seconds
	s.ResultRows += o.ResultRows
	s.ResultBytes += o.ResultBytes
	s.ReadRows += o.ReadRows
	s.ReadBytes += o.ReadBytes
	s.WrittenRows += o.WrittenRows
	s.WrittenBytes += o.WrittenBytes
}

// Close ends the session. Closing the last one of the process stops the engine's storage.
func (c *Conn) Close() {
	if c.handle == 0 {
		return
	}
	c.lib.closeConn(c.handle)
	c.handle, c.conn = 0, 0
}

// Query runs sql and returns its whole result in format. The error is an *Error when the engine gave one.
func (c *Conn) Query(sql, format string, params ...Param) ([]byte, Stats, error) {
	var result uintptr
	withParams(sql, format, params, func(s, f text, p table) {
		result = c.lib.query(c.conn, s.at, s.n, f.at, f.n, p.names, p.nameLens, p.values, p.valueLens, p.n)
	})
	return c.lib.take(result)
}

// Exec runs sql for its effect.
func (c *Conn) Exec(sql string) error {
	_, _, err := c.Query(sql, "Null")
	return err
}

// take copies a result out of the library's memory and frees it.
func (l *Library) take(result uintptr) ([]byte, Stats, error) {
	if result == 0 {
		return nil, Stats{}, errors.New("the ClickHouse engine returned no result")
	}
	defer l.destroy(result)
	if msg := l.errorText(result); msg != "" {
		return nil, Stats{}, parseError(msg)
	}
	n := l.length(result)
	var data []byte
	if n > 0 {
		data = make([]byte, n)
		copy(data, unsafe.Slice((*byte)(l.buffer(result)), n))
	}
	return data, Stats{
		Seconds: l.elapsed(result), ResultRows: l.rows(result), ResultBytes: l.bytes(result),
		ReadRows: l.rowsScanned(result), ReadBytes: l.bytesScanned(result),
		WrittenRows: l.rowsWritten(result), WrittenBytes: l.bytesWritten(result),
	}, nil
}

type text struct {
	at unsafe.Pointer
	n  uintptr
}

type table struct {
	names, nameLens, values, valueLens unsafe.Pointer
	n                                  uintptr
}

// withParams pins the statement's strings while call runs: the library copies them before it returns.
func withParams(sql, format string, params []Param, call func(sql, format text, params table)) {
	var pin runtime.Pinner
	defer pin.Unpin()
	ref := func(s string) text {
		b := append([]byte(s), 0) // the copy is never empty, so it has an address
		pin.Pin(&b[0])
		return text{unsafe.Pointer(&b[0]), uintptr(len(s))}
	}
	var t table
	if len(params) > 0 {
		names, values := make([]unsafe.Pointer, len(params)), make([]unsafe.Pointer, len(params))
		nameLens, valueLens := make([]uintptr, len(params)), make([]uintptr, len(params))
		for i, p := range params {
			name, value := ref(p.Name), ref(p.Value)
			names[i], nameLens[i] = name.at, name.n
			values[i], valueLens[i] = value.at, value.n
		}
		pin.Pin(&names[0])
		pin.Pin(&values[0])
		pin.Pin(&nameLens[0])
		pin.Pin(&valueLens[0])
		t = table{unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]), unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]), uintptr(len(params))}
	}
	call(ref(sql), ref(format), t)
}
