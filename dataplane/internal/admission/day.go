package admission

import (
	"context"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

const dayLength = 24 * time.Hour

// dateOf is the UTC day that a time is in, in days since 1970.
func dateOf(t time.Time) int64 { return t.Unix() / int64(dayLength/time.Second) }

// day counts the events of a UTC day: total is that of all processes of the cell as it was last kept, pending what was
// admitted here since.
type day struct {
	date           int64
	total, pending int64
	// known: total was read since the day, or this process, began.
	known bool
}

func (d *day) roll(now time.Time) {
	if date := dateOf(now); date != d.date {
		*d = day{date: date}
	}
}

// look refuses n events that are above a day's, if such are to be refused.
func (d *day) look(now time.Time, n int64, limits catalog.Limits) error {
	d.roll(now)
	if used := d.total + d.pending; limits.RefuseOverDay && limits.EventsPerDay > 0 && used+n > limits.EventsPerDay {
		return &tenancy.LimitError{
			Limit: tenancy.LimitEventsPerDay, Scope: tenancy.ScopeTenant, Current: used, Maximum: limits.EventsPerDay,
			RetryAfter: time.Unix((d.date+1)*int64(dayLength/time.Second), 0).Sub(now),
		}
	}
	return nil
}

// take counts n events, unless look refuses them.
func (d *day) take(now time.Time, n int64, limits catalog.Limits) error {
	if err := d.look(now, n, limits); err != nil {
		return err
	}
	d.pending += n
	return nil
}

// Days keeps what tenants sent on a day, for all processes of the cell and over their restarts.
type Days interface {
	// Add adds events to a tenant's day and returns its total; 0 events ask for it.
	Add(ctx context.Context, tenant tenancy.ID, date, events int64) (total int64, err error)
}

// KeepDays keeps what was admitted since the last call, and learns what other processes admitted. What could not be kept
// is kept with the next call; a process that dies takes what it admitted since with it, in its tenants' favour.
func (l *Limiter) KeepDays(ctx context.Context, days Days) (err error) {
	now := l.now()
	for _, a := range l.all() {
		a.mu.Lock()
		a.day.roll(now)
		date, pending, known := a.day.date, a.day.pending, a.day.known
		a.mu.Unlock()
		if pending == 0 && known && !a.idle(now) {
			continue
		}
		total, failed := days.Add(ctx, a.id, date, pending)
		if failed != nil {
			err = failed
			continue
		}
		a.mu.Lock()
		if a.day.date == date {
			a.day.total, a.day.pending, a.day.known = total, a.day.pending-pending, true
		}
		a.mu.Unlock()
	}
	return err
}

// idle reports whether a tenant whose events above a day's are refused, and that sent nothing lately, may have sent at
// another process.
func (a *account) idle(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limits.RefuseOverDay && now.Sub(a.tenant.window) < time.Minute
}
