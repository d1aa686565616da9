package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	floodDevices = 20
	// batch is how many events a hostile request carries.
	batch              = 10
	cardinalityDevices = 200
	cardinalityNames   = 500
	// cardinalityRate is bounded, for each of its messages has 13 KB: it is ten times the quota in messages, 500 in values.
	cardinalityRate  = 1000
	malformedDevices = 10
	// malformedConnections is how many connections a second are made to send what is no MQTT.
	malformedConnections = 10
)

// floodEvents offers half of it over MQTT, half over HTTP.
func floodEvents(ctx context.Context, a *assault) {
	begun := a.now()
	epoch := "flood-" + strconv.FormatInt(begun.UnixNano(), 36)
	payloads := make([]*payload, floodDevices)
	counts := make([]uint64, floodDevices)
	for i := range payloads {
		payloads[i] = newPayload(a.role.Devices[i], epoch, begun)
	}
	next := func(i int) []byte {
		counts[i]++
		return payloads[i].next(a.now(), counts[i])
	}
	half := floodDevices / 2
	var both sync.WaitGroup
	both.Go(func() { a.devicesSend(ctx, 0, half, eventsOffered()/2, next) })
	both.Go(func() {
		clients := make([]*http.Client, half)
		for i := range clients {
			clients[i] = &http.Client{Transport: &http.Transport{TLSClientConfig: a.tls[half+i]}, Timeout: 10 * time.Second}
		}
		a.flood(ctx, eventsOffered()/2, half, batch, func(w int) {
			var body bytes.Buffer
			for range batch {
				body.Write(next(half + w))
				body.WriteByte('\n')
			}
			a.post(ctx, clients[w], body.Bytes(), batch)
		})
		for _, c := range clients {
			c.CloseIdleConnections()
		}
	})
	both.Wait()
}

func (a *assault) post(ctx context.Context, client *http.Client, body []byte, n uint64) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.role.Ingest, bytes.NewReader(body))
	if err != nil {
		a.refuse(err.Error(), n)
		return
	}
	a.try(client, req, n)
}

// floodNames offers a hundred times the series of the quota: every device has names that no other has.
func floodNames(ctx context.Context, a *assault) {
	parts := make([][]byte, cardinalityDevices)
	for d := range parts {
		var b bytes.Buffer
		b.WriteString(`,"measurements":{`)
		for i := range cardinalityNames {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"m_%d_%d":%d.5`, d, i, i)
		}
		b.WriteString("}}")
		parts[d] = b.Bytes()
	}
	epoch, sequences := strconv.FormatInt(a.now().UnixNano(), 36), make([]uint64, cardinalityDevices)
	buffers := make([][]byte, cardinalityDevices)
	a.devicesSend(ctx, 0, cardinalityDevices, cardinalityRate, func(d int) []byte {
		sequences[d]++
		buffers[d] = fmt.Appendf(buffers[d][:0], `{"timestamp":%q,"epoch":%q,"sequence":%d`, a.now().UTC().Format(time.RFC3339Nano), epoch, sequences[d])
		buffers[d] = append(buffers[d], parts[d]...)
		return buffers[d]
	})
}

// malformed is what no decoder takes.
var malformed = [][]byte{
	[]byte(`{"timestamp":"2026-01-01T00:00:00Z","measurements":{"temperature":`),
	[]byte("temperature=21.5 humidity=40"),
	[]byte(`{"measurements":{"temperature":"warm"}}`),
	[]byte(strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)),
	bytes.Repeat([]byte{0xff, 0x00, 0x9f}, 400),
}

// floodMalformed sends payloads that become dead letters, and opens connections to break MQTT on.
func floodMalformed(ctx context.Context, a *assault) {
	var both sync.WaitGroup
	both.Go(func() {
		a.devicesSend(ctx, 0, malformedDevices-1, eventsOffered(), func(int) []byte { return malformed[rand.IntN(len(malformed))] })
	})
	both.Go(func() {
		a.flood(ctx, malformedConnections, 2, 1, func(int) { a.garble(ctx) })
	})
	both.Wait()
}

// garble connects as a device and sends bytes that are no packet.
func (a *assault) garble(ctx context.Context) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: a.tls[malformedDevices-1]}
	conn, err := dialer.DialContext(ctx, "tcp", a.role.MQTT)
	if err != nil {
		if ctx.Err() == nil {
			a.refuse(err.Error(), 1)
		}
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = conn.Write(bytes.Repeat([]byte{0xf3, 0xff, 0x80, 0xff, 0xff}, 100))
	_, _ = conn.Read(make([]byte, 64)) // what it answers, or its end
	a.count(func(t *Toll) { t.Refused["connection closed"]++ })
}

// ownEvents sends the sample message at the tenant's own quota.
func (a *assault) ownEvents(ctx context.Context) {
	begun := a.now()
	p, n := newPayload(a.role.Devices[0], "own-"+strconv.FormatInt(begun.UnixNano(), 36), begun), uint64(0)
	a.devicesSend(ctx, 0, 1, float64(quota[tenancy.LimitEventsPerSecond]), func(int) []byte {
		n++
		return p.next(a.now(), n)
	})
}
