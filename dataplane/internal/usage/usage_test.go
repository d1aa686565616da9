package usage

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// book keeps the newest version of each total, as the ledger does.
type book struct {
	away   bool
	totals map[uint32]map[key]Total
}

func (b *book) PublishCounts(_ context.Context, source uint32, totals []Total) error {
	if b.totals[source] == nil {
		b.totals[source] = map[key]Total{}
	}
	for _, t := range totals {
		at := key{t.Hour, t.Tenant, t.Meter}
		if b.totals[source][at].Version < t.Version {
			b.totals[source][at] = t
		}
	}
	if b.away { // it may have come through
		return errors.New("away")
	}
	return nil
}

func (b *book) sum(tenant tenancy.ID, m Meter) (sum uint64) {
	for _, totals := range b.totals {
		for at, t := range totals {
			if at.tenant == tenant && at.meter == m {
				sum += t.Value
			}
		}
	}
	return sum
}

// TestACrashNeverCountsTwice kills processes at any time: what the ledger has is never more than was done, and less only by what was
// not sent when one was killed.
func TestACrashNeverCountsTwice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		now := time.Date(2026, 11, 27, 21, 50, 0, 0, time.UTC)
		b := &book{totals: map[uint32]map[key]Total{}}
		done, unsent := uint64(0), uint64(0)
		for source := range uint32(4) {
			c := New(source, b, slog.New(slog.DiscardHandler), func() time.Time { return now })
			unsent = 0
			lost := uint64(0)
			for range 50 {
				now = now.Add(time.Duration(r.IntN(60)) * time.Second)
				c.Add("a", Requests, 3)
				done, unsent = done+3, unsent+3
				if r.IntN(3) > 0 {
					continue
				}
				if b.away = r.IntN(3) == 0; c.Send(t.Context()) == nil {
					unsent = 0
				}
			}
			lost = unsent // killed here
			if got := b.sum("a", Requests); got > done || got+lost < done {
				t.Fatalf("seed %d: the ledger has %d, %d were done, %d were not sent", seed, got, done, lost)
			}
			done = b.sum("a", Requests)
		}
	}
}

func TestTimesAreMillisecondsOfTheirHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 21, 59, 59, 0, time.UTC)
	b := &book{totals: map[uint32]map[key]Total{}}
	c := New(1, b, slog.New(slog.DiscardHandler), func() time.Time { return now })
	for range 3 {
		c.Took("a", QueryTime, 1900*time.Microsecond) // 5.7 ms
	}
	now = now.Add(time.Minute)
	c.Took("a", QueryTime, time.Second)
	c.Took("b", LiveTime, -time.Second)
	if err := c.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	hour := now.Truncate(time.Hour).Unix()
	if got := b.totals[1]; len(got) != 2 || got[key{hour - 3600, "a", QueryTime}].Value != 5 || got[key{hour, "a", QueryTime}].Value != 1000 {
		t.Errorf("sent %v", got)
	}
	now = now.Add(4 * time.Hour)
	if totals, lost := c.changed(); len(totals) != 0 || lost != 0 || len(c.counts) != 0 {
		t.Errorf("%d totals, %d lost, %d kept of hours that were sent", len(totals), lost, len(c.counts))
	}
	c.Add("a", Requests, 1)
	now = now.Add(kept + 2*time.Hour)
	if totals, lost := c.changed(); len(totals) != 0 || lost != 1 {
		t.Errorf("%d totals, %d lost after two days without the ledger", len(totals), lost)
	}
}

func TestTheEnginesTimeIsSharedByRows(t *testing.T) {
	t.Parallel()
	b := &book{totals: map[uint32]map[key]Total{}}
	c := New(1, b, slog.New(slog.DiscardHandler), time.Now)
	s := NewShares(c)
	s.Stepped(0, 60*time.Millisecond)
	s.Stored(0, nil)
	s.Stepped(0, 40*time.Millisecond)
	s.Stepped(1, time.Hour)
	s.Stored(0, map[tenancy.ID]int{"a": 3, "b": 1})
	if err := c.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, b := b.sum("a", EngineTime), b.sum("b", EngineTime); a != 75 || b != 25 {
		t.Errorf("a has %d ms, b %d; want 75 and 25", a, b)
	}
}
