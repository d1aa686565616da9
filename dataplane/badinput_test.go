package dataplane

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	natsjetstream "github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/migrations/chtest"
	"github.com/millwright-io/millwright/proto/subject"
)

// alter changes a setting of the tenant's events on the real engine.
func (b *bundle) alter(t *testing.T, setting, value string) {
	t.Helper()
	if err := chtest.New(t).Conn(t).Exec(t.Context(), "alter table "+b.tenant.Database()+".events modify setting "+setting+" = "+value); err != nil {
		t.Fatal(err)
	}
}

// begun is a cell that has stored 100 events.
func begun(t *testing.T) (*bundle, *App) {
	t.Helper()
	b := setup(t)
	app, _ := b.start(t)
	b.publish(t, 1, 100)
	eventually(t, "100 rows", func() bool { all, _, err := b.count(t, app); return err == nil && all == 100 })
	return b, app
}

// Without space the store takes nobody's rows: the log holds what comes, nothing is put aside, and afterwards all is stored once.
func TestAFullStoreLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	b, app := begun(t)
	b.alter(t, "min_free_disk_bytes_to_perform_insert", "1000000000000000000")
	row := []engine.EventRow{{Event: &telemetry.Event{Tenant: b.tenant, Device: "other", Received: time.Now().UnixNano()}}}
	if err := app.store.InsertEvents(t.Context(), b.tenant, 0, row, "probe"); err == nil || clickhouse.Refused(err) {
		t.Fatalf("an insert is answered %v, which is taken for the insert's own fault", err)
	}
	b.publish(t, 101, 200)
	partition := frame.Partition(b.tenant, "press", b.cfg.Partitions)
	eventually(t, "the partition waits", func() bool { return app.partitions.lags()[partition] > 2*time.Second })
	if all, _ := b.rows(t, app); all != 100 {
		t.Errorf("%d rows while nothing can be stored, want 100", all)
	}
	if parked, err := app.tenants.objects.Parked(t.Context()); err != nil || len(parked) > 0 {
		t.Errorf("%v is put aside: %v", parked, err)
	}
	b.alter(t, "min_free_disk_bytes_to_perform_insert", "0")
	eventually(t, "200 rows", func() bool { all, distinct := b.rows(t, app); return all == 200 && distinct == 200 })
}

// A tenant's table that is read-only is that tenant's trouble: its rows are put aside, and stored once when they can be.
func TestAReadOnlyTableLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	b, app := begun(t)
	b.alter(t, "table_readonly", "1")
	b.publish(t, 101, 200)
	parked := func() int {
		names, err := app.tenants.objects.Parked(t.Context())
		if err != nil {
			t.Logf("list what is put aside: %v", err)
		}
		return len(names)
	}
	within(t, time.Minute, "the rows are put aside", func() bool {
		return parked() > 0 && app.partitions.lags()[frame.Partition(b.tenant, "press", b.cfg.Partitions)] == 0
	})
	b.alter(t, "table_readonly", "0")
	if err := app.inserts.Unpark(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "200 rows", func() bool { all, distinct := b.rows(t, app); return all == 200 && distinct == 200 && parked() == 0 })
}

// A checkpoint that rotted or is gone is never done without: the cell ends and says which one, and goes on once it is restored.
func TestADamagedOrAbsentCheckpointStopsTheCellAndLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, stop := b.start(t)
	b.publish(t, 1, 100)
	eventually(t, "100 rows", func() bool { all, _, err := b.count(t, app); return err == nil && all == 100 })
	stop()
	b.publish(t, 101, 200)
	objects, err := b.js.ObjectStore(t.Context(), subject.CheckpointBucket(b.cfg.Cell))
	if err != nil {
		t.Fatal(err)
	}
	name, good := b.checkpoint(t, objects, frame.Partition(b.tenant, "press", b.cfg.Partitions))
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	for what, spoil := range map[string]func() error{
		"damaged": func() error { _, err := objects.PutBytes(t.Context(), name, bad); return err },
		"absent":  func() error { return objects.Delete(t.Context(), name) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		broken, err := New(t.Context(), b.cfg, b.log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := broken.Run(ctx); err == nil || !strings.Contains(err.Error(), "checkpoint") || !strings.Contains(err.Error(), "restore") {
			t.Fatalf("%s: Run: %v", what, err)
		}
	}
	if _, err := objects.PutBytes(t.Context(), name, good); err != nil {
		t.Fatal(err)
	}
	app, _ = b.start(t)
	eventually(t, "200 rows", func() bool { all, distinct := b.rows(t, app); return all == 200 && distinct == 200 })
}

// checkpoint returns the newest checkpoint of a partition.
func (b *bundle) checkpoint(t *testing.T, objects natsjetstream.ObjectStore, partition int) (name string, data []byte) {
	t.Helper()
	infos, err := objects.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		if strings.HasPrefix(info.Name, subject.CommitKey(partition)+"/") && (len(info.Name) > len(name) || info.Name > name) {
			name = info.Name
		}
	}
	if data, err = objects.GetBytes(t.Context(), name); err != nil {
		t.Fatalf("checkpoint %q: %v", name, err)
	}
	return name, data
}
