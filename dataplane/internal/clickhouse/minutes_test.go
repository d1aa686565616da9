package clickhouse

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
)

// A database of the schema before minutes keeps its windows, also when the migration is cut off and begins again.
func TestWindowsOfAnOlderProgramBecomeMinutes(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	db := tenant.Database()
	exec := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if err := s.admin.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	row := engine.WindowRow{Device: "press_01", Measurement: "temperature", Start: at.Unix() / 60 * 60, Segment: 1, Version: 1, Summary: engine.Summary{Count: 7, Last: 3}}
	if err := s.InsertWindows(t.Context(), tenant, []engine.WindowRow{row}, "w"); err != nil {
		t.Fatal(err)
	}
	exec("create table "+db+".windows as "+db+".minutes engine = ReplacingMergeTree(version) order by (device, measurement, start, segment)",
		"insert into "+db+".windows select * from "+db+".minutes", "drop table "+db+".minutes sync")
	for _, from := range []string{"the older schema", "a migration that was cut off at its end"} {
		exec("alter table " + db + ".schema_versions delete where version >= 5 settings mutations_sync = 1")
		if err := s.Provision(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		var count uint64
		var stored time.Time
		err := s.admin.QueryRow(t.Context(), "select count, stored from "+db+".minutes final").Scan(&count, &stored)
		if err != nil || count != 7 || time.Since(stored) > time.Hour {
			t.Errorf("from %s: count %d, stored %v, %v", from, count, stored, err)
		}
		var left uint64
		if err := s.admin.QueryRow(t.Context(), "select count() from system.tables where database = ? and startsWith(name, 'windows')", db).Scan(&left); err != nil || left != 0 {
			t.Errorf("from %s: %d tables of before are left, %v", from, left, err)
		}
	}
}
