package clickhouse

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

func rowsOf(t *testing.T, s *Store, table, tenant string) (n uint64) {
	t.Helper()
	if err := s.admin.QueryRow(t.Context(), "select count() from "+tenant+"."+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatIsOlderThanTheRetentionGoes(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	var rows []engine.EventRow
	for i, age := range []time.Duration{0, 3 * 24 * time.Hour, 40 * 24 * time.Hour} {
		e := event(tenant, i)
		e.Received = time.Now().Add(-age).UnixNano()
		rows = append(rows, engine.EventRow{Event: e, Sequence: 1, Index: uint32(i)})
	}
	if err := s.InsertEvents(t.Context(), tenant, 0, rows, "r"); err != nil {
		t.Fatal(err)
	}
	// A window of an old recording was stored now: it stays.
	old := engine.WindowRow{Device: "press_01", Measurement: "temperature", Start: at.AddDate(-5, 0, 0).Unix(), Segment: 1, Version: 1, Summary: engine.Summary{Count: 1}}
	if err := s.InsertWindows(t.Context(), tenant, []engine.WindowRow{old}, "w"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		days int
		want uint64
	}{{0, 3}, {400, 3}, {30, 2}, {30, 2}, {2, 1}, {0, 1}} {
		if err := s.Retain(t.Context(), tenant, tenancy.Kept{Events: c.days, Minutes: c.days, Hours: 2 * c.days}); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"events", "minutes"} {
			if err := s.admin.Exec(t.Context(), "optimize table "+tenant.Database()+"."+table+" final"); err != nil {
				t.Fatal(err)
			}
		}
		if n := rowsOf(t, s, "events", tenant.Database()); n != c.want {
			t.Errorf("kept for %d days: %d events, want %d", c.days, n, c.want)
		}
		if n := rowsOf(t, s, "minutes", tenant.Database()); n != 1 {
			t.Errorf("kept for %d days: %d windows, want 1", c.days, n)
		}
	}
}

func TestEachResolutionIsKeptForItsOwnTime(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	ttl := func(table string) string {
		t.Helper()
		var engine string
		if err := s.admin.QueryRow(t.Context(), "select engine_full from system.tables where database = ? and name = ?", tenant.Database(), table).Scan(&engine); err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(engine, " TTL ")
		rest, _, _ = strings.Cut(rest, " SETTINGS")
		return rest
	}
	for _, c := range []struct {
		tier Tier
		want map[string]string
	}{
		{Tier{}, map[string]string{"events": "toDateTime(received) + toIntervalDay(30)", "minutes": "stored + toIntervalDay(90)", "hours": ""}},
		{Tier{"default", "default", 40}, map[string]string{
			"events": "toDateTime(received) + toIntervalDay(30)", "dead_letters": "toDateTime(received) + toIntervalDay(30)",
			"minutes": "stored + toIntervalDay(40) TO VOLUME 'default', stored + toIntervalDay(90)", "hours": "stored + toIntervalDay(40) TO VOLUME 'default'",
		}},
		{Tier{}, map[string]string{"minutes": "stored + toIntervalDay(90)", "hours": ""}},
	} {
		s.cfg.Tier = c.tier
		for range 2 {
			if err := s.Retain(t.Context(), tenant, tenancy.Kept{Events: 30, Minutes: 90}); err != nil {
				t.Fatal(err)
			}
		}
		for table, want := range c.want {
			if got := ttl(table); got != want {
				t.Errorf("tier %+v, %s: %q, want %q", c.tier, table, got, want)
			}
		}
	}
	for words, tier := range map[string]Tier{`storage policy "frosty"`: {"frosty", "cold", 40}, `volume "cold" of storage policy "default"`: {"default", "cold", 40}} {
		s.cfg.Tier = tier
		if err := s.Retain(t.Context(), tenant, tenancy.Kept{Events: 30}); !errors.Is(err, ErrLacks) || !strings.Contains(err.Error(), words) {
			t.Errorf("%+v: %v", tier, err)
		}
	}
}

func TestARemovedTenantLeavesNothing(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	if err := s.InsertEvents(t.Context(), tenant, 0, []engine.EventRow{{Event: event(tenant, 0), Sequence: 1}}, "t"); err != nil {
		t.Fatal(err)
	}
	read := func(tenant tenancy.ID) error {
		return s.Query(t.Context(), tenant, "select count() from events", nil, func(r Rows) error { var n uint64; return r.Scan(&n) })
	}
	if err := s.Bar(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	if err := read(tenant); err == nil {
		t.Error("a barred user reads")
	}
	if err := s.Provision(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	if err := read(tenant); err != nil {
		t.Errorf("let in again: %v", err)
	}
	f, err := s.Remove(t.Context(), tenant)
	if err != nil || f.Tables < 4 || f.Rows < 1 || f.Bytes == 0 {
		t.Errorf("removed %+v, %v", f, err)
	}
	if f, err = s.Remove(t.Context(), tenant); err != nil || f != (Freed{}) {
		t.Errorf("removed again: %+v, %v", f, err)
	}
	err = s.InsertEvents(t.Context(), tenant, 0, []engine.EventRow{{Event: &telemetry.Event{Tenant: tenant}, Sequence: 2}}, "u")
	if !NotProvisioned(err) {
		t.Errorf("insert after the removal: %v", err)
	}
}
