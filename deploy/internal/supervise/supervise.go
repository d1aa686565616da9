// Package supervise runs child processes: each starts in its own process group, dies with this process (even by
// SIGKILL), is restarted with a growing pause when it ends by itself, and is stopped by a signal, then by force. It knows
// nothing of what the children are. Package up imports it.
package supervise

import (
	"context"
	"log/slog"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Spec says what a child is and how it is treated.
type Spec struct {
	// Name is the child's name in log lines and of its log file.
	Name string
	Path string
	Args []string
	// Env is the child's whole environment.
	Env []string
	Dir string
	// Credential is whom the child runs as; nil: as this process.
	Credential *syscall.Credential
	// Ready returns nil once the child serves. It is called again and again, each time with a deadline of its own.
	// Nil: ready when started.
	Ready func(ctx context.Context) error
	// ReadyWithin is how long the child may take to become ready; 0 means 30 s.
	ReadyWithin time.Duration
	// StopSignal asks the child to end; 0 means SIGTERM.
	StopSignal syscall.Signal
	// Grace is how long the child may take to end before it is killed; 0 means 10 s.
	Grace time.Duration
	// DeathSignal reaches the child when this process dies; 0 means SIGKILL.
	DeathSignal syscall.Signal
	// BeforeStart runs before every start, e.g. to clear what a crash left. An error counts as a failed start.
	BeforeStart func(ctx context.Context) error
	// LogPath is the file that takes the child's output; one older file is kept beside it.
	LogPath string
	// LogLimit is the size in bytes at which the log file is turned over; 0 means 8 MiB.
	LogLimit int64
	// Notable says which lines of output the operator should see; nil: none.
	Notable func(line string) bool
	// Backoff is the pause before the first restart, doubled up to 50 times itself; 0 means 200 ms.
	Backoff time.Duration
	// Once means that the child's end is not a crash: it is not restarted.
	Once bool
}

// State is where a child is in its life.
type State string

// The states.
const (
	StateStarting State = "starting"
	StateReady    State = "ready"
	StateDown     State = "down"
	StateStopped  State = "stopped"
)

// Status is a child as it is now.
type Status struct {
	State State
	// Pid is 0 while the child does not run.
	Pid      int
	Restarts int
}

// Child is a supervised process. Make it with New.
type Child struct {
	spec Spec
	log  *slog.Logger
	now  func() time.Time

	quit chan struct{} // closed by Stop
	done chan struct{} // closed when the child is gone for good

	// shown counts the lines that were shown lately; it belongs to the goroutine that reads the output.
	shown struct {
		since         time.Time
		lines, hidden int
	}

	mu      sync.Mutex
	started bool
	stopped bool
	status  Status
	cmd     *exec.Cmd
	output  *output
}

// New returns a child that Start starts.
func New(spec Spec, log *slog.Logger, now func() time.Time) *Child {
	spec.ReadyWithin = or(spec.ReadyWithin, 30*time.Second)
	spec.Grace = or(spec.Grace, 10*time.Second)
	spec.Backoff = or(spec.Backoff, 200*time.Millisecond)
	spec.LogLimit = or(spec.LogLimit, 8<<20)
	spec.StopSignal = or(spec.StopSignal, syscall.SIGTERM)
	spec.DeathSignal = or(spec.DeathSignal, syscall.SIGKILL)
	return &Child{
		spec: spec, log: log.With(slog.String("part", spec.Name)), now: now,
		quit: make(chan struct{}), done: make(chan struct{}), status: Status{State: StateStopped},
	}
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Status returns the child's state.
func (c *Child) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Name returns the child's name.
func (c *Child) Name() string { return c.spec.Name }

// Done is closed when the child has ended for good: after Stop, after a failed Start, or at its end when Spec.Once.
func (c *Child) Done() <-chan struct{} { return c.done }

func (c *Child) set(change func(*Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}
