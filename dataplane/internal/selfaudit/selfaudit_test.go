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
	whole     time.Time
	ranges    []string
	// events are those stored by partition.
	events map[int]uint64
	notes  []Note
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

func (c *cell) HourCounts(_ context.Context, _ tenancy.ID, partitions []int, from, _ time.Time) (counts []query.HourCount, err error) {
	if c.away {
		return nil, errors.New("away")
	}
	for _, p := range partitions {
		if n := c.events[p]; n > 0 {
			counts = append(counts, query.HourCount{Start: from, Partition: p, Events: n, DeviceHours: 1})
		}
	}
	return counts, nil
}

func (c *cell) Note(_ context.Context, _ tenancy.ID, notes []Note) error {
	c.notes = append(c.notes, notes...)
	return nil
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
	a := New(Deps{Recounter: c, Tenants: c, Totals: totals, Notes: c, Whole: func(tenancy.ID) time.Time { return c.whole }, Observer: c, Leads: func() bool { return !c.follows }, Log: slog.New(slog.DiscardHandler), Now: time.Now})
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

// speak publishes a partition's total of the hour before the bubble's time began.
func speak(t *testing.T, totals *Totals, partition int, version, events, devices uint64) {
	t.Helper()
	total := engine.Total{Tenant: tenant, Hour: time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC).Unix(), Version: version, Values: [7]uint64{0: events, 6: devices}}
	if err := totals.Publish(t.Context(), partition, []engine.Total{total}); err != nil {
		t.Fatal(err)
	}
}

func TestAnHourOfUsageIsComparedWheneverItChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cell{events: map[int]uint64{0: 4, 1: 3}}
		totals := NewTotals(c)
		totals.Begin(0)
		totals.Begin(1)
		expect := func(hours, different uint64, notes int) {
			t.Helper()
			run(t, c, totals, 5*time.Minute)
			if c.hours != hours || c.hoursDifferent != different || len(c.notes) != notes {
				t.Fatalf("%d hours compared, %d different, %d notes; want %d, %d, %d", c.hours, c.hoursDifferent, len(c.notes), hours, different, notes)
			}
		}
		speak(t, totals, 0, 10, 4, 1)
		expect(1, 0, 1) // partition 1 has not spoken: nobody knows what it counted
		expect(1, 0, 1) // nothing changed
		speak(t, totals, 1, 20, 3, 1)
		expect(2, 0, 3)
		if n := c.notes[2]; n.Partition != 1 || n.Version != 20 || n.Counts[0] != (Count{"events", 3, 3}) {
			t.Errorf("noted %+v", n)
		}
		speak(t, totals, 1, 21, 4, 1) // one more than is stored
		expect(3, 1, 5)
		speak(t, totals, 1, 22, 3, 0) // devices were not counted when the hour began
		expect(4, 1, 7)
		totals.End(1) // another process has it now
		speak(t, totals, 1, 23, 9, 1)
		expect(4, 1, 7)
		c.events[0] = 0 // all rows are gone
		speak(t, totals, 0, 11, 4, 1)
		expect(5, 2, 8)
		totals.End(0)
		speak(t, totals, 0, 12, 4, 1)
		expect(5, 2, 8)
	})
}

func TestAnHourThatCouldNotBeComparedOrIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cell{events: map[int]uint64{0: 4}, away: true, follows: true}
		totals := NewTotals(c)
		totals.Begin(0)
		speak(t, totals, 0, 10, 4, 1)
		run(t, c, totals, 5*time.Minute)
		if c.hours != 0 || c.failed == 0 {
			t.Fatalf("%d hours compared while the store was away, %d failures", c.hours, c.failed)
		}
		c.away = false
		run(t, c, totals, 5*time.Minute)
		if c.hours != 1 || c.hoursDifferent != 0 {
			t.Fatalf("%d hours compared, %d different", c.hours, c.hoursDifferent)
		}
		c.whole = time.Now()
		speak(t, totals, 0, 11, 9, 1)
		run(t, c, totals, 5*time.Minute)
		if c.hours != 1 {
			t.Error("an hour was compared of which retention may have removed rows")
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
