// Package simulate runs a plant of simulated devices against a gateway: the `simulate` verb. Each device has its own
// certificate and its own connection, sends on time whether or not the server keeps up, and resends what was not
// acknowledged. The demo starts it as a child; the binary imports it for its verb.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/plant"
)

// Config says what to simulate.
type Config struct {
	Seed uint64
	// Rate is events per second of all devices together; 0 for each type's own interval.
	Rate float64
	// Duration is how long to send; 0 until ctx ends.
	Duration time.Duration
	// Speed is how many times as fast simulated time runs until it has caught up with the clock.
	Speed float64
	// Start is where simulated time begins; zero: now, or with Speed above 1 so early that it catches up at the end.
	Start time.Time
	// Backfill is how much history is sent first.
	Backfill time.Duration
	// Grace is how long to wait for acknowledgements after the end.
	Grace time.Duration
	// Protocol is mqtt, mqtt5, ws, nats or http.
	Protocol string
	Window   int
	// Acks is the file of acknowledged events; empty for none.
	Acks string
	// EST is where certificates are renewed from two thirds of their life on; empty: they are not.
	EST    string
	Target Target
}

// Target is where the cell listens for devices.
type Target struct {
	MQTT, WebSocket, NATS, Ingest string
}

// Member is one device to simulate and what it connects with.
type Member struct {
	ID          string
	Signals     *plant.Device
	Credentials enrol.Credentials
	// Dir is where renewed credentials are kept; empty: nowhere.
	Dir string
}

// ErrIncomplete says that not everything sent was acknowledged. It was printed.
var ErrIncomplete = errors.New("not every event was acknowledged")

// interruptGrace is how long an interrupted run waits for acknowledgements.
const interruptGrace = 5 * time.Second

// Run simulates until the duration is over or ctx is done, and prints progress and a summary. It returns ErrIncomplete
// when something sent was not acknowledged within the grace, unless ctx was done.
func Run(ctx context.Context, cfg Config, members []Member, out io.Writer, now func() time.Time, log *slog.Logger) error {
	file, err := openAckFile(cfg.Acks)
	if err != nil {
		return err
	}
	r := &run{cfg: cfg, out: out, now: now, log: log, totals: newTotals(file)}
	err = r.build(members)
	if err == nil {
		err = r.simulate(ctx)
	}
	if closed := file.close(); err == nil {
		err = closed
	}
	return err
}

type run struct {
	cfg      Config
	out      io.Writer
	now      func() time.Time
	log      *slog.Logger
	totals   *totals
	devices  []*device
	renewals []*renewal
	// unfinished counts devices that could not send their whole schedule.
	unfinished atomic.Int64
}

func (r *run) build(members []Member) error {
	start := r.now()
	clock := clock{start: start, base: r.cfg.Start, speed: r.cfg.Speed}
	if clock.base.IsZero() {
		clock.base = start
		if r.cfg.Speed > 1 {
			clock.base = start.Add(-time.Duration(float64(r.cfg.Duration) * (r.cfg.Speed - 1)))
		}
	}
	var end time.Time
	if r.cfg.Duration > 0 {
		end = start.Add(r.cfg.Duration)
	}
	for i, m := range members {
		d := &device{id: m.ID, signals: m.Signals, totals: r.totals, woken: make(chan struct{}, 1), historySent: make(chan struct{})}
		own := newNatural(m.Signals, clock, r.cfg.Backfill, end)
		d.epoch, d.schedule = naturalEpoch(r.cfg.Seed), own
		if r.cfg.Rate > 0 {
			d.epoch = pacedEpoch(r.cfg.Seed, clock.base)
			d.schedule = &paced{history: own, clock: clock, between: 1e9 / r.cfg.Rate, turn: i, devices: len(members), end: end}
		}
		s, err := r.sender(m, d)
		if err != nil {
			return fmt.Errorf("device %s: %w", m.ID, err)
		}
		d.sender = s
		r.devices = append(r.devices, d)
	}
	return nil
}

