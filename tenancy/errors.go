package tenancy

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
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

// MarshalJSON is how a refusal reads in protocols that have no form of their own for it.
func (e *LimitError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Limit             string  `json:"limit"`
		Scope             string  `json:"scope"`
		Current           int64   `json:"current"`
		Maximum           int64   `json:"maximum"`
		RetryAfterSeconds float64 `json:"retry_after_seconds,omitempty"`
		Reason            string  `json:"reason,omitempty"`
	}{e.Limit, e.Scope, e.Current, e.Maximum, e.RetryAfter.Seconds(), e.Reason})
}

// LimitError says which limit refused, so that every refusal explains itself. It is an ErrOverLimit.
type LimitError struct {
	Limit   string // e.g. events_per_second
	Scope   string // e.g. tenant, device press_01
	Current int64
	Maximum int64
	// RetryAfter is how long to wait; 0 when waiting does not help.
	RetryAfter time.Duration
	// Reason says why the limit is what it is, when it is not the plan's.
	Reason string
}

func (e *LimitError) Error() string {
	s := fmt.Sprintf("limit %s of %s: %d of %d in use", e.Limit, e.Scope, e.Current, e.Maximum)
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s, retry in %s", s, e.RetryAfter.Round(time.Millisecond))
	}
	return s
}

// SetHeaders says in an HTTP response which limit refused, how much is left and when to try again: in the headers of the
// RateLimit draft of the IETF, in those that came before it, and in Retry-After.
func (e *LimitError) SetHeaders(h http.Header) {
	left := strconv.FormatInt(max(0, e.Maximum-e.Current), 10)
	h.Set("X-Ratelimit-Limit", strconv.FormatInt(e.Maximum, 10))
	h.Set("X-Ratelimit-Remaining", left)
	h.Set("Ratelimit-Policy", fmt.Sprintf("%q;q=%d", e.Limit, e.Maximum))
	h.Set("Ratelimit", fmt.Sprintf("%q;r=%s", e.Limit, left))
	if e.RetryAfter <= 0 {
		return
	}
	seconds := strconv.FormatInt(int64(math.Ceil(e.RetryAfter.Seconds())), 10)
	h.Set("Retry-After", seconds)
	h.Set("X-Ratelimit-Reset", seconds)
	h.Set("Ratelimit", fmt.Sprintf("%q;r=%s;t=%s", e.Limit, left, seconds))
}

// Unwrap makes a LimitError an ErrOverLimit.
func (e *LimitError) Unwrap() error { return ErrOverLimit }
