package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/latency"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
)

const (
	// seedConnections send one event a packet, paced; the first pipelined of them send as much as is taken.
	seedConnections = 1000
	seedPipelined   = 50
	seedInflight    = 256
	seedRate        = 40_000
	// seedBatch is how many events a request carries; posters send them.
	seedBatch   = 100
	seedPosters = 16
	// probeEvery is how often it is measured when an event can be queried, pollEvery how often that is asked: not so often
	// that asking becomes a load of its own.
	probeEvery = 250 * time.Millisecond
	pollEvery  = 10 * time.Millisecond
)

// How a way sends, and whether it is measured when events can be queried.
const (
	overHTTP = 0
	overMQTT = 1
	probed   = 2
)

// Profile is the result of `bench ingest --profile seed`.
type Profile struct {
	Machine      Machine `json:"machine"`
	PayloadBytes int     `json:"payload_bytes"`
	Measurements int     `json:"measurements"`
	Rows         []Way   `json:"rows"`
}

// Way is one way of sending.
type Way struct {
	What    string  `json:"what"`
	Seconds float64 `json:"seconds"`
	Acked   uint64  `json:"acked"`
	Refused uint64  `json:"refused"`
	Stored  uint64  `json:"stored"`
	// PerSecond was acknowledged after it was on disk, within the sending time.
	PerSecond float64 `json:"acked_per_second"`
	AckP50    float64 `json:"ack_p50_ms"`
	AckP99    float64 `json:"ack_p99_ms"`
	// QueryableP50 and P99 run from when an event was due until a query counted it; 0 where that was not asked.
	QueryableP50 float64   `json:"queryable_p50_ms,omitempty"`
	QueryableP99 float64   `json:"queryable_p99_ms,omitempty"`
	Processes    []Process `json:"processes"`
	Elsewhere    float64   `json:"cores_used_by_other_work"`
}

// seed sends in every way, one after the other.
func (f *ingest) seed(ctx context.Context, e command.Env, t *target) error {
	devices, err := enrolFleet(ctx, t, seedConnections+1)
	if err != nil {
		return err
	}
	result := Profile{Machine: machine(e.Now()), Measurements: measurements, PayloadBytes: len(newPayload(deviceID(0), "bench-", e.Now()).text)}
	add := func(what string, connections int, rate float64, how int, send func(ctx context.Context, s *senders, end time.Time)) (Way, error) {
		way, err := f.way(ctx, e, t, devices, connections, how, send)
		if err != nil {
			return way, fmt.Errorf("%s: %w", what, err)
		}
		way.What = what
		if rate > 0 {
			way.What = fmt.Sprintf("%s, %.0f/s due", what, rate)
		}
		result.Rows = append(result.Rows, way)
		return way, nil
	}
	mqtt := func(rate float64) func(context.Context, *senders, time.Time) {
		return func(ctx context.Context, s *senders, end time.Time) { s.send(ctx, end, rate) }
	}
	if _, err := add(fmt.Sprintf("HTTP, %d events a request, %d connections", seedBatch, seedPosters), seedPosters, 0, overHTTP, func(ctx context.Context, s *senders, end time.Time) {
		s.post(ctx, devices.tenant.GetIngestUrl(), end)
	}); err != nil {
		return err
	}
	most, err := add(fmt.Sprintf("MQTT QoS 1, %d connections, %d in flight each", seedPipelined, seedInflight), seedPipelined, 0, overMQTT, mqtt(0))
	if err != nil {
		return err
	}
	if _, err := add(fmt.Sprintf("MQTT QoS 1, %d connections", seedConnections), seedConnections, seedRate, overMQTT, mqtt(seedRate)); err != nil {
		return err
	}
	if _, err := add("MQTT QoS 1, half of the most", seedPipelined, most.PerSecond/2, overMQTT|probed, mqtt(most.PerSecond/2)); err != nil {
		return err
	}
	return report(e.Out, f.asJSON, result, result.table())
}

// way sends in one way and waits until all of it can be queried.
func (f *ingest) way(ctx context.Context, e command.Env, t *target, devices *fleet, connections int, how int, send func(context.Context, *senders, time.Time)) (Way, error) {
	s, err := devices.senders(e, connections, seedInflight)
	if err != nil {
		return Way{}, err
	}
	var queryable latency.Histogram
	probing, stop := context.WithCancel(ctx)
	defer stop()
	var probe sync.WaitGroup
	var failed error
	if how&overMQTT != 0 {
		if err := s.connect(ctx); err != nil {
			return Way{}, err
		}
	}
	if how&probed != 0 {
		probe.Go(func() { failed = t.probe(probing, e, devices, &queryable) })
	}
	before, busy, begun := byName(append(tree(t.root), own()...)), busySeconds(), e.Now()
	send(ctx, s, begun.Add(f.duration))
	way := Way{Seconds: e.Now().Sub(begun).Seconds(), Acked: s.acked.Load(), Refused: s.refused.Load()}
	stop()
	probe.Wait()
	if failed != nil {
		return way, failed
	}
	way.PerSecond = float64(s.ackedInTime.Load()) / f.duration.Seconds()
	if way.Stored, err = t.awaitRows(ctx, s.epoch, way.Acked, e.Now); err != nil {
		return way, err
	}
	way.Processes = since(before, byName(append(tree(t.root), own()...)))
	way.Elsewhere = elsewhere(busySeconds()-busy, way.Processes, e.Now().Sub(begun))
	way.AckP50, way.AckP99 = milliseconds(s.latency.Quantile(0.5)), milliseconds(s.latency.Quantile(0.99))
	way.QueryableP50, way.QueryableP99 = milliseconds(queryable.Quantile(0.5)), milliseconds(queryable.Quantile(0.99))
	if way.Stored != way.Acked {
		return way, fmt.Errorf("%d events were acknowledged, %d are stored", way.Acked, way.Stored)
	}
	return way, nil
}

