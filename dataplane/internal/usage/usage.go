// Package usage counts what one process of a cell does for tenants besides storing what they send: requests, time of the store and of
// the engine, time of live sessions. Each start of a process is a source of its own with absolute totals, so that a total that is sent twice
// counts once, and a crash loses what was not sent: Interval of one process at most. The composition root feeds and runs it.
package usage

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Meter is what is counted. Times are kept in nanoseconds and sent in milliseconds.
type Meter string

// The meters; the ledger knows them by these names. Those of storage are sampled, not counted here.
const (
	Requests   Meter = "api_requests"
	QueryTime  Meter = "query_seconds"
	LiveTime   Meter = "live_minutes"
	EngineTime Meter = "engine_seconds"
	StoreTime  Meter = "store_seconds"

	StorageRaw     Meter = "storage_raw"
	StorageMinutes Meter = "storage_minutes"
	StorageHours   Meter = "storage_hours"
)

const (
	// Interval is how often totals that changed are sent.
	Interval = 30 * time.Second
	// kept is for how long totals are tried to be sent, at most so many: what is older is lost, and said so.
	kept     = 48 * time.Hour
	mostKept = 500_000
)

// Total is an absolute count of one source.
type Total struct {
	Tenant tenancy.ID
	// Hour is its start in Unix seconds.
	Hour    int64
	Meter   Meter
	Value   uint64
	Version uint64
}

// Publisher sends totals to the ledger.
type Publisher interface {
	PublishCounts(ctx context.Context, source uint32, totals []Total) error
}

type key struct {
	hour   int64
	tenant tenancy.ID
	meter  Meter
}

type count struct {
	value uint64
	// changed since it was last sent.
	changed bool
}

// Counter is safe for concurrent use.
type Counter struct {
	source    uint32
	publisher Publisher
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex
	counts  map[key]*count
	version uint64
	lost    int
}

// New returns a counter. No two starts of processes of a cell have the same source.
func New(source uint32, p Publisher, log *slog.Logger, now func() time.Time) *Counter {
	return &Counter{source: source, publisher: p, log: log, now: now, counts: map[key]*count{}}
}

// Add counts n of a meter in the hour of now.
func (c *Counter) Add(tenant tenancy.ID, m Meter, n uint64) {
	if n == 0 {
		return
	}
	at := key{c.now().Truncate(time.Hour).Unix(), tenant, m}
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.counts[at]
	if !ok {
		if len(c.counts) >= mostKept {
			c.lost++
			return
		}
		known = &count{}
		c.counts[at] = known
	}
	known.value += n
	known.changed = true
}

// Took counts a time.
func (c *Counter) Took(tenant tenancy.ID, m Meter, d time.Duration) {
	c.Add(tenant, m, uint64(max(0, d)))
}

// Run sends totals until ctx is done, and once more then.
func (c *Counter) Run(ctx context.Context) error {
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := c.Send(context.WithoutCancel(ctx)); err != nil {
				c.log.WarnContext(ctx, "the last requests and times were not counted", slog.Any("error", err))
			}
			return nil
		case <-tick.C:
			if err := c.Send(ctx); err != nil && ctx.Err() == nil {
				c.log.WarnContext(ctx, "requests and times not counted yet, the next round tries again", slog.Any("error", err))
			}
		}
	}
}

// Send sends what changed. What could not be sent is sent the next time.
func (c *Counter) Send(ctx context.Context) error {
	totals, lost := c.changed()
	if lost > 0 {
		c.log.ErrorContext(ctx, "usage was not counted: the ledger is away for too long or there are too many organisations", slog.Int("counts", lost))
	}
	if len(totals) == 0 {
		return nil
	}
	err := c.publisher.PublishCounts(ctx, c.source, totals)
	if err != nil {
		c.again(totals)
	}
	return err
}

// changed takes what is to be sent, in order, and forgets hours that have passed and were sent.
func (c *Counter) changed() (totals []Total, lost int) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	lost, c.lost = c.lost, 0
	for at, known := range c.counts {
		old := now.Unix() - at.hour
		switch {
		case known.changed && old > int64(kept/time.Second):
			lost++
			delete(c.counts, at)
		case known.changed:
			known.changed = false
			value := known.value
			if at.meter != Requests {
				value /= uint64(time.Millisecond)
			}
			totals = append(totals, Total{Tenant: at.tenant, Hour: at.hour, Meter: at.meter, Value: value, Version: c.version})
		case old > int64(2*time.Hour/time.Second):
			delete(c.counts, at)
		}
	}
	slices.SortFunc(totals, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Meter, b.Meter))
	})
	return totals, lost
}

func (c *Counter) again(totals []Total) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range totals {
		if known, ok := c.counts[key{t.Hour, t.Tenant, t.Meter}]; ok {
			known.changed = true
		}
	}
}
