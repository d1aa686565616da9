package clickhouse

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/migrations/chtest"
)

// An insert over the end of a month is stored as a part a month. Who finds one of them missing inserts that one under the same
// token, and whichever of the two inserts comes second must not count.
func TestATokenHoldsForEachPart(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	end := time.Date(time.Now().Year(), time.Now().Month(), 1, 0, 0, 0, 0, time.UTC)
	row := func(sequence uint64, at time.Time) engine.EventRow {
		return engine.EventRow{Sequence: sequence, Event: &telemetry.Event{
			Tenant: tenant, Device: "press", Time: at.UnixNano(), Received: at.UnixNano(), Names: []string{"a"}, Values: []float64{1},
		}}
	}
	before, after := row(1, end.Add(-time.Second)), row(2, end.Add(time.Second))
	for _, step := range []struct {
		token string
		rows  []engine.EventRow
		want  uint64
	}{
		{"whole first", []engine.EventRow{before, after}, 2},
		{"whole first", []engine.EventRow{after}, 2},
		{"part first", []engine.EventRow{before}, 3},
		{"part first", []engine.EventRow{after}, 4},
		{"part first", []engine.EventRow{before, after}, 4},
	} {
		if err := s.InsertEvents(t.Context(), tenant, 0, step.rows, step.token); err != nil {
			t.Fatal(err)
		}
		var n uint64
		if err := s.Query(t.Context(), tenant, "select count() from events", nil, func(r Rows) error { return r.Scan(&n) }); err != nil {
			t.Fatal(err)
		}
		if n != step.want {
			t.Errorf("%s, %d rows: %d are stored, want %d", step.token, len(step.rows), n, step.want)
		}
	}
}

func TestWindowsWithoutATokenAreAlwaysStored(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	if err := chtest.New(t).Conn(t).Exec(t.Context(), "system stop merges "+tenant.Database()+".minutes"); err != nil {
		t.Fatal(err)
	}
	rows := []engine.WindowRow{{Device: "press", Measurement: "a", Start: time.Now().Unix() / 60 * 60, Segment: 1, Version: 1, Summary: engine.Summary{Count: 1}}}
	for range 2 {
		if err := s.InsertWindows(t.Context(), tenant, rows, ""); err != nil {
			t.Fatal(err)
		}
	}
	var n uint64
	if err := s.Query(t.Context(), tenant, "select count() from minutes", nil, func(r Rows) error { return r.Scan(&n) }); err != nil || n != 2 {
		t.Errorf("%d rows, %v; want both, which are one when they are merged", n, err)
	}
}
