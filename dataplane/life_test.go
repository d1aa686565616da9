package dataplane

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// put writes the tenant's catalog entry.
func (b *bundle) put(t *testing.T, m *catalogv1.Tenant) {
	t.Helper()
	kv, err := b.js.KeyValue(t.Context(), subject.CatalogBucket(b.cfg.Cell))
	if err != nil {
		t.Fatal(err)
	}
	if m.TenantId = string(b.tenant); m.GetLimits() == nil {
		m.Limits = &catalogv1.Limits{RequestsPerSecond: 1000}
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), subject.TenantKey(string(b.tenant)), data); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) live(t *testing.T, app *App) (*websocket.Conn, error) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "ws://"+app.Addrs().API+"/ws/devices/press/live", &websocket.DialOptions{ //nolint:bodyclose // it is hijacked
		Subprotocols: []string{"millwright", "bearer." + b.key},
	})
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, err
}

func TestASuspendedTenantIsRefusedAndARemovedOneIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, _ := b.start(t)
	b.publish(t, 1, 50)
	eventually(t, "the events are stored", func() bool { _, n, err := b.count(t, app); return err == nil && n == 50 })
	conn, err := b.live(t, app)
	if err != nil {
		t.Fatal(err)
	}

	b.put(t, &catalogv1.Tenant{Suspended: true, Suspension: "invoice 7 is not paid"})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err = conn.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation || closed.Reason != "the organisation is suspended: invoice 7 is not paid" {
		t.Errorf("the live session ended with %v", err)
	}
	var refusal struct{ Message string }
	if status := b.get(t, app, "/api/v1/latest", &refusal); status != http.StatusForbidden || refusal.Message != "the organisation is suspended: invoice 7 is not paid" {
		t.Errorf("API: %d %q", status, refusal.Message)
	}
	if _, err := b.live(t, app); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a new live session: %v", err)
	}
	own := func() error { _, _, err := b.count(t, app); return err }
	eventually(t, "the tenant's own user reads no more", func() bool { return own() != nil })

	b.put(t, &catalogv1.Tenant{RetentionDays: 30})
	eventually(t, "the tenant is served again, nothing lost", func() bool { _, n, err := b.count(t, app); return err == nil && n == 50 })
	if _, err := b.live(t, app); err != nil {
		t.Errorf("live again: %v", err)
	}

	b.put(t, &catalogv1.Tenant{Suspended: true, Removed: true, Suspension: "it was deleted"})
	eventually(t, "the removal is reported", func() bool { return b.removed(t).GetRows() >= 50 })
	b.publish(t, 51, 100) // what was on its way brings nothing back
	eventually(t, "the log is worked off", func() bool { return b.usage(t)["events"] == 100 })
	if own() == nil {
		t.Error("the store has the tenant again")
	}
}

// removed is the last report of the tenant's removal.
func (b *bundle) removed(t *testing.T) *catalogv1.StorageReport {
	t.Helper()
	stream, err := b.js.Stream(t.Context(), subject.ReportStream)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), subject.Report(b.cfg.Cell))
	if err != nil {
		return nil
	}
	var report catalogv1.CellReport
	if err := proto.Unmarshal(msg.Data, &report); err != nil || !report.GetStorage().GetRemoved() {
		return nil
	}
	return report.GetStorage()
}

func TestALiveSessionEndsWithItsKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, _ := b.start(t)
	conn, err := b.live(t, app)
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := tenancy.ParseKey(b.key)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.js.KeyValue(t.Context(), subject.CatalogBucket(b.cfg.Cell))
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), subject.APIKeyKey(string(b.tenant), id)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err = conn.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation || closed.Reason != "the API key is revoked" {
		t.Errorf("the live session ended with %v", err)
	}
}

func TestANewTenantIsReadAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, _ := b.start(t)
	for range 3 {
		b.tenant = tenancy.NewID()
		b.catalog(t)
		status := http.StatusUnauthorized // until the cell has heard of the key
		eventually(t, "the new tenant's key is known", func() bool {
			status = b.get(t, app, "/api/v1/latest", nil)
			return status != http.StatusUnauthorized
		})
		if status != http.StatusOK {
			t.Errorf("the first answer was %d: its storage was not waited for", status)
		}
	}
}