func (r *run) sender(m Member, d *device) (sender, error) {
	wallet, config, err := newWallet(m)
	if err != nil {
		return nil, err
	}
	if r.cfg.EST != "" {
		r.renewals = append(r.renewals, &renewal{wallet: wallet, url: r.cfg.EST, now: r.now, log: r.log, renewed: func() {
			if d.sender != nil {
				d.sender.Reconnect()
			}
		}})
	}
	settle := func(acks []mqttclient.Ack) { d.settle(acks, r.now()) }
	if r.cfg.Protocol == "http" {
		return newHTTPSender(r.cfg.Target.Ingest, config, r.now, r.log, settle), nil
	}
	if r.cfg.Protocol == "nats" {
		return newNATSSender(r.cfg.Target.NATS, config, r.cfg.Window, r.cfg.Duration == 0, r.log, settle), nil
	}
	c := mqttclient.Config{
		Address: r.cfg.Target.MQTT, TLS: config, ClientID: m.ID, Window: r.cfg.Window, OnAcks: settle, Now: r.now,
	}
	switch r.cfg.Protocol {
	case "mqtt5":
		c.Version = mqttclient.V5
	case "ws":
		c.Address = r.cfg.Target.WebSocket
	}
	if r.cfg.Duration == 0 { // a demo outlives suspensions
		c.GiveUpAfter = 100 * 365 * 24 * time.Hour
	}
	return mqttclient.New(c, r.log), nil
}

func (r *run) simulate(ctx context.Context) error {
	// The connections outlive ctx, so that what is in flight can still be acknowledged.
	connCtx, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	defer disconnect()
	var conns, loops sync.WaitGroup
	for _, d := range r.devices {
		conns.Go(func() {
			if err := d.sender.Run(connCtx); err != nil {
				_, _ = fmt.Fprintf(r.out, "device %s gave up: %s\n", d.id, err)
			}
		})
		loops.Go(func() {
			if d.run(ctx, r.now) != nil { // its connection ended, which was reported where it did
				r.unfinished.Add(1)
			}
		})
	}
	for _, renewal := range r.renewals {
		conns.Go(func() { renewal.run(connCtx) })
	}
	progressCtx, stopProgress := context.WithCancel(connCtx)
	var printing sync.WaitGroup
	printing.Go(func() { r.progress(progressCtx) })
	if r.cfg.Backfill > 0 {
		printing.Go(func() { r.awaitHistory(progressCtx) })
	}

	sent := make(chan struct{})
	go func() { defer close(sent); loops.Wait() }()
	r.awaitLoops(ctx, sent, disconnect)
	r.drain(ctx)
	stopProgress()
	printing.Wait()
	disconnect()
	conns.Wait()
	r.totals.summary(r.out, r.resent())
	return r.verdict(ctx)
}

func (r *run) verdict(ctx context.Context) error {
	missing, unfinished := r.totals.sentCount.Load()-r.totals.ackCount.Load(), r.unfinished.Load()
	if ctx.Err() != nil || missing == 0 && unfinished == 0 {
		return nil //nolint:nilerr // the run was told to end, which is no failure
	}
	_, _ = fmt.Fprintf(r.out, "%d events were not acknowledged, %d devices could not send all they had\n", missing, unfinished)
	return ErrIncomplete
}

// awaitLoops returns when every device has sent its last event. A device that cannot send (no connection, full window)
// gets the grace after the end, then its connection is taken away.
func (r *run) awaitLoops(ctx context.Context, sent <-chan struct{}, disconnect func()) {
	var late <-chan time.Time
	if r.cfg.Duration > 0 {
		timer := time.NewTimer(r.cfg.Duration + r.cfg.Grace)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-sent:
		return
	case <-late:
	case <-ctx.Done():
		select {
		case <-sent:
			return
		case <-time.After(interruptGrace):
		}
	}
	disconnect()
	<-sent
}

// drain waits for the last acknowledgements.
func (r *run) drain(ctx context.Context) {
	grace := r.cfg.Grace
	if ctx.Err() != nil {
		grace = interruptGrace
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for _, d := range r.devices {
		d.sender.Drain(ctx)
	}
}

func (r *run) resent() uint64 {
	var n uint64
	for _, d := range r.devices {
		n += d.sender.Stats().Resent
	}
	return n
}
