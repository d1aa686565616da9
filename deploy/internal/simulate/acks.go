package simulate

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// flushEvery is how long an acknowledged event may be missing in the file.
	flushEvery = 40 * time.Millisecond
	flushBytes = 64 << 10
)

// ackFile records acknowledged events, one line each. Only whole lines are ever written, and only of events that were
// acknowledged before, so that after a kill at any moment the file names acknowledged events only.
type ackFile struct {
	mu   sync.Mutex
	file *os.File
	buf  []byte
	err  error

	stop chan struct{}
	done chan struct{}
}

// openAckFile appends to the file. A nil *ackFile records nothing.
func openAckFile(name string) (*ackFile, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the file of acknowledgements: %w", err)
	}
	a := &ackFile{file: f, stop: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a, nil
}

func (a *ackFile) run() {
	defer close(a.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.stop:
			return
		case <-tick.C:
			a.mu.Lock()
			a.flush()
			a.mu.Unlock()
		}
	}
}

// line is one acknowledged event.
func (a *ackFile) line(device, epoch string, sequence uint64, eventTime int64) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buf = append(a.buf, device...)
	a.buf = append(a.buf, '\t')
	a.buf = append(a.buf, epoch...)
	a.buf = append(a.buf, '/')
	a.buf = strconv.AppendUint(a.buf, sequence, 10)
	a.buf = append(a.buf, '\t')
	a.buf = time.Unix(0, eventTime).UTC().AppendFormat(a.buf, time.RFC3339Nano)
	a.buf = append(a.buf, '\n')
	if len(a.buf) >= flushBytes {
		a.flush()
	}
}

// flush writes what is whole. The caller holds mu.
func (a *ackFile) flush() {
	if len(a.buf) == 0 || a.err != nil {
		return
	}
	if _, err := a.file.Write(a.buf); err != nil {
		a.err = fmt.Errorf("write the file of acknowledgements: %w", err)
	}
	a.buf = a.buf[:0]
}

// close writes the rest and returns the first error of all writes.
func (a *ackFile) close() error {
	if a == nil {
		return nil
	}
	close(a.stop)
	<-a.done
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flush()
	if err := a.file.Close(); err != nil && a.err == nil {
		a.err = fmt.Errorf("close the file of acknowledgements: %w", err)
	}
	return a.err
}
