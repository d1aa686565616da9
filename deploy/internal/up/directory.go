package up

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/millwright-io/millwright/dataplane"
	"github.com/millwright-io/millwright/deploy/internal/durable"
)

const (
	// format is the version of the data directory's layout. It rises when an older program could no longer use it.
	format = 1
	// leastSpace is what must be free on the disk for a start.
	leastSpace = 500 << 20
)

// directory is a data directory that this process holds the lock of.
type directory struct {
	path string
	lock *os.File
}

// openDirectory makes the data directory or takes an existing one, for this process alone. now is the pid.
func openDirectory(path string) (*directory, error) {
	// Postgres runs as another user when this process is root, and must get through.
	if err := os.MkdirAll(path, 0o711); err != nil {
		return nil, fmt.Errorf("make the data directory %s: %w: choose another by --data", path, plain(err))
	}
	d := &directory{path: path}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	if err := d.prepare(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// plain drops the path that a file error repeats.
func plain(err error) error {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// acquire takes the lock. The system gives it back when this process ends, however it ends.
func (d *directory) acquire() error {
	lock, err := os.OpenFile(d.at("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock of the data directory %s: %w: choose a directory of your own by --data", d.path, plain(err))
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		text, _ := os.ReadFile(d.at("lock"))
		_ = lock.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock the data directory %s: %w", d.path, err)
		}
		return fmt.Errorf("data directory %s is in use by another `millwright up` (process %s): stop that one, or choose another by --data", d.path, strings.TrimSpace(string(text)))
	}
	d.lock = lock
	if err := errors.Join(lock.Truncate(0), write(lock, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		d.close()
		return fmt.Errorf("write the lock of the data directory %s: %w", d.path, plain(err))
	}
	return nil
}

func write(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// close gives the lock back.
func (d *directory) close() {
	_ = d.lock.Truncate(0)
	_ = d.lock.Close()
}

func (d *directory) at(names ...string) string {
	return filepath.Join(append([]string{d.path}, names...)...)
}

// prepare checks version and space and makes the folders.
func (d *directory) prepare() error {
	if err := d.checkFormat(); err != nil {
		return err
	}
	if err := d.checkSpace(); err != nil {
		return err
	}
	for _, name := range []string{"secrets", "nats", "clickhouse", "kratos", "gateway", "devices", "logs"} {
		if err := os.MkdirAll(d.at(name), 0o700); err != nil {
			return fmt.Errorf("make %s: %w", d.at(name), plain(err))
		}
	}
	return nil
}

func (d *directory) checkFormat() error {
	path := d.at("version")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := durable.WriteFile(path, []byte(strconv.Itoa(format)+"\n"), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", path, plain(err))
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, plain(err))
	}
	found, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || found < 1 {
		return fmt.Errorf("%s says %q, which is no version: restore the data directory from a backup, or choose another by --data", path, strings.TrimSpace(string(text)))
	}
	if found > format {
		return fmt.Errorf("data directory %s was made by a newer millwright (format %d, this one knows %d): run the newer version, or choose another directory by --data", d.path, found, format)
	}
	return nil
}

func (d *directory) checkSpace() error {
	free, err := dataplane.FreeSpace(d.path)
	if err != nil {
		return err
	}
	return enoughSpace(d.path, free)
}

func enoughSpace(path string, free uint64) error {
	if free < leastSpace {
		return fmt.Errorf("only %d MB are free on the disk of the data directory %s, and %d MB are needed: free some, or choose another disk by --data", free>>20, path, leastSpace>>20)
	}
	return nil
}
