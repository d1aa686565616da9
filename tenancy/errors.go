package tenancy

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of failure that callers can do something about. Every domain error wraps one of them; anything else is
// internal: logged in full and sent bare.
var (
	ErrInvalid         = errors.New("invalid")
	ErrNotFound        = errors.New("not found")
	ErrConflict        = errors.New("conflict")
	ErrExists          = errors.New("already exists")
	ErrForbidden       = errors.New("forbidden")
	ErrUnauthenticated = errors.New("unauthenticated")
	ErrOverLimit       = errors.New("over limit")
	ErrUnavailable     = errors.New("unavailable")
)

// LimitError says which limit refused, so that every refusal explains itself. It is an ErrOverLimit.
type LimitError struct {
	Limit   string // e.g. events_per_second
	Scope   string // e.g. tenant, device press_01
	Current int64
	Maximum int64
	// RetryAfter is how long to wait; 0 when waiting does not help.
	RetryAfter time.Duration
}

func (e *LimitError) Error() string {
	s := fmt.Sprintf("limit %s of %s: %d of %d in use", e.Limit, e.Scope, e.Current, e.Maximum)
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s, retry in %s", s, e.RetryAfter.Round(time.Millisecond))
	}
	return s
}

// Unwrap makes a LimitError an ErrOverLimit.
func (e *LimitError) Unwrap() error { return ErrOverLimit }
