package dataplane

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/gateway"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// spaceInterval is how often the disk is asked. At full load some 15 MB go by meanwhile, far below any sane reserve.
const spaceInterval = 250 * time.Millisecond

// mostMargin bounds what must be free above the reserve to go on.
const mostMargin = 64 << 20

// FreeSpace is how many bytes of path's file system are free for this process.
func FreeSpace(path string) (uint64, error) {
	free, _, err := diskSpace(path)
	return free, err
}

// diskSpace is how many bytes of path's file system are free for this process, and how many there are.
func diskSpace(path string) (free, whole uint64, err error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", path, err)
	}
	return stat.Bavail * uint64(stat.Bsize), stat.Blocks * uint64(stat.Bsize), nil
}

// space stands before the log and the dead letters and takes nothing new while the disk that they and the store are on
// has less free than the reserve. What was taken before has the reserve to be worked off in.
type space struct {
	gateway.Publisher
	letters gateway.DeadLetters
	dir     string
	reserve uint64
	free    func(dir string) (uint64, error)
	short   atomic.Bool
	log     *slog.Logger
}

// Append implements gateway.Publisher.
func (s *space) Append(ctx context.Context, partition int, events []telemetry.Event, receipt frame.Receipt, token uint64) error {
	if s.short.Load() {
		return gateway.ErrNoSpace
	}
	return s.Publisher.Append(ctx, partition, events, receipt, token)
}

// deadLetters is the same guard before the dead letters.
type deadLetters struct{ *space }

// Append implements gateway.DeadLetters.
func (d deadLetters) Append(ctx context.Context, letter telemetry.DeadLetter, receipt frame.Receipt, token uint64) error {
	if d.short.Load() {
		return gateway.ErrNoSpace
	}
	return d.letters.Append(ctx, letter, receipt, token)
}

// run watches the disk until ctx is done. Without a directory there is nothing to watch.
func (s *space) run(ctx context.Context) error {
	if s.dir == "" {
		return nil
	}
	tick := time.NewTicker(spaceInterval)
	defer tick.Stop()
	for {
		s.check(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// check stops below the reserve and resumes a quarter, at most mostMargin, above it, so that it does not flutter. A disk that does not answer
// changes nothing: writes to it fail by themselves.
func (s *space) check(ctx context.Context) {
	free, err := s.free(s.dir)
	if err != nil {
		return
	}
	figures := []any{slog.Uint64("free_mb", free>>20), slog.Uint64("reserve_mb", s.reserve>>20), slog.String("directory", s.dir)}
	switch short := s.short.Load(); {
	case !short && free < s.reserve:
		s.short.Store(true)
		s.log.ErrorContext(ctx, "disk nearly full, new events are refused until there is space", figures...)
	case short && free >= s.reserve+min(s.reserve/4, mostMargin):
		s.short.Store(false)
		s.log.WarnContext(ctx, "disk has space again, events are taken", figures...)
	}
}
