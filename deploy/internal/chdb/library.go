// Package chdb binds libchdb.so, the ClickHouse engine behind a C interface, without cgo.
//
// It knows nothing of HTTP, users or tenants: it loads the library once, opens connections to one data directory and
// runs one statement at a time on each. Only the warehouse package may import it.
package chdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Library is a loaded libchdb. The engine keeps one data directory for a process, whatever the number of connections.
type Library struct {
	version func() string

	setSignalHandlers func(int32)
	connect           func(int32, unsafe.Pointer) uintptr
	closeConn         func(uintptr)

	query        func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) uintptr
	stream       func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) uintptr
	streamFetch  func(conn, stream uintptr) uintptr
	streamCancel func(conn, stream uintptr)

	insert        func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) uintptr
	insertAppend  func(stream uintptr, data unsafe.Pointer, n uintptr) int32
	insertDone    func(stream uintptr) uintptr
	insertCancel  func(stream uintptr)
	insertError   func(stream uintptr) string
	insertDestroy func(stream uintptr)

	destroy      func(uintptr)
	errorText    func(uintptr) string
	buffer       func(uintptr) unsafe.Pointer
	length       func(uintptr) uintptr
	elapsed      func(uintptr) float64
	rows         func(uintptr) uint64
	bytes        func(uintptr) uint64
	rowsScanned  func(uintptr) uint64
	bytesScanned func(uintptr) uint64
	rowsWritten  func(uintptr) uint64
	bytesWritten func(uintptr) uint64

	classify func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, db unsafe.Pointer, dbLen uintptr, out unsafe.Pointer) int32
}

// Load opens the shared library at path and binds its functions. It also keeps the engine away from the process's
// signals, which belong to the Go runtime.
func Load(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine %s: %w", path, err)
	}
	l := &Library{}
	if err := l.bind(handle); err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine %s: %w", path, err)
	}
	l.setSignalHandlers(0)
	return l, nil
}

func (l *Library) bind(handle uintptr) error {
	symbols := []struct {
		name string
		fn   any
	}{
		{"chdb_version", &l.version},
		{"chdb_set_signal_handlers_enabled", &l.setSignalHandlers},
		{"chdb_connect", &l.connect},
		{"chdb_close_conn", &l.closeConn},
		{"chdb_query_with_params_n", &l.query},
		{"chdb_stream_query_with_params_n", &l.stream},
		{"chdb_stream_fetch_result", &l.streamFetch},
		{"chdb_stream_cancel_query", &l.streamCancel},
		{"chdb_stream_insert_with_params_n", &l.insert},
		{"chdb_stream_append", &l.insertAppend},
		{"chdb_stream_done", &l.insertDone},
		{"chdb_stream_cancel_insert", &l.insertCancel},
		{"chdb_stream_insert_error", &l.insertError},
		{"chdb_destroy_insert_stream", &l.insertDestroy},
		{"chdb_destroy_query_result", &l.destroy},
		{"chdb_result_error", &l.errorText},
		{"chdb_result_buffer", &l.buffer},
		{"chdb_result_length", &l.length},
		{"chdb_result_elapsed", &l.elapsed},
		{"chdb_result_rows_read", &l.rows},
		{"chdb_result_bytes_read", &l.bytes},
		{"chdb_result_storage_rows_read", &l.rowsScanned},
		{"chdb_result_storage_bytes_read", &l.bytesScanned},
		{"chdb_result_rows_written", &l.rowsWritten},
		{"chdb_result_bytes_written", &l.bytesWritten},
		{"chdb_classify_query_n", &l.classify},
	}
	var errs []error
	for _, s := range symbols {
		address, err := purego.Dlsym(handle, s.name)
		if err != nil {
			errs = append(errs, fmt.Errorf("symbol %s is missing: install the pinned @chdb/lib-linux-x64-gnu", s.name))
			continue
		}
		purego.RegisterFunc(s.fn, address)
	}
	return errors.Join(errs...)
}

// Version is the engine's own, for example "26.7.3".
func (l *Library) Version() string { return l.version() }

// Connect opens a connection. The first one starts the engine on the directory that --path names; later ones must name
// the same path. args are the engine's command-line arguments without the program name.
func (l *Library) Connect(args ...string) (*Conn, error) {
	argv := append([]string{"clickhouse"}, args...)
	raw := make([][]byte, len(argv))
	pointers := make([]unsafe.Pointer, len(argv)+1)
	var pin runtime.Pinner
	defer pin.Unpin()
	for i, arg := range argv {
		if strings.ContainsRune(arg, 0) {
			return nil, fmt.Errorf("connect to the ClickHouse engine: argument %d holds a zero byte", i)
		}
		raw[i] = append([]byte(arg), 0)
		pin.Pin(&raw[i][0])
		pointers[i] = unsafe.Pointer(&raw[i][0])
	}
	handle := l.connect(int32(len(argv)), unsafe.Pointer(&pointers[0]))
	runtime.KeepAlive(pointers)
	if handle == 0 {
		return nil, errors.New("connect to the ClickHouse engine: it refused to start on this data directory; its reason is on standard error")
	}
	return &Conn{lib: l, handle: handle, conn: *(*uintptr)(foreign(handle))}, nil
}

// Find returns the library's path: explicit if not empty, else the npm package under dir's, or one of its parents',
// deploy/tools/engine (or tools/engine).
func Find(explicit, dir string) (string, error) {
	if explicit != "" {
		if _, err := os.Stat(explicit); err != nil {
			return "", fmt.Errorf("find the ClickHouse engine: %w", err)
		}
		return explicit, nil
	}
	const inPackage = "tools/engine/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the ClickHouse engine: %w", err)
	}
	for at := start; ; at = filepath.Dir(at) {
		for _, candidate := range []string{filepath.Join(at, "deploy", inPackage), filepath.Join(at, inPackage)} {
			if _, err := os.Stat(candidate); err == nil {
				return candidate, nil
			}
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find the ClickHouse engine: no deploy/%s at or above %s; run `npm ci` in deploy/tools/engine", inPackage, start)
		}
	}
}

// foreign turns an address of the library's memory into a pointer; the indirection tells vet that it is not Go's.
func foreign(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }
