package jetstream

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	manyDevices = 100_000
	manyTenants = 100
	changes     = 1000
	// The figures that the product promises.
	mostMemory = 200 << 20
	mostDelay  = 500 * time.Millisecond
)

// BenchmarkCatalog measures a cell of 100 000 devices, each with an old and a new certificate: memory, the time until a new
// process serves from its copy, and the time from a written change to a catalog that knows it.
func BenchmarkCatalog(b *testing.B) {
	js, dir := connected(b), b.TempDir()
	kv := bucketOf(b, js)
	fillBucket(b, js)
	before := heap()
	f := follow(b, js, dir)
	memory := heap() - before
	if _, n := f.catalog.Size(); n != manyDevices {
		b.Fatalf("%d devices", n)
	}
	delays := make([]time.Duration, 0, changes)
	for b.Loop() {
		for i := range changes {
			delays = append(delays, change(b, kv, f, i))
		}
	}
	f.stop()
	begun := time.Now()
	f = follow(b, js, dir)
	b.ReportMetric(time.Since(begun).Seconds(), "s/start")
	f.stop()
	slices.Sort(delays)
	p99 := delays[len(delays)*99/100]
	b.ReportMetric(float64(memory)/(1<<20), "MB")
	b.ReportMetric(float64(memory)/manyDevices, "B/device")
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(p99.Microseconds()), "µs/p99")
	if memory > mostMemory || p99 > mostDelay {
		b.Errorf("%d MB and %s p99, want at most %d MB and %s", memory>>20, p99, mostMemory>>20, mostDelay)
	}
}

// heap is what is in use, after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}

func many(i int) (tenant, device string) {
	return fmt.Sprintf("aaaaaaaaaaaaaa%c%c", 'a'+i%manyTenants/10, 'a'+i%10), fmt.Sprintf("sensor_%06d", i)
}

func manyEntry(b *testing.B, i int, suspended bool) (key string, value []byte) {
	b.Helper()
	tenant, device := many(i)
	m := &catalogv1.Device{
		TenantId: tenant, DeviceId: device, DeviceType: fmt.Sprintf("vibration_sensor_%d", i%7), Suspended: suspended,
		Facility: fmt.Sprintf("factory_%02d", i%5), Line: fmt.Sprintf("line_%02d", i%20), Station: fmt.Sprintf("station_%03d", i%100),
	}
	for n := range 2 {
		m.Certificates = append(m.Certificates, &catalogv1.Certificate{
			Serial: fmt.Sprintf("%040x", 1<<40+2*i+n), NotAfter: timestamppb.New(time.Unix(1_800_000_000, 0)),
		})
	}
	value, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	return subject.DeviceKey(tenant, device), value
}

func fillBucket(b *testing.B, js jetstream.JetStream) {
	b.Helper()
	for i := range manyDevices {
		key, value := manyEntry(b, i, false)
		if _, err := js.PublishAsync("$KV."+subject.CatalogBucket("test")+"."+key, value); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 999 {
			<-js.PublishAsyncComplete()
		}
	}
}

// change suspends a device or takes that back, and returns how long it took until the catalog had it.
func change(b *testing.B, kv jetstream.KeyValue, f *followed, i int) time.Duration {
	b.Helper()
	n := i * 97 % manyDevices
	tenant, device := many(n)
	was, _ := f.catalog.Device(tenancy.ID(tenant), device)
	heard := make(chan struct{}, 1)
	cancel := f.catalog.OnChange(func(c catalog.Change) {
		if c.Device == device {
			heard <- struct{}{}
		}
	})
	defer cancel()
	key, value := manyEntry(b, n, !was.Suspended)
	begun := time.Now()
	if _, err := kv.Put(b.Context(), key, value); err != nil {
		b.Fatal(err)
	}
	<-heard
	took := time.Since(begun)
	if now, _ := f.catalog.Device(tenancy.ID(tenant), device); now.Suspended == was.Suspended {
		b.Fatal("the change is not there")
	}
	return took
}
