package query

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// counted answers nothing and counts statements by tenant.
type counted map[tenancy.ID]int

func (c counted) Query(_ context.Context, tenant tenancy.ID, _ string, _ []any, _ func(Row) error) error {
	c[tenant]++
	return nil
}

// TestWhatTheWindowsSaidIsGoodForSeconds counts statements: four for a first answer, one more for each soon after.
func TestWhatTheWindowsSaidIsGoodForSeconds(t *testing.T) {
	t.Parallel()
	now, store := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), counted{}
	s := New(store, func() time.Time { return now })
	ask := func(tenant tenancy.ID, want int, devices ...string) {
		t.Helper()
		before := store[tenant]
		if _, err := s.Latest(t.Context(), tenant, devices); err != nil {
			t.Fatal(err)
		}
		if got := store[tenant] - before; got != want {
			t.Errorf("%s %v: %d statements, want %d", tenant, devices, got, want)
		}
	}
	ask("a", 4, "press")
	ask("a", 1, "press")
	ask("b", 4, "press")       // another tenant
	ask("a", 4)                // other devices
	ask("a", 4, "press", "go") // and others again
	now = now.Add(overviewAge - 1)
	ask("a", 1, "press")
	now = now.Add(1)
	ask("a", 4, "press")
	now = now.Add(-time.Hour) // a clock that is set back
	ask("a", 4, "press")
}

func TestOverviewsAreBoundedAndNotShared(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	made := &overview{at: now, devices: map[string]*Latest{"press": {Device: "press", Values: map[string]float64{"a": 1}, Sparkline: []float64{1}}}}
	first := made.copy()
	first["press"].Values["a"], first["press"].Sparkline[0], first["saw"] = 2, 2, nil
	if l := made.devices["press"]; l.Values["a"] != 1 || l.Sparkline[0] != 1 || len(made.devices) != 1 {
		t.Errorf("a reader changed what is kept: %+v", made.devices)
	}
	var o overviews
	for i := range 2 * mostOverviews {
		o.put(fmt.Sprint(i), made)
	}
	o.put(strings.Repeat("x", mostOverviewKey+1), made)
	if len(o.kept) != mostOverviews || o.get("0", now) == nil || o.get("0", now.Add(overviewAge)) != nil {
		t.Errorf("%d are kept", len(o.kept))
	}
	o.put("late", &overview{at: now.Add(overviewAge)})
	if len(o.kept) != 1 {
		t.Errorf("%d are kept after the old ones are good for nothing", len(o.kept))
	}
}
