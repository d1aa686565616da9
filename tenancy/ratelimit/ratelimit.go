// Package ratelimit counts API requests: a fixed window of one second for each key. Both planes import it; it is the
// only home of the go-limiter module. Events are not counted here: they need a weighted take.
package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/sethvargo/go-limiter"
	"github.com/sethvargo/go-limiter/memorystore"

	"github.com/millwright-io/millwright/tenancy"
)

// Maximum is the highest limit: above it the store refills less than the limit with each tick (its refill is the
// interval in nanoseconds divided by the limit, which falls below the limit itself at the root of a second).
const Maximum = 31622

const (
	interval = time.Second
	// Keys idle for this long are forgotten, so that the store stays small.
	idle = 10 * time.Minute
)

// Limiter counts requests of any number of keys. Close it.
type Limiter struct {
	store limiter.Store
	now   func() time.Time
}

// New returns a limiter.
func New(now func() time.Time) (*Limiter, error) {
	store, err := memorystore.New(&memorystore.Config{
		Tokens: Maximum, Interval: interval, SweepInterval: time.Minute, SweepMinTTL: idle, InitialAlloc: 64,
	})
	if err != nil {
		return nil, fmt.Errorf("open request limiter: %w", err)
	}
	return &Limiter{store: store, now: now}, nil
}

// Close frees the store; every later Take fails.
func (l *Limiter) Close(ctx context.Context) error { return l.store.Close(ctx) }

// Take counts one request of a key against its limit per second (0 means Maximum; more is cut to Maximum) and returns how
// many of this second there are now. It returns a *tenancy.LimitError when the second's share is used up; scope is how
// that error names the key.
func (l *Limiter) Take(ctx context.Context, key, scope string, perSecond int) (used int64, err error) {
	limit := uint64(Maximum)
	if perSecond > 0 && perSecond < Maximum {
		limit = uint64(perSecond)
	}
	tokens, remaining, reset, ok, err := l.store.Take(ctx, key)
	if err == nil && tokens != limit {
		// A new or swept key has the store's default, a changed plan the old limit.
		if err = l.store.Set(ctx, key, limit, interval); err == nil {
			_, remaining, reset, ok, err = l.store.Take(ctx, key)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("count request: %w", err)
	}
	used = int64(limit - remaining) //nolint:gosec // both are at most Maximum
	if ok {
		return used, nil
	}
	wait := max(time.Unix(0, int64(reset)).Sub(l.now()), time.Millisecond)
	return used, &tenancy.LimitError{
		Limit: tenancy.LimitRequestsPerSecond, Scope: scope, Current: used, Maximum: int64(limit),
		RetryAfter: min(wait, interval),
	}
}
