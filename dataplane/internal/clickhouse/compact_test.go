package clickhouse

import (
	"slices"
	"testing"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
)

// Values that are stored compactly, and those of before and after, are read as they were sent.
func TestCompactValuesAreTheSameValues(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	var sent []float64
	for i, compact := range []bool{false, true, false} {
		s.cfg.CompactValues = compact
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Provision(t.Context(), tenant); err != nil {
				t.Fatal(err)
			}
		}
		var codec string
		if err := s.admin.QueryRow(t.Context(), "select compression_codec from system.columns where database = ? and table = 'events' and name = 'values'", tenant.Database()).Scan(&codec); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: "CODEC(ALP, ZSTD(1))", false: "CODEC(ZSTD(1))"}[compact]; codec != want {
			t.Errorf("codec %s, want %s", codec, want)
		}
		e := event(tenant, i)
		for k := range e.Values {
			e.Values[k] = []float64{0.1 + 0.2, 36.6, -1e300, 5e-324}[(i+k)%4]
		}
		sent = append(sent, e.Values...)
		if err := s.InsertEvents(t.Context(), tenant, 0, []engine.EventRow{{Event: e, Sequence: uint64(i + 1)}}, string(rune('a'+i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.admin.Exec(t.Context(), "optimize table "+tenant.Database()+".events final"); err != nil {
		t.Fatal(err)
	}
	var stored []float64
	if err := s.Query(t.Context(), tenant, "select values from events order by log_sequence", nil, func(r Rows) error {
		var values []float64
		err := r.Scan(&values)
		stored = append(stored, values...)
		return err
	}); err != nil || !slices.Equal(stored, sent) {
		t.Errorf("stored %v, sent %v, %v", stored, sent, err)
	}
}
