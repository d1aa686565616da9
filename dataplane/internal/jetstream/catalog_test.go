package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/localcopy"
	"github.com/millwright-io/millwright/migrations/natstest"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

const tenantID = "aaaaaaaaaaaaaaaa"

// counting tells how many snapshots were begun.
type counting struct {
	*localcopy.Copy
	begun int
}

func (c *counting) Begin(bucket string) error {
	c.begun++
	return c.Copy.Begin(bucket)
}

// followed is a feed that runs.
type followed struct {
	catalog *catalog.Catalog
	copy    *counting
	stop    func()
}

func follow(t testing.TB, js jetstream.JetStream, dir string) *followed {
	t.Helper()
	local, err := localcopy.New(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	f := &followed{catalog: catalog.New(), copy: &counting{Copy: local}}
	feed := NewFeed(js, "test", f.catalog, f.copy, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		_ = feed.Run(ctx)
		close(done)
	}()
	f.stop = func() {
		cancel()
		<-done
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	}
	select {
	case <-feed.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the feed is not ready")
	}
	return f
}

// knows waits until the catalog knows exactly these devices.
func (f *followed) knows(t testing.TB, devices ...string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, n := f.catalog.Size()
		all := n == len(devices)
		for _, d := range devices {
			_, ok := f.catalog.Device(tenantID, d)
			all = all && ok
		}
		if all {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the catalog has %d devices, want %v", n, devices)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func bucketOf(t testing.TB, js jetstream.JetStream) jetstream.KeyValue {
	t.Helper()
	kv, err := js.CreateOrUpdateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: subject.CatalogBucket("test"), History: 1})
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func put(t testing.TB, kv jetstream.KeyValue, device string, certificates int) {
	t.Helper()
	m := &catalogv1.Device{TenantId: tenantID, DeviceId: device, DeviceType: "vibration_sensor", Facility: "factory_01", Line: "line_07", Station: "station_3"}
	for i := range certificates {
		m.Certificates = append(m.Certificates, &catalogv1.Certificate{Serial: fmt.Sprintf("%032x", len(device)*1000+i)})
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), subject.DeviceKey(tenantID, device), data); err != nil {
		t.Fatal(err)
	}
}

func drop(t *testing.T, kv jetstream.KeyValue, device string) {
	t.Helper()
	if err := kv.Delete(t.Context(), subject.DeviceKey(tenantID, device)); err != nil {
		t.Fatal(err)
	}
}

func connected(t testing.TB) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(natstest.New(t).Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// TestANewProcessServesFromItsCopy starts a feed while the bucket is away, and again when it is back with news.
func TestANewProcessServesFromItsCopy(t *testing.T) {
	t.Parallel()
	js, dir := connected(t), t.TempDir()
	kv := bucketOf(t, js)
	put(t, kv, "a", 1)
	put(t, kv, "b", 1)
	f := follow(t, js, dir)
	f.knows(t, "a", "b")
	put(t, kv, "c", 2)
	drop(t, kv, "a")
	f.knows(t, "b", "c")
	f.stop()
	if f.copy.begun != 1 {
		t.Errorf("%d snapshots were begun", f.copy.begun)
	}
	if err := js.DeleteKeyValue(t.Context(), subject.CatalogBucket("test")); err != nil {
		t.Fatal(err)
	}

	f = follow(t, js, dir)
	f.knows(t, "b", "c")
	if d, _ := f.catalog.Device(tenantID, "c"); len(d.Certificates) != 2 || d.Type != "vibration_sensor" || d.Facility != "factory_01" {
		t.Errorf("the copy says %+v", d)
	}
	// Another bucket of the same name appears: what it does not have is forgotten.
	kv = bucketOf(t, js)
	put(t, kv, "d", 1)
	f.knows(t, "d")
	f.stop()
	f = follow(t, js, dir)
	defer f.stop()
	f.knows(t, "d")
}

// TestOnlyChangesAreReadAfterARestart counts snapshots: none while the bucket has what the copy holds.
func TestOnlyChangesAreReadAfterARestart(t *testing.T) {
	t.Parallel()
	js, dir := connected(t), t.TempDir()
	kv := bucketOf(t, js)
	for _, d := range []string{"a", "b", "c"} {
		put(t, kv, d, 1)
	}
	f := follow(t, js, dir)
	f.knows(t, "a", "b", "c")
	f.stop()
	drop(t, kv, "a")
	put(t, kv, "d", 1)
	f = follow(t, js, dir)
	f.knows(t, "b", "c", "d")
	f.stop()
	if f.copy.begun != 0 {
		t.Errorf("after a restart %d snapshots were begun, want none", f.copy.begun)
	}
	// The newest entry that the copy holds was written over meanwhile: the bucket cannot be compared, all is read.
	put(t, kv, "d", 2)
	put(t, kv, "e", 1)
	drop(t, kv, "b")
	f = follow(t, js, dir)
	f.knows(t, "c", "d", "e")
	f.stop()
	f = follow(t, js, dir)
	defer f.stop()
	f.knows(t, "c", "d", "e")
}
