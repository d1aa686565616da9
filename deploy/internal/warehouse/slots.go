package warehouse

import (
	"context"
	"time"
)

// slots bounds the statements that run at once and those that wait.
type slots struct {
	running chan struct{}
	waiting chan struct{}
}

func newSlots(running, waiting int) *slots {
	return &slots{running: make(chan struct{}, running), waiting: make(chan struct{}, waiting)}
}

// take waits for a slot for at most timeout. The caller gives it back with free.
func (s *slots) take(ctx context.Context, timeout time.Duration) error {
	select {
	case s.running <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.waiting <- struct{}{}:
	default:
		return exception(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES",
			"Too many simultaneous queries: %d run (the maximum) and %d wait (the maximum). Try again in a second", cap(s.running), cap(s.waiting))
	}
	defer func() { <-s.waiting }()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case s.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		return exception(codeAborted, "ABORTED", "The client went away while its statement waited")
	case <-timer.C:
		return exception(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES",
			"Too many simultaneous queries: %d run (the maximum) and none ended within %s. Try again in a second", cap(s.running), timeout)
	}
}

func (s *slots) free() { <-s.running }
