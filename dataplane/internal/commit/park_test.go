package commit

import (
	"log/slog"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
)

func TestARefusedTenantDoesNotStopTheOthersAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(1, 0)
	w.crash = func() {}
	w.broken["tenant1"] = true
	out, state := &engine.Outputs{}, engine.New(engine.DefaultOptions())
	for _, f := range w.frames {
		state.Step(f, out)
	}
	in := NewInserter(w, w, 4, slog.New(slog.DiscardHandler))
	in.backoff = time.Microsecond
	r := Range{From: 1, To: state.Position(), Prefix: "cell/log1/0"}
	if err := in.Insert(t.Context(), r, out.Tenants); err != nil {
		t.Fatal(err)
	}
	if w.stored("tenant1") != 0 || w.stored("tenant0") == 0 || len(w.parked) != 1 {
		t.Fatalf("%d and %d rows stored, %d parked", w.stored("tenant0"), w.stored("tenant1"), len(w.parked))
	}
	w.broken["tenant1"] = false
	for try := 0; len(w.parked) > 0 && try < 100; try++ {
		_ = in.Unpark(t.Context()) // the store of this test fails now and then
	}
	if whole := w.stored("tenant0") + w.stored("tenant1"); whole != events {
		t.Errorf("%d rows, want %d", whole, events)
	}
	for p, n := range w.rows {
		if n != 1 {
			t.Errorf("%v is stored %d times", p, n)
		}
	}
}
