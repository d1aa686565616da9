package warehouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lock keeps a second process off the data directory. The kernel drops it when the process dies, however it dies.
type lock struct{ file *os.File }

func acquireLock(dir string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the ClickHouse data directory: %w", err)
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the ClickHouse data directory: %w", err)
	}
	err = flock(file, lockPatience)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := os.ReadFile(path)
		_ = file.Close()
		return nil, fmt.Errorf("the ClickHouse data directory %s is in use by process %s; stop it or choose another directory", dir, strings.TrimSpace(string(holder)))
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock the ClickHouse data directory %s: %w", dir, err)
	}
	_ = file.Truncate(0)
	_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return &lock{file: file}, nil
}

// lockPatience is how long a killed process may take to disappear: its memory is freed before its lock.
const lockPatience = 2 * time.Second

func flock(file *os.File, patience time.Duration) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-timeout.C:
			return err
		case <-tick.C:
		}
	}
}

func (l *lock) release() { _ = l.file.Close() }
