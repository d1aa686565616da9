package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// leaveWithin is how long processes of an earlier run get to finish their own shutdown before they are killed.
const leaveWithin = 20 * time.Second

// clear makes the data directory ready for a start after a crash. The caller holds the lock of the whole data directory,
// so whatever still runs on it belongs to an earlier `up` and is on its way out.
func (s *Server) clear(ctx context.Context) error {
	if err := s.waitForEarlier(ctx); err != nil {
		return err
	}
	return s.dropStalePid()
}

func (s *Server) waitForEarlier(ctx context.Context) error {
	pids := processesIn(s.cfg.DataDir)
	if len(pids) == 0 {
		return nil
	}
	s.log.InfoContext(ctx, "waiting for the postgres of an earlier run to stop", slog.Any("pids", pids))
	kill := time.NewTimer(leaveWithin)
	defer kill.Stop()
	for tick := time.NewTicker(50 * time.Millisecond); len(pids) > 0; pids = processesIn(s.cfg.DataDir) {
		select {
		case <-tick.C:
		case <-kill.C:
			tick.Stop()
			return s.kill(ctx, pids)
		case <-ctx.Done():
			tick.Stop()
			return ctx.Err()
		}
	}
	return nil
}

// kill ends processes that would not go. Postgres recovers from its log.
func (s *Server) kill(ctx context.Context, pids []int) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d still uses %s and cannot be stopped (%w): stop it and start again", pid, s.cfg.DataDir, err)
		}
	}
	s.log.WarnContext(ctx, "killed the postgres of an earlier run", slog.Any("pids", pids))
	return nil
}

// dropStalePid removes a pid file whose number now belongs to a process that is not Postgres: Postgres itself cannot
// tell and would refuse to start. It is called when nothing runs in the directory.
func (s *Server) dropStalePid() error {
	path := filepath.Join(s.cfg.DataDir, "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil // Postgres sees for itself that this one is gone, and checks more
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale %s: %w", path, err)
	}
	return nil
}

// processesIn lists the processes that work in dir, as a Postgres server and its helpers do in their data directory.
func processesIn(dir string) []int {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil
	}
	if real, err = filepath.Abs(real); err != nil {
		return nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var pids []int
	for _, link := range links {
		if at, err := os.Readlink(link); err != nil || at != real {
			continue
		}
		folder := filepath.Dir(link)
		name, _ := os.ReadFile(filepath.Join(folder, "comm"))
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil && strings.HasPrefix(string(name), "postgres") {
			pids = append(pids, pid)
		}
	}
	return pids
}
