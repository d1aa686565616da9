package admission

import (
	"math"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// unit is one event in a pool's arithmetic: with it, a nanosecond at r events a second is exactly r. No rate rounds.
const unit = int64(time.Second)

// size is how much a pool may give: so many events a second, and so many at once. A rate of 0 is no limit.
type size struct{ rate, burst int64 }

func sized(rate, burst int) size {
	if rate <= 0 {
		return size{}
	}
	return size{int64(rate), min(max(int64(burst), 1), math.MaxInt64/unit/2)}
}

// pool is a token bucket of a tenant, a group or a device. Its account's lock guards it.
type pool struct {
	limit, scope string
	size         size

	// What this process may take: all of it, unless other processes of the cell share the pool. Level runs from burst (in
	// units) down, and below zero by what was reserved ahead of time.
	rate, burst, level int64
	at                 time.Time
	// used counts the events that were admitted here, from the start on.
	used int64
	// asked counts events, admitted or not, in the second that began at window; before is the second before it.
	window        time.Time
	asked, before int64

	whole whole
	// held are the events that were reserved for later.
	held held
}

func newPool(now time.Time, limit, scope string, s size) *pool {
	p := &pool{limit: limit, scope: scope, at: now, window: now}
	p.size, p.rate, p.burst, p.level = s, s.rate, s.burst*unit, s.burst*unit
	p.whole = whole{level: p.level, at: now, part: 1}
	return p
}

// resize changes the limit from now on; what is in the pool stays, up to the new burst.
func (p *pool) resize(now time.Time, s size) {
	if p.size == s {
		return
	}
	p.refill(now)
	p.settle(now)
	fresh := p.size.rate == 0
	p.size = s
	p.whole.level = min(p.whole.level, s.burst*unit)
	if fresh {
		p.whole.level = s.burst * unit
	}
	p.divide(now, p.whole.part)
}

func (p *pool) refill(now time.Time) {
	passed := now.Sub(p.at)
	if passed <= 0 {
		return
	}
	p.at = now
	p.level = filled(p.level, p.burst, p.rate, passed)
}

// filled is a level after a time.
func filled(level, burst, rate int64, passed time.Duration) int64 {
	if rate <= 0 || int64(passed) >= (burst-level)/rate+1 {
		return max(burst, level)
	}
	return level + int64(passed)*rate
}

// wait is how long until the pool has n events. One that has more than its burst to give waits for a full pool.
func (p *pool) wait(now time.Time, n int64) time.Duration {
	if p.size.rate == 0 {
		return 0
	}
	need, level, rate := min(n, p.size.burst)*unit, p.level, p.rate
	if need > p.burst {
		// More than this process's part ever holds: what counts is the whole, as far as it is known here.
		level, rate = p.now(now), p.size.rate
	}
	if level >= need {
		return 0
	}
	return time.Duration((need - level + rate - 1) / rate)
}

// look refuses one event that would wait longer than most, and counts n.
func (p *pool) look(now time.Time, n int64, most time.Duration) *tenancy.LimitError {
	p.refill(now)
	wait := p.wait(now, 1)
	if wait <= most {
		return nil
	}
	p.count(now, n)
	return p.refusal(wait - most)
}

// take takes n events that are used after a wait.
func (p *pool) take(now time.Time, n int64, wait time.Duration) {
	p.used += n
	p.level -= n * unit
	if wait > 0 {
		p.held.add(now, wait, n)
	}
}

func (p *pool) count(now time.Time, n int64) {
	if since := now.Sub(p.window); since >= time.Second {
		p.before = p.asked
		if since >= 2*time.Second {
			p.before = 0
		}
		p.window, p.asked = now, 0
	}
	p.asked += n
	p.whole.asked += n
}

func (p *pool) refusal(retry time.Duration) *tenancy.LimitError {
	return &tenancy.LimitError{
		Limit: p.limit, Scope: p.scope, Current: max(p.asked, p.before), Maximum: p.size.rate, RetryAfter: retry,
	}
}
