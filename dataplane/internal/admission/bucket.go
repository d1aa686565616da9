package admission

import (
	"math"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

const limitName = "events_per_second"

// unit is one event in a bucket's arithmetic: with it, a nanosecond at r events a second is exactly r. No rate rounds.
const unit = int64(time.Second)

// bucket is a token bucket. Level runs from burst×unit down, and below zero by what was reserved ahead of time.
type bucket struct {
	mu    sync.Mutex
	rate  int64
	burst int64
	level int64
	at    time.Time
	// asked counts events, admitted or not, in the second that began at window; before is the second before it.
	window        time.Time
	asked, before int64
}

func newBucket(now time.Time, limits catalog.Limits) *bucket {
	b := &bucket{at: now, window: now}
	b.size(limits)
	b.level = b.burst * unit
	return b
}

func (b *bucket) size(limits catalog.Limits) {
	b.rate = max(int64(limits.EventsPerSecond), 1)
	b.burst = min(max(int64(limits.EventsBurst), 1), math.MaxInt64/unit/2)
}

// resize changes the limits from now on; what is in the bucket stays, up to the new burst.
func (b *bucket) resize(now time.Time, limits catalog.Limits) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	b.size(limits)
	b.level = min(b.level, b.burst*unit)
}

func (b *bucket) refill(now time.Time) {
	passed := now.Sub(b.at)
	if passed <= 0 {
		return
	}
	b.at = now
	missing := b.burst*unit - b.level
	if int64(passed) >= missing/b.rate+1 {
		b.level = b.burst * unit
		return
	}
	b.level += int64(passed) * b.rate
}

func (b *bucket) reserve(now time.Time, n int, most time.Duration) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	b.count(now, int64(n))
	need := min(int64(n), b.burst) * unit
	wait := time.Duration(0)
	if b.level < need {
		wait = time.Duration((need - b.level + b.rate - 1) / b.rate)
	}
	if wait > most {
		return 0, &tenancy.LimitError{
			Limit: limitName, Scope: "tenant", Current: max(b.asked, b.before), Maximum: b.rate, RetryAfter: wait - most,
		}
	}
	b.level -= int64(n) * unit
	return wait, nil
}

func (b *bucket) count(now time.Time, n int64) {
	if since := now.Sub(b.window); since >= time.Second {
		b.before = b.asked
		if since >= 2*time.Second {
			b.before = 0
		}
		b.window, b.asked = now, 0
	}
	b.asked += n
}
