package bench

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/latency"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1/telemetryv1connect"
	"github.com/millwright-io/millwright/tenancy"
)

// devicesOfVictim is how many devices share what a victim sends.
const devicesOfVictim = 2

// The sorts of halves.
const (
	neither = iota
	alone
	beside
)

// half is what came of the messages and queries that were due in the halves of one sort.
type half struct {
	ack, query latency.Histogram
	// refused counts messages, failed queries; reason is why the last of them was.
	refused, failed atomic.Uint64
	reason          atomic.Pointer[string]
}

func (h *half) result() Half {
	r := Half{
		Acks: h.ack.Count(), AckP50: milliseconds(h.ack.Quantile(0.5)), AckP99: milliseconds(h.ack.Quantile(0.99)),
		Queries: h.query.Count(), QueryP50: milliseconds(h.query.Quantile(0.5)), QueryP99: milliseconds(h.query.Quantile(0.99)),
		Refused: h.refused.Load(), Failed: h.failed.Load(),
	}
	if reason := h.reason.Load(); reason != nil {
		r.Reason = *reason
	}
	return r
}

// victims are the tenants within their quota. They send and ask from start to stop, and count by the half in which
// something was due.
type victims struct {
	all    []*victim
	epoch  string
	now    func() time.Time
	halves [3]half
	// turns are the spans of time of the halves, newest last.
	mu     sync.Mutex
	turns  []turn
	cancel context.CancelFunc
	loops  sync.WaitGroup
	conns  sync.WaitGroup
	asking sync.WaitGroup
	// disconnect ends the devices' connections.
	disconnect context.CancelFunc
	sent       atomic.Uint64
	answered   atomic.Uint64
}

type turn struct {
	sort     int
	from, to time.Time
}

type victim struct {
	*organisation
	cell    telemetryv1connect.TelemetryServiceClient
	clients []*mqttclient.Client
	acked   acked
}