// post sends requests of a batch each until end, one at a time a device.
func (s *senders) post(ctx context.Context, address string, end time.Time) {
	s.end.Store(end.UnixNano())
	var posters sync.WaitGroup
	for _, p := range s.all {
		posters.Go(func() {
			transport := &http.Transport{TLSClientConfig: p.tls}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
			var body bytes.Buffer
			for n := uint64(0); s.now().Before(end) && ctx.Err() == nil; {
				body.Reset()
				due := s.now()
				for range seedBatch {
					body.Write(p.payload.next(due, n))
					body.WriteByte('\n')
					n++
				}
				s.posted(client, address, &body, due)
			}
		})
	}
	posters.Wait()
}

func (s *senders) posted(client *http.Client, address string, body io.Reader, due time.Time) {
	res, err := client.Post(address, "application/json", body) //nolint:noctx // the client's timeout ends it
	if err != nil {
		s.refused.Add(seedBatch)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		s.refused.Add(seedBatch)
		return
	}
	now := s.now()
	s.acked.Add(seedBatch)
	if !now.After(time.Unix(0, s.end.Load())) {
		s.ackedInTime.Add(seedBatch)
	}
	s.latency.Add(now.Sub(due))
}

// probe measures when events of one more device can be queried, until ctx is done.
func (t *target) probe(ctx context.Context, e command.Env, devices *fleet, took *latency.Histogram) error {
	if t.access.ClickHouseURL == "" {
		if err := t.readAccess(ctx); err != nil {
			return err
		}
	}
	s, err := (&fleet{devices.tenant, devices.credentials[seedConnections:]}).senders(e, 1, 1)
	if err != nil {
		return err
	}
	p := s.all[0]
	p.payload = newPayload(deviceID(seedConnections), s.epoch, e.Now())
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	var conn sync.WaitGroup
	conn.Go(func() { _ = p.client.Run(connected) })
	defer func() { disconnect(); conn.Wait() }()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for n := uint64(0); ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		due := e.Now()
		if p.client.Publish("v1/telemetry", p.payload.next(due, n), mqttclient.Mark{Due: due.UnixNano()}) != nil {
			return errors.New("the probe's device was not admitted")
		}
		p.client.Flush()
		if err := t.counted(ctx, s.epoch, deviceID(seedConnections), n+1); err != nil || ctx.Err() != nil {
			return err
		}
		took.Add(e.Now().Sub(due))
	}
}

// counted waits until a query counts so many events of the device.
func (t *target) counted(ctx context.Context, epoch, device string, want uint64) error {
	for ctx.Err() == nil {
		n, err := t.countRows(ctx, epoch, device)
		if n >= want || err != nil && ctx.Err() == nil {
			return err
		}
		if pause(ctx, pollEvery) != nil {
			break
		}
	}
	return nil //nolint:nilerr // the end of the measurement is no failure
}

func (r Profile) table() []string {
	lines := []string{
		r.Machine.String(), fmt.Sprintf("%d bytes, %d measurements, acknowledged after the sync to disk, every one of them queryable at the end", r.PayloadBytes, r.Measurements), "",
		fmt.Sprintf("%-46s %10s %10s %9s %9s %12s %12s", "way", "events/s", "points/s", "ack p50", "ack p99", "queryable 50", "queryable 99"),
	}
	for _, w := range r.Rows {
		queryable := fmt.Sprintf("%12s %12s", "", "")
		if w.QueryableP99 > 0 {
			queryable = fmt.Sprintf("%9.0f ms %9.0f ms", w.QueryableP50, w.QueryableP99)
		}
		lines = append(lines, fmt.Sprintf("%-46s %10.0f %10.0f %6.1f ms %6.1f ms %s", w.What, w.PerSecond, w.PerSecond*float64(r.Measurements), w.AckP50, w.AckP99, queryable))
	}
	lines = append(lines, "", "CPU, us an event")
	for _, w := range r.Rows {
		text := fmt.Sprintf("%-46s", w.What)
		var all float64
		for _, p := range w.Processes {
			us := p.CPU / float64(max(w.Acked, 1)) * 1e6
			if all += us; us >= 0.05 {
				text += fmt.Sprintf(" %s %.2f,", p.Name, us)
			}
		}
		lines = append(lines, fmt.Sprintf("%s all %.2f; other work %.2f cores", text, all, w.Elsewhere))
	}
	return lines
}
