package gateway

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// sample is a device message as the documentation shows it, with a number that changes.
const sample = `{"deviceId":"%s","deviceType":"temperature_sensor","sequence":%d,"timestamp":"%s",` +
	`"location":{"facility":"factory_01","line":"assembly_line_A","station":"station_05","coordinates":{"lat":37.7749,"lon":-122.4194}},` +
	`"measurements":{"temperature":72.5,"humidity":45.2,"pressure":1013.25,"vibration":{"x":0.02,"y":0.01,"z":0.03},"current":12.75,"speed":1480,"load":0.635},` +
	`"metadata":{"firmware_version":"1.2.3","battery_level":85,"signal_strength":-45,"last_maintenance":"2024-01-10T08:00:00.000Z"},` +
	`"quality":{"accuracy":99.5,"status":"operational"}}`

const (
	benchConnections = 50
	benchInFlight    = 64
)

// BenchmarkGateway publishes with QoS 1 over 50 TLS connections with 64 messages in flight each, to a log that syncs
// every frame. Clients, gateway and NATS share the process and its processors.
func BenchmarkGateway(b *testing.B) {
	c := setup(b)
	var packet [benchConnections][]byte
	clients := make([]*client, benchConnections)
	for i := range clients {
		device := fmt.Sprint("bench_", i)
		clients[i] = c.client(c.device(acme, device), 4).connected()
		now := time.Now().UTC().Format(time.RFC3339)
		for n := range benchInFlight / 2 {
			packet[i] = encodePublish(packet[i], 4, topicOwn, uint16(n+1), fmt.Sprintf(sample, device, n, now))
		}
	}
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ResetTimer()
	batches := (b.N + benchConnections*benchInFlight/2 - 1) / (benchConnections * benchInFlight / 2)
	var all sync.WaitGroup
	for i, m := range clients {
		all.Go(func() { pump(b, m.conn, packet[i], batches) })
	}
	all.Wait()
	b.StopTimer()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	events := float64(batches * benchConnections * benchInFlight / 2)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu.Nanoseconds())/events, "cpu-ns/event")
}

// pump keeps two batches in flight.
func pump(b *testing.B, conn net.Conn, batch []byte, batches int) {
	buf := make([]byte, 4*benchInFlight)
	read := func() bool {
		for got := 0; got < 4*benchInFlight/2; {
			n, err := conn.Read(buf[:4*benchInFlight/2-got])
			if err != nil {
				b.Errorf("read: %v", err)
				return false
			}
			got += n
		}
		return true
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	for i := range batches {
		if _, err := conn.Write(batch); err != nil {
			b.Errorf("write: %v", err)
			return
		}
		if i > 0 && !read() {
			return
		}
	}
	read()
}

func BenchmarkParsePublish(b *testing.B) {
	body := encodePublish(nil, 5, topicOwn, 7, sample)
	reader := newPacketReader(bytes.NewReader(body), func() error { return nil })
	first, rest, err := reader.next(1 << 20)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, code := parsePublish(first, rest, 5); code.Code != 0 {
				b.Fatal(code)
			}
		}
	})
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			pk := packets.Packet{ProtocolVersion: 5}
			if pk.FixedHeader.Decode(first) != nil || pk.PublishDecode(rest) != nil {
				b.Fatal("malformed")
			}
		}
	})
}

// FuzzPacket gives the reader and the parser whatever bytes.
func FuzzPacket(f *testing.F) {
	f.Add(encodePublish(nil, 5, topicOwn, 7, "{}"), byte(5))
	f.Add(encodePublish(nil, 4, topicOwn, 0, "{}"), byte(4))
	f.Add([]byte{packets.Publish << 4, 6, 0, 0, 3, 35, 0, 3}, byte(5))
	f.Add([]byte{packets.Subscribe<<4 | 2, 3, 0, 1, 0}, byte(5))
	f.Add([]byte{packets.Connect << 4, 8, 0, 4, 'M', 'Q', 'T', 'T', 5, 2}, byte(5))
	f.Fuzz(func(t *testing.T, data []byte, version byte) {
		version = 4 + version&1
		in := newPacketReader(bytes.NewReader(data), func() error { return nil })
		used := 0
		for {
			first, body, err := in.next(1 << 12)
			if err != nil {
				return
			}
			if used += len(body) + 2; used > len(data) {
				t.Fatal("more bytes came out than went in")
			}
			pk := packets.Packet{ProtocolVersion: version}
			switch first >> 4 {
			case packets.Publish:
				p, code := parsePublish(first, body, version)
				if code.Code == 0 && len(p.payload)+len(p.topic) > len(body) {
					t.Fatal("payload and topic are longer than the packet")
				}
			case packets.Connect:
				pk.FixedHeader.Type = packets.Connect
				_ = decodeBody(pk.ConnectDecode, body)
			case packets.Subscribe:
				pk.FixedHeader.Type = packets.Subscribe
				_ = decodeBody(pk.SubscribeDecode, body)
			case packets.Unsubscribe:
				pk.FixedHeader.Type = packets.Unsubscribe
				_ = decodeBody(pk.UnsubscribeDecode, body)
			}
		}
	})
}
