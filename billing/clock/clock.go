// Package clock tells billing the time: the system's, or that of a file, with which the end of a month is rehearsed.
// The control plane imports it.
package clock

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// File is a clock that says what a file says: an RFC 3339 time, read anew at most every refresh. Safe for concurrent use.
type File struct {
	path string
	log  *slog.Logger

	mu   sync.Mutex
	read time.Time // by the system's clock
	at   time.Time
}

// refresh is how soon a change of the file is seen.
const refresh = 200 * time.Millisecond

// longest is more than any time in RFC 3339 has.
const longest = 64

// Open reads the file once, and fails when it holds no time.
func Open(path string, log *slog.Logger) (*File, error) {
	at, err := read(path)
	if err != nil {
		return nil, err
	}
	log.Warn("billing lives by the clock of a file, not by this machine's", slog.String("file", path), slog.Time("time", at))
	return &File{path: path, log: log, read: time.Now(), at: at}, nil
}

// Now is the file's time; while the file cannot be read, the last one.
func (f *File) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.read) < refresh {
		return f.at
	}
	f.read = time.Now()
	at, err := read(f.path)
	if err != nil {
		f.log.Warn("billing's clock stands still", slog.Any("error", err))
		return f.at
	}
	f.at = at
	return at
}

func read(path string) (time.Time, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("read billing clock: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text[:min(len(text), longest)])))
	if err != nil {
		return time.Time{}, fmt.Errorf("billing clock %s: want one RFC 3339 time, e.g. 2026-12-02T00:00:00Z: %w", path, err)
	}
	return at.UTC(), nil
}
