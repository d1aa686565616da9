package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	longestLine = 16 << 10
	// lastWordsWithin is how long the rest of a dead child's output is waited for: something that it started may still
	// hold the other end.
	lastWordsWithin = time.Second
)

// output takes what a child prints, over all its restarts: into a file of bounded size, line by line to a listener, and
// it remembers what was last worth reading.
type output struct {
	path  string
	limit int64
	// listen is told every line and says whether it is notable.
	listen func(line string) bool

	mu      sync.Mutex
	file    *os.File
	size    int64
	tail    string
	notable string
	// reader is the end of the running process's pipe; drained is closed when it is read to its end.
	reader  *os.File
	drained chan struct{}
}

// openOutput opens the log file for appending. An empty path keeps no file.
func openOutput(path string, limit int64, listen func(string) bool) (*output, error) {
	o := &output{path: path, limit: limit, listen: listen}
	if path == "" {
		return o, nil
	}
	return o, o.open()
}

func (o *output) open() error {
	file, err := os.OpenFile(o.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open log: %w", err), file.Close())
	}
	o.file, o.size = file, info.Size()
	return nil
}

// attach returns the file that a new process writes to. The caller closes it once the process has its own copy.
func (o *output) attach() (*os.File, error) {
	o.settle()
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for output: %w", err)
	}
	drained := make(chan struct{})
	o.mu.Lock()
	o.reader, o.drained, o.tail, o.notable = reader, drained, "", ""
	o.mu.Unlock()
	go func() {
		defer close(drained)
		o.read(reader)
	}()
	return writer, nil
}

// read takes lines until the process and all that inherited its output are gone. An overlong line is cut into pieces.
func (o *output) read(r io.Reader) {
	lines := bufio.NewReaderSize(r, longestLine)
	for {
		line, _, err := lines.ReadLine()
		if len(line) > 0 {
			o.keep(string(line))
		}
		if err != nil {
			return
		}
	}
}

func (o *output) keep(line string) {
	notable := o.listen(line)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = line
	if notable {
		o.notable = line
	}
	if o.file == nil {
		return
	}
	if o.size > o.limit {
		o.turn()
	}
	n, _ := o.file.WriteString(line + "\n")
	o.size += int64(n)
}

// turn makes the full file the older one and begins anew. When that fails, the full file is begun anew, so that the
// bound holds.
func (o *output) turn() {
	if err := os.Rename(o.path, o.path+".1"); err != nil {
		_ = o.file.Truncate(0)
		o.size = 0
		return
	}
	old := o.file
	if err := o.open(); err != nil {
		o.file = old
		return
	}
	_ = old.Close()
}

// last returns the last notable line, else the last line, of the process that ran last.
func (o *output) last() string {
	o.settle()
	o.mu.Lock()
	defer o.mu.Unlock()
	words := or(o.notable, o.tail)
	if len(words) > 400 {
		return words[:400] + "…"
	}
	return words
}

// settle waits until a process that has ended has been read to its end, and lets go of its pipe.
func (o *output) settle() {
	o.mu.Lock()
	reader, drained := o.reader, o.drained
	o.reader, o.drained = nil, nil
	o.mu.Unlock()
	if reader == nil {
		return
	}
	force := time.AfterFunc(lastWordsWithin, func() { _ = reader.Close() })
	<-drained
	force.Stop()
	_ = reader.Close()
}

// close takes the last line and closes the file.
func (o *output) close() {
	o.settle()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close()
		o.file = nil
	}
}
