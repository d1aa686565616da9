package verify

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

var (
	november = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	december = november.AddDate(0, 1, 0)
	noon     = november.Add(36 * time.Hour)
)

// world is a ledger and a cell with one hour of two partitions.
type world struct {
	ledger       []*usagev1.Total
	notes, rows  []*telemetryv1.UsageCount
	whole        *timestamppb.Timestamp
	totals, recs int
}

func newWorld() *world {
	w := &world{}
	for partition, events := range map[uint32]uint64{0: 60, 3: 40} {
		for meter, value := range map[string]uint64{"events": events, "points": 2 * events, "device_hours": 1} {
			w.ledger = append(w.ledger, &usagev1.Total{Hour: timestamppb.New(noon), Partition: partition, Meter: meter, Value: value, Version: 17})
			w.notes = append(w.notes, &telemetryv1.UsageCount{Hour: timestamppb.New(noon), Partition: partition, Meter: meter, Counted: value, Stored: value, Version: 17})
			w.rows = append(w.rows, &telemetryv1.UsageCount{Hour: timestamppb.New(noon), Partition: partition, Meter: meter, Stored: value})
		}
	}
	w.ledger = append(w.ledger, &usagev1.Total{Hour: timestamppb.New(noon), Partition: 1 << 21, Meter: "api_requests", Value: 9, Version: 1})
	return w
}

func on(at *timestamppb.Timestamp, day *timestamppb.Timestamp) bool {
	return at.AsTime().Truncate(24 * time.Hour).Equal(day.AsTime())
}

func (w *world) ListTotals(_ context.Context, req *usagev1.ListTotalsRequest) (*usagev1.ListTotalsResponse, error) {
	w.totals++
	res := &usagev1.ListTotalsResponse{}
	for _, t := range w.ledger {
		if on(t.GetHour(), req.GetStart()) {
			res.Totals = append(res.Totals, t)
		}
	}
	return res, nil
}

func (w *world) CountUsage(_ context.Context, req *telemetryv1.CountUsageRequest) (*telemetryv1.CountUsageResponse, error) {
	w.recs++
	res := &telemetryv1.CountUsageResponse{RowsSince: w.whole}
	for _, n := range w.notes {
		if on(n.GetHour(), req.GetStart()) {
			res.Notes = append(res.Notes, n)
		}
	}
	for _, r := range w.rows {
		if on(r.GetHour(), req.GetStart()) {
			res.Rows = append(res.Rows, r)
		}
	}
	return res, nil
}

func (w *world) total(partition uint32, meter string) *usagev1.Total {
	for _, t := range w.ledger {
		if t.GetPartition() == partition && t.GetMeter() == meter {
			return t
		}
	}
	return nil
}

func count(list []*telemetryv1.UsageCount, partition uint32, meter string) *telemetryv1.UsageCount {
	for _, c := range list {
		if c.GetPartition() == partition && c.GetMeter() == meter {
			return c
		}
	}
	return nil
}

// frozen is an invoice of the month.
func frozen() Statement {
	s := Statement{Name: "invoice 2026-000001", Tenant: "aaaaaaaaaaaaaaaa", Start: november, End: december}
	for position, l := range []Line{{Meter: "events", Quantity: 100}, {Meter: "points", Quantity: 200}, {Meter: "device_hours", Quantity: 2}, {Meter: "api_requests", Quantity: 9}} {
		l.Position, l.Start, l.End, l.Frozen = int32(position+1), november, december, map[int64]uint64{noon.Unix(): l.Quantity}
		l.Snapshot = snapshotOf(s.Tenant, l)
		s.Lines = append(s.Lines, l)
	}
	return s
}

func verifyFrozen(t *testing.T, w *world, s Statement) (string, error) {
	t.Helper()
	var out bytes.Buffer
	read := func(context.Context) (Statement, error) { return s, nil }
	err := Invoice(t.Context(), read, w, w, time.Hour, &out, func() time.Time { return december.AddDate(0, 0, 3) })
	return out.String(), err
}

func TestAnInvoiceIsFollowedToItsRows(t *testing.T) {
	t.Parallel()
	w := newWorld()
	out, err := verifyFrozen(t, w, frozen())
	if err != nil || w.totals != 30 || w.recs != 30 {
		t.Fatalf("%v after %d and %d days:\n%s", err, w.totals, w.recs, out)
	}
	for _, want := range []string{
		"events from 2026-11-01T00:00:00Z to 2026-12-01T00:00:00Z: line 100 = snapshot ", "; ledger 100 in 1 hours and 2 totals, sha256 ", "; noted 100 ; stored 100\n",
		"line 9 = snapshot ", "the count is the only trace", "invoice 2026-000001: lines of usage 4, totals 7, noted 6, different 0\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "retention") {
		t.Errorf("nothing was removed:\n%s", out)
	}
}

func TestEveryDifferenceIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bend func(*world, *Statement)
		want []string
	}{
		"a row is gone": {
			func(w *world, _ *Statement) { count(w.rows, 3, "events").Stored-- },
			[]string{"different: events, hour 2026-11-02T12:00:00Z, partition 3: the ledger has 40, stored are 39\n", "different 1\n"},
		},
		"all rows of a partition are gone": {
			func(w *world, _ *Statement) { count(w.rows, 0, "points").Partition = 9 },
			[]string{"points, hour 2026-11-02T12:00:00Z, partition 0: the ledger has 120, stored are 0\n", "partition 9: the ledger has 0, stored are 120\n"},
		},
		"the ledger was edited": {
			func(w *world, _ *Statement) { w.total(0, "points").Value++ },
			[]string{
				"points, hour 2026-11-02T12:00:00Z: the snapshot has 200, the ledger 201\n", "partition 0: the ledger has 121 (version 17), the cell counted 120 (version 17)\n",
				"partition 0: the ledger has 121, stored are 120\n",
			},
		},
		"a total without rows was edited": {
			func(w *world, _ *Statement) { w.total(1<<21, "api_requests").Value = 8 },
			[]string{"api_requests, hour 2026-11-02T12:00:00Z: the snapshot has 9, the ledger 8\n"},
		},
		"the line was edited": {
			func(_ *world, s *Statement) { s.Lines[0].Quantity = 99 },
			[]string{"different: events from 2026-11-01T00:00:00Z to 2026-12-01T00:00:00Z: the line has 99, its snapshot 100\n"},
		},
		"the snapshot was edited": {
			func(_ *world, s *Statement) { s.Lines[0].Frozen[noon.Unix()] = 101 },
			[]string{"its usage has the hash ", "the line has 100, its snapshot 101\n", "the snapshot has 101, the ledger 100\n"},
		},
		"after retention, the note differs": {
			func(w *world, _ *Statement) {
				w.whole = timestamppb.New(december)
				w.rows = nil
				count(w.notes, 3, "events").Stored = 39
			},
			[]string{"partition 3: the ledger has 40, the cell noted 39 stored\n", "retention: 6 totals are of before 2026-12-01T00:00:00Z"},
		},
	} {
		w, s := newWorld(), frozen()
		c.bend(w, &s)
		out, err := verifyFrozen(t, w, s)
		if err == nil {
			t.Errorf("%s: nothing found:\n%s", name, out)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", name, want, out)
			}
		}
	}
}

func TestAfterRetentionTheNotesStandForTheRowsAndThatIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.rows, w.whole = nil, timestamppb.New(december)
	out, err := verifyFrozen(t, w, frozen())
	if err != nil || !strings.Contains(out, "retention: 6 totals are of before 2026-12-01T00:00:00Z, their events may be removed: compared with what the cell noted") {
		t.Errorf("%v:\n%s", err, out)
	}
	w.notes = nil
	if out, err = verifyFrozen(t, w, frozen()); err != nil || !strings.Contains(out, "retention: 6 of them have no note either: their chain ends at the ledger") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestDeviceHoursThatNobodyCountedAreSaid(t *testing.T) {
	t.Parallel()
	w, s := newWorld(), frozen()
	w.total(0, "device_hours").Value, w.total(3, "device_hours").Value = 0, 0
	for _, n := range w.notes {
		if n.GetMeter() == "device_hours" {
			n.Meter = "bytes"
			n.Counted, n.Stored = 0, 0
		}
	}
	s.Lines = s.Lines[:2]
	out, err := verifyFrozen(t, w, s)
	if err != nil || !strings.Contains(out, "device hours: 2 totals are of hours that a program began which did not count them\n") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestUsageThatCameAfterTheInvoiceIsLateNotWrong(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.total(1<<21, "api_requests").Value = 11
	w.total(3, "events").Value, w.total(3, "events").Version = 42, 18
	count(w.rows, 3, "events").Stored = 42
	out, err := verifyFrozen(t, w, frozen())
	if err != nil || !strings.Contains(out, "late: events, hour 2026-11-02T12:00:00Z: 2 more than the snapshot's 100 came after the invoice was frozen; the next invoice corrects it\n") ||
		!strings.Contains(out, "late: api_requests, hour 2026-11-02T12:00:00Z: 2 more than the snapshot's 9 came after the invoice was frozen, which nothing but the ledger proves; ") {
		t.Errorf("%v:\n%s", err, out)
	}
}
