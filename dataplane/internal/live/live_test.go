package live

import (
	"errors"
	"testing"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

const perTenant = 500

func rows(tenant tenancy.ID, device string, n int) []engine.EventRow {
	var out []engine.EventRow
	for i := range n {
		out = append(out, engine.EventRow{Event: &telemetry.Event{Tenant: tenant, Device: device, Time: int64(i)}})
	}
	return out
}

func watch(t *testing.T, h *Hub, tenant tenancy.ID, devices ...string) *Watch {
	t.Helper()
	w, err := h.Watch(tenant, devices, perTenant)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func TestAWatcherSeesOnlyItsTenantsDevices(t *testing.T) {
	t.Parallel()
	h := New()
	w := watch(t, h, "a", "press")
	h.Publish(rows("b", "press", 1))
	h.Publish(rows("a", "mill", 1))
	h.Publish(rows("a", "press", 1))
	if n := len(w.Updates()); n != 1 {
		t.Errorf("%d updates, want 1", n)
	}
}

func TestASlowWatcherIsToldWhatItMissed(t *testing.T) {
	t.Parallel()
	h := New()
	w := watch(t, h, "a", "press")
	h.Publish(rows("a", "press", buffered+7))
	for range buffered {
		if u := <-w.Updates(); u.Missed != 0 {
			t.Fatalf("missed %d before anything was", u.Missed)
		}
	}
	h.Publish(rows("a", "press", 1))
	if u := <-w.Updates(); u.Missed != 7 {
		t.Errorf("missed %d, want 7", u.Missed)
	}
}

func TestWatchersOfATenantAreLimited(t *testing.T) {
	t.Parallel()
	h := New()
	for range perTenant {
		watch(t, h, "a", "press")
	}
	if _, err := h.Watch("a", []string{"press"}, perTenant); !errors.Is(err, tenancy.ErrOverLimit) {
		t.Errorf("error %v, want over limit", err)
	}
	watch(t, h, "b", "press").Close()
	if h.Watching() != perTenant {
		t.Errorf("%d watch, want %d", h.Watching(), perTenant)
	}
}
