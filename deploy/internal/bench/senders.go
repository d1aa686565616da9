package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/latency"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// drainTimeout is how long to wait for the last acknowledgements.
const drainTimeout = 30 * time.Second

// senders are the devices and what came of their messages.
type senders struct {
	all                         []*publisher
	epoch                       string
	now                         func() time.Time
	end                         atomic.Int64
	acked, refused, ackedInTime atomic.Uint64
	latency                     latency.Histogram
	// disconnect ends what connect made.
	disconnect func()
}

type publisher struct {
	tls     *tls.Config
	client  *mqttclient.Client
	payload *payload
}

func newSenders(ctx context.Context, t *target, e command.Env, connections, inflight int) (*senders, error) {
	f, err := enrolFleet(ctx, t, connections)
	if err != nil {
		return nil, err
	}
	return f.senders(e, connections, inflight)
}

// fleet are devices that may send, and where to.
type fleet struct {
	tenant      *tenantv1.Tenant
	credentials []enrol.Credentials
}

func enrolFleet(ctx context.Context, t *target, count int) (*fleet, error) {
	api, err := rpc.Dial(t.Server, t.Key)
	if err != nil {
		return nil, err
	}
	answer, err := api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	devices := make([]enrol.Device, count)
	for i := range devices {
		devices[i] = enrol.Device{ID: deviceID(i), Type: "temperature_sensor"}
	}
	credentials, err := enrol.All(ctx, api.Devices, devices)
	if err != nil {
		return nil, rpc.Explain(err)
	}
	return &fleet{answer.GetTenant(), credentials}, nil
}

// senders are so many of the devices, under an epoch of their own.
func (f *fleet) senders(e command.Env, connections, inflight int) (*senders, error) {
	s := &senders{epoch: "bench-" + strconv.FormatInt(e.Now().UnixNano(), 36), now: e.Now}
	log := slog.New(slog.NewTextHandler(e.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for i, c := range f.credentials[:connections] {
		config, err := c.TLS()
		if err != nil {
			return nil, err
		}
		device := deviceID(i)
		s.all = append(s.all, &publisher{tls: config, payload: newPayload(device, s.epoch, e.Now()), client: mqttclient.New(mqttclient.Config{
			Address: f.tenant.GetMqttAddress(), TLS: config, ClientID: device, Window: inflight, Now: e.Now, OnAcks: s.settle,
		}, log)})
	}
	return s, nil
}

// deviceID names the devices of every run, so that a second run on the same installation finds them.
func deviceID(i int) string { return fmt.Sprintf("bench_%d", i) }

func (s *senders) settle(acks []mqttclient.Ack) {
	now := s.now().UnixNano()
	took := make([]time.Duration, 0, len(acks))
	for i := range acks {
		if acks[i].Refused() {
			s.refused.Add(1)
			continue
		}
		took = append(took, time.Duration(now-acks[i].Due))
	}
	s.acked.Add(uint64(len(took)))
	if now <= s.end.Load() {
		s.ackedInTime.Add(uint64(len(took)))
	}
	s.latency.Add(took...)
}

// connectTimeout is how long all connections may take to be made.
const connectTimeout = 2 * time.Minute

// connect makes every connection and waits until all are there, so that handshakes are no part of what is measured after.
func (s *senders) connect(ctx context.Context) error {
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	var conns sync.WaitGroup
	s.disconnect = func() { disconnect(); conns.Wait() }
	for _, p := range s.all {
		conns.Go(func() { _ = p.client.Run(connected) }) // a lost message shows as one that is not acknowledged
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for _, p := range s.all {
		for !p.client.Connected() {
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				s.disconnect()
				return fmt.Errorf("connect %d devices: %s", len(s.all), p.client.Stats().LastError)
			}
		}
	}
	return nil
}

// send has every connection send until end, waits for the last acknowledgements and disconnects.
func (s *senders) send(ctx context.Context, end time.Time, rate float64) {
	s.end.Store(end.UnixNano())
	var loops sync.WaitGroup
	begun := s.now()
	for i, p := range s.all {
		loops.Go(func() { s.publish(ctx, p, i, begun, end, rate) })
	}
	loops.Wait()
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	for _, p := range s.all {
		p.client.Drain(drain)
	}
	cancel()
	s.disconnect()
}

// publish sends one device's messages; with a rate each has its own time, which does not move when the server is slow.
func (s *senders) publish(ctx context.Context, p *publisher, turn int, begun, end time.Time, rate float64) {
	between := 0.0
	if rate > 0 {
		between = float64(len(s.all)) / rate * 1e9
	}
	for n := uint64(0); ; n++ {
		now := s.now()
		due := now
		if between > 0 {
			due = begun.Add(time.Duration(between * (float64(n) + float64(turn)/float64(len(s.all)))))
			if wait := due.Sub(now); wait > time.Millisecond {
				p.client.Flush()
				time.Sleep(wait)
			}
		}
		if due.After(end) || now.After(end) || ctx.Err() != nil {
			return
		}
		mark := mqttclient.Mark{Sequence: sent(n), EventTime: due.UnixNano(), Due: due.UnixNano()}
		if p.client.Publish("v1/telemetry", p.payload.next(due, n), mark) != nil {
			return
		}
	}
}
