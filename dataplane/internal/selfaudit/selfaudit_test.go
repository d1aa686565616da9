package selfaudit

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/tenancy"
)

const tenant = tenancy.ID("aaaaaaaaaaaaaaaa")

// cell is a store and a ledger that a test can bend.
type cell struct {
	// different is how many windows the first recounts find different, one entry each.
	different []uint64
	away      bool
	ranges    []string
	// events are those stored of so many partitions.
	events map[int]uint64
	// follows: another process of the cell leads.
	follows bool

	windows, windowsDifferent, hours, hoursDifferent, failed uint64
}

func (c *cell) Recount(_ context.Context, _ tenancy.ID, from, to time.Time) (query.Recounted, error) {
	if c.away {
		return query.Recounted{}, errors.New("away")
	}
	c.ranges = append(c.ranges, from.UTC().Format("15:04")+"-"+to.UTC().Format("15:04"))
	r := query.Recounted{Windows: 10}
	if len(c.different) > 0 {
		r.Different, c.different = c.different[0], c.different[1:]
		r.Examples = make([]query.Difference, r.Different)
	}
	return r, nil
}

func (c *cell) PartitionCounts(_ context.Context, _ tenancy.ID, partitions []int, _, _ time.Time) (query.Count, error) {
	return query.Count{Events: c.events[len(partitions)]}, nil
}

func (c *cell) Tenants() []tenancy.ID { return []tenancy.ID{tenant} }

func (c *cell) Windows(compared, different uint64) {
	c.windows, c.windowsDifferent = c.windows+compared, c.windowsDifferent+different
}

func (c *cell) Hours(compared, different uint64) {
	c.hours, c.hoursDifferent = c.hours+compared, c.hoursDifferent+different
}

func (c *cell) Failed() { c.failed++ }

func (c *cell) Publish(context.Context, int, []engine.Total) error { return nil }

// run audits for a while of the bubble's time, which begins at midnight.
func run(t *testing.T, c *cell, totals *Totals, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	a := New(Deps{Recounter: c, Tenants: c, Totals: totals, Observer: c, Leads: func() bool { return !c.follows }, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err := a.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestEveryRangeIsComparedOnceItIsSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cell{}
		run(t, c, NewTotals(c), 21*time.Minute+settle)
		if len(c.ranges) != 8 || c.ranges[0] != "23:00-23:10" || c.ranges[7] != "00:10-00:20" {
			t.Errorf("compared %v", c.ranges)
		}
		if c.windows != 80 || c.windowsDifferent != 0 || c.hours != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func TestADifferenceMustLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cell{different: []uint64{3, 0, 0, 2, 2}} // the first is gone when asked again, the other stays
		run(t, c, NewTotals(c), 10*time.Minute)
		if c.windowsDifferent != 2 {
			t.Errorf("%d windows are different, want the 2 that stayed so", c.windowsDifferent)
		}
	})
}

func TestWhatCannotBeComparedNowIsComparedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cell{away: true}
		time.AfterFunc(5*time.Minute, func() { c.away = false })
		run(t, c, NewTotals(c), 10*time.Minute)
		if len(c.ranges) == 0 || c.ranges[0] != "23:00-23:10" || c.failed == 0 {
			t.Errorf("compared %v", c.ranges)
		}
	})
}

func TestHoursOfUsageAreComparedOnceEveryPartitionSpoke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cell{events: map[int]uint64{1: 4, 2: 7}}
		totals := NewTotals(c)
		totals.Begin(0)
		totals.Begin(1)
		hour := time.Now().Add(-time.Hour).Unix()
		speak := func(partition int, events uint64) {
			if err := totals.Publish(t.Context(), partition, []engine.Total{{Tenant: tenant, Hour: hour, Values: [7]uint64{events}}}); err != nil {
				t.Fatal(err)
			}
		}
		speak(0, 4)
		if _, known := totals.Hour(tenant, time.Unix(hour, 0)); known != nil {
			t.Error("an hour is known before the second partition spoke")
		}
		speak(1, 3)
		run(t, c, totals, 5*time.Minute)
		if c.hours != 1 || c.hoursDifferent != 0 {
			t.Errorf("%d hours compared, %d different, want 1 and 0", c.hours, c.hoursDifferent)
		}
		speak(1, 4) // the ledger has one more than the store
		run(t, c, totals, 5*time.Minute)
		if c.hours != 2 || c.hoursDifferent != 1 {
			t.Errorf("%d hours compared, %d different, want 2 and 1", c.hours, c.hoursDifferent)
		}
		totals.End(1) // another process has it now
		speak(1, 9)
		run(t, c, totals, 5*time.Minute)
		if c.hours != 3 || c.hoursDifferent != 1 {
			t.Errorf("%d hours compared, %d different, want 3 and 1", c.hours, c.hoursDifferent)
		}
		totals.End(0)
		run(t, c, totals, 5*time.Minute)
		if c.hours != 3 {
			t.Errorf("an hour is compared by a process without partitions")
		}
	})
}

func TestOneProcessOfACellComparesTheWindows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cell{follows: true}
		time.AfterFunc(50*time.Minute, func() { c.follows = false })
		run(t, c, NewTotals(c), 51*time.Minute)
		if len(c.ranges) == 0 || c.ranges[0] != "23:50-00:00" {
			t.Errorf("compared %v, want the hour before it began to lead", c.ranges)
		}
	})
}