func newVictims(ctx context.Context, server string, operator *rpc.Client, count int, e command.Env) (*victims, error) {
	v := &victims{epoch: "bench-" + strconv.FormatInt(e.Now().UnixNano(), 36), now: e.Now}
	log := slog.New(slog.NewTextHandler(e.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for i := range count {
		o, err := found(ctx, server, operator, fmt.Sprintf("Victim %d", i), devicesOfVictim)
		if err != nil {
			return nil, err
		}
		one := &victim{organisation: o}
		if one.cell, err = o.api.Cell(ctx); err != nil {
			return nil, err
		}
		for j, c := range o.credentials {
			config, err := c.TLS()
			if err != nil {
				return nil, err
			}
			device := o.devices[j].ID
			one.clients = append(one.clients, mqttclient.New(mqttclient.Config{
				Address: o.tenant.GetMqttAddress(), TLS: config, ClientID: device, Version: mqttclient.V5, Window: 1024, Now: e.Now,
				OnAcks: func(acks []mqttclient.Ack) { v.settle(one, device, acks) },
			}, log))
		}
		if err := o.limit(ctx, operator, quota); err != nil {
			return nil, err
		}
		v.all = append(v.all, one)
	}
	return v, nil
}

func (v *victims) settle(of *victim, device string, acks []mqttclient.Ack) {
	now := v.now()
	for _, a := range acks {
		v.answered.Add(1)
		due := time.Unix(0, a.Due)
		if a.Refused() {
			h := v.half(due)
			h.refused.Add(1)
			h.reason.Store(&a.Reason)
			continue
		}
		of.acked.add(device, a.Sequence)
		v.half(due).ack.Add(now.Sub(due))
	}
}

// half is where something that was due then counts.
func (v *victims) half(due time.Time) *half {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := len(v.turns) - 1; i >= 0; i-- {
		if t := v.turns[i]; !due.Before(t.from) && due.Before(t.to) {
			return &v.halves[t.sort]
		}
	}
	return &v.halves[neither]
}

// during counts what is due from now on for a while as one sort.
func (v *victims) during(ctx context.Context, sort int, d time.Duration) error {
	now := v.now()
	v.mu.Lock()
	v.turns = append(v.turns, turn{sort, now, now.Add(d)})
	v.mu.Unlock()
	return pause(ctx, d)
}

// start sends and asks until stop.
func (v *victims) start(ctx context.Context) {
	running, cancel := context.WithCancel(ctx)
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	v.cancel, v.disconnect = cancel, disconnect
	begun := v.now()
	eventsEvery := time.Duration(devicesOfVictim / (victimShare * float64(quota[tenancy.LimitEventsPerSecond])) * float64(time.Second))
	queriesEvery := time.Duration(1 / (victimShare * float64(quota[tenancy.LimitRequestsPerSecond])) * float64(time.Second))
	for i, one := range v.all {
		// Tenants and devices take turns within an interval.
		share := float64(i) / float64(len(v.all))
		for j, client := range one.clients {
			v.conns.Go(func() { _ = client.Run(connected) }) // what it loses shows as not answered
			first := begun.Add(time.Duration((share + float64(j)) / devicesOfVictim * float64(eventsEvery)))
			p := newPayload(one.devices[j].ID, v.epoch, begun)
			v.loops.Go(func() {
				v.every(running, first, eventsEvery, func(due time.Time, n uint64) {
					mark := mqttclient.Mark{Sequence: sent(n), EventTime: due.UnixNano(), Due: due.UnixNano()}
					if client.Publish("v1/telemetry", p.next(due, n), mark) == nil {
						v.sent.Add(1)
						client.Flush()
					}
				})
			})
		}
		v.loops.Go(func() {
			v.every(running, begun.Add(time.Duration(share*float64(queriesEvery))), queriesEvery, func(due time.Time, n uint64) {
				v.asking.Go(func() { v.ask(running, one, due, n) })
			})
		})
	}
}

// every does something when it is due, whatever became of the last.
func (v *victims) every(ctx context.Context, first time.Time, interval time.Duration, do func(due time.Time, n uint64)) {
	for n := uint64(0); ; n++ {
		due := first.Add(time.Duration(n) * interval)
		if wait := due.Sub(v.now()); wait > 0 && pause(ctx, wait) != nil || ctx.Err() != nil {
			return
		}
		do(due, n)
	}
}

// ask asks as the console does: a device's last minutes, or the newest values.
func (v *victims) ask(ctx context.Context, of *victim, due time.Time, n uint64) {
	var err error
	if n%2 == 0 {
		_, err = of.cell.Query(ctx, &telemetryv1.QueryRequest{DeviceId: of.devices[0].ID, Start: timestamppb.New(due.Add(-5 * time.Minute)), End: timestamppb.New(due)})
	} else {
		_, err = of.cell.Latest(ctx, &telemetryv1.LatestRequest{})
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		h, reason := v.half(due), rpc.Explain(err).Error()
		h.failed.Add(1)
		h.reason.Store(&reason)
		return
	}
	v.half(due).query.Add(v.now().Sub(due))
}

// drain ends sending and waits for the last answers.
func (v *victims) drain(ctx context.Context) {
	v.cancel()
	v.loops.Wait()
	v.asking.Wait()
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	for _, one := range v.all {
		for _, client := range one.clients {
			client.Drain(ctx)
		}
	}
}

func (v *victims) stop() {
	v.cancel()
	v.loops.Wait()
	v.asking.Wait()
	v.disconnect()
	v.conns.Wait()
}

// compare waits until as many events are stored as were acknowledged, then compares one by one.
func (v *victims) compare(ctx context.Context) (Lost, error) {
	lost := Lost{Unanswered: v.sent.Load() - v.answered.Load()}
	for _, one := range v.all {
		t := target{access: one.store}
		want := one.acked.count()
		if _, err := t.awaitRows(ctx, v.epoch, want, v.now); err != nil {
			return lost, err
		}
		missing, twice, err := one.acked.compare(ctx, t.access, v.epoch)
		if err != nil {
			return lost, err
		}
		lost.Acked, lost.Missing, lost.Duplicate = lost.Acked+want, lost.Missing+missing, lost.Duplicate+twice
	}
	return lost, nil
}
