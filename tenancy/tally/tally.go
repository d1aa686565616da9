// Package tally counts, minute by minute, how much of each limit was used and how often it refused. It keeps absolute
// totals of this process, never a row a refusal, so that sending one again changes nothing. Both planes import it.
package tally

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// scopes is how many scopes of one limit a tenant has rows for in a minute; further ones share a row.
	scopes = 50
	// kept is how long a row may still change.
	kept = 2 * time.Minute
	// most bounds the rows of one sending.
	most = 1000
	// scopeBytes bounds a scope's text.
	scopeBytes = 100
)

// Total is one row: of a tenant, a limit, a scope and a minute.
type Total struct {
	Tenant tenancy.ID
	Limit  string
	Scope  string
	Minute time.Time
	// Used is the highest that was seen in the minute, Maximum what was allowed then.
	Used, Maximum int64
	Refused       int64
}

type key struct {
	tenant       tenancy.ID
	limit, scope string
	minute       int64
}

type row struct {
	used, maximum, refused int64
	dirty                  bool
}

type crowd struct {
	tenant tenancy.ID
	limit  string
	minute int64
}

// Tally is safe for concurrent use.
type Tally struct {
	now func() time.Time

	mu     sync.Mutex
	rows   map[key]*row
	crowds map[crowd]int
}

// New returns an empty tally.
func New(now func() time.Time) *Tally {
	return &Tally{now: now, rows: map[key]*row{}, crowds: map[crowd]int{}}
}

// Refuse counts n refusals with one reason.
func (t *Tally) Refuse(tenant tenancy.ID, err *tenancy.LimitError, n int) {
	if tenant == "" || n <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.row(tenant, err.Limit, err.Scope)
	r.used, r.maximum, r.dirty = max(r.used, err.Current), err.Maximum, true
	r.refused += int64(n)
}

// Use notes how much of a limit is used now, over the whole tenant.
func (t *Tally) Use(tenant tenancy.ID, limit string, used, maximum int64) {
	if tenant == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.row(tenant, limit, tenancy.ScopeTenant)
	if used > r.used || maximum != r.maximum {
		r.used, r.maximum, r.dirty = max(r.used, used), maximum, true
	}
}

func (t *Tally) row(tenant tenancy.ID, limit, scope string) *row {
	k := key{tenant, limit, scope, t.now().Unix() / 60}
	if r := t.rows[k]; r != nil {
		return r
	}
	if len(scope) > scopeBytes {
		k.scope = strings.ToValidUTF8(scope[:scopeBytes], "")
	}
	c := crowd{tenant, limit, k.minute}
	if t.crowds[c] >= scopes {
		kind, _, _ := strings.Cut(scope, " ")
		k.scope = "other " + kind + "s"
	}
	if r := t.rows[k]; r != nil {
		return r
	}
	t.crowds[c]++
	r := &row{}
	t.rows[k] = r
	return r
}

// Changed returns the rows that changed since the last call, in order, and forgets those whose minute is long past.
func (t *Tally) Changed() []Total {
	t.mu.Lock()
	defer t.mu.Unlock()
	past := t.now().Add(-kept).Unix() / 60
	var list []Total
	for k, r := range t.rows {
		if r.dirty {
			r.dirty = false
			list = append(list, Total{
				Tenant: k.tenant, Limit: k.limit, Scope: k.scope, Minute: time.Unix(k.minute*60, 0).UTC(), Used: r.used, Maximum: r.maximum, Refused: r.refused,
			})
		} else if k.minute < past {
			delete(t.rows, k)
			delete(t.crowds, crowd{k.tenant, k.limit, k.minute})
		}
	}
	slices.SortFunc(list, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), a.Minute.Compare(b.Minute), cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Scope, b.Scope))
	})
	return list
}

// again marks rows that could not be sent.
func (t *Tally) again(list []Total) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, total := range list {
		if r := t.rows[key{total.Tenant, total.Limit, total.Scope, total.Minute.Unix() / 60}]; r != nil {
			r.dirty = true
		}
	}
}

// Run sends what changed until ctx is done, and once more at the end. What could not be sent is sent with the next
// round. failed is told of it.
func (t *Tally) Run(ctx context.Context, every time.Duration, send func(context.Context, []Total) error, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), every)
			defer cancel()
			t.flush(last, send, failed)
			return
		case <-tick.C:
			t.flush(ctx, send, failed)
		}
	}
}

func (t *Tally) flush(ctx context.Context, send func(context.Context, []Total) error, failed func(error)) {
	for part := range slices.Chunk(t.Changed(), most) {
		if err := send(ctx, part); err != nil {
			t.again(part)
			failed(err)
		}
	}
}
