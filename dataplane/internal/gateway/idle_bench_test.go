package gateway

import (
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	idleConnections = 1000
	// idleMost is what an idle connection may take of heap and stacks; the collector's room comes on top.
	idleMost = 15 << 10
)

// BenchmarkIdle measures what idle MQTT connections over TLS take of the gateway's heap and stacks, each of a device of
// its own that has sent one message, and fails above idleMost. The clients' side is no more than a descriptor.
func BenchmarkIdle(b *testing.B) {
	c := setup(b)
	certs := make([]tls.Certificate, idleConnections)
	for i := range certs {
		certs[i] = c.device(acme, fmt.Sprintf("idle_%04d", i))
	}
	for i := range 100 { // pools, and what the runtime keeps
		syscall.Close(c.idle(certs[i], i))
	}
	b.ResetTimer()
	for range b.N {
		c.none()
		heap, stacks := inUse()
		begun := runtime.NumGoroutine()
		files := c.idlers(certs)
		c.resting(idleConnections)
		h, s := inUse()
		h, s = (h-heap)/idleConnections, (s-stacks)/idleConnections
		b.ReportMetric(float64(h), "heap-B/conn")
		b.ReportMetric(float64(s), "stack-B/conn")
		b.ReportMetric(float64(runtime.NumGoroutine()-begun)/idleConnections, "goroutines/conn")
		for _, fd := range files {
			_ = syscall.Close(fd)
		}
		if h+s > idleMost {
			b.Fatalf("an idle connection takes %d bytes of heap and %d of stacks, above %d", h, s, idleMost)
		}
	}
}

// none waits until no connection is left.
func (c *cell) none() {
	c.t.Helper()
	for end := time.Now().Add(patience); c.open.Load() > 0; {
		if time.Now().After(end) {
			c.t.Fatalf("%d connections are still open", c.open.Load())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// inUse is what heap and stacks take, after a collection.
func inUse() (heap, stacks int64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.StackInuse) //nolint:gosec // far below
}

func (c *cell) idlers(certs []tls.Certificate) []int {
	files := make([]int, len(certs))
	next := make(chan int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range next {
				files[i] = c.idle(certs[i], i)
			}
		})
	}
	for i := range certs {
		next <- i
	}
	close(next)
	all.Wait()
	return files
}

// idle connects, sends one message, and leaves a descriptor of the connection.
func (c *cell) idle(cert tls.Certificate, i int) int {
	raw, err := net.Dial("tcp", c.Addrs().MQTT)
	if err != nil {
		c.t.Error(err)
		return -1
	}
	defer func() { _ = raw.Close() }() // the descriptor stays
	m := newClient(c.t, tls.Client(raw, c.tls(cert)), 5)
	m.connected()
	m.publish(topicOwn, 1, fmt.Sprintf(sample, fmt.Sprintf("idle_%04d", i), i, time.Now().UTC().Format(time.RFC3339)))
	m.read(packets.Puback)
	fd := -1
	control, err := raw.(*net.TCPConn).SyscallConn() //nolint:forcetypeassert // it was dialed as one
	if err == nil {
		err = control.Control(func(of uintptr) { fd, _ = syscall.Dup(int(of)) })
	}
	if err != nil {
		c.t.Error(err)
	}
	return fd
}
