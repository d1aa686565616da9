package live

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// announced is how often a process says again whom its sessions watch; patience is how long that holds.
	announced = time.Second
	patience  = 3 * time.Second
)

// Watched is a device that somebody watches.
type Watched struct {
	Tenant tenancy.ID
	Device string
}

// Relayed is an update on its way to another process.
type Relayed struct {
	Tenant tenancy.ID
	Update
}

// Bus carries between the processes of a cell what their sessions watch, and updates for them.
type Bus interface {
	Announce(process string, devices []Watched) error
	Send(process string, updates []Relayed) error
	// Receive calls interest with what other processes announce and updates with what is sent to this one, until ctx is done.
	Receive(ctx context.Context, process string, interest func(process string, devices []Watched), updates func([]Relayed)) error
}

// Relay joins the hubs of a cell's processes: a session at one of them sees the events of a device whose partition another
// works on. What is lost on the way, or in the second in which a partition changes hands, is lost to the session.
type Relay struct {
	hub     *Hub
	bus     Bus
	process string
	log     *slog.Logger
	now     func() time.Time

	count  atomic.Int64
	mu     sync.RWMutex
	remote map[key]map[string]time.Time
}

// NewRelay returns a relay; process is a name that is new with every start.
func NewRelay(hub *Hub, bus Bus, process string, log *slog.Logger, now func() time.Time) *Relay {
	return &Relay{hub: hub, bus: bus, process: process, log: log, now: now, remote: map[key]map[string]time.Time{}}
}

// Publish hands events to those who watch them, here and at other processes.
func (r *Relay) Publish(rows []engine.EventRow) {
	r.hub.Publish(rows)
	if r.count.Load() == 0 {
		return
	}
	for process, updates := range r.gather(rows) {
		_ = r.bus.Send(process, updates) // a session may miss events
	}
}

func (r *Relay) gather(rows []engine.EventRow) map[string][]Relayed {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out map[string][]Relayed
	for _, row := range rows {
		e := row.Event
		for process := range r.remote[key{e.Tenant, e.Device}] {
			if out == nil {
				out = map[string][]Relayed{}
			}
			out[process] = append(out[process], Relayed{e.Tenant, Update{Device: e.Device, Time: e.Time, Received: e.Received, Names: e.Names, Values: e.Values}})
		}
	}
	return out
}

// Run relays until ctx is done.
func (r *Relay) Run(ctx context.Context) error {
	listening, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.bus.Receive(listening, r.process, r.heard, r.deliver) }()
	tick := time.NewTicker(announced)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			stop()
			return <-ended
		case err := <-ended:
			return err
		case <-r.hub.changed:
			r.announce()
		case <-tick.C:
			r.announce()
			r.expire()
		}
	}
}

func (r *Relay) announce() {
	if devices := r.hub.devices(); len(devices) > 0 {
		if err := r.bus.Announce(r.process, devices); err != nil {
			r.log.Debug("watched devices not announced", slog.Any("error", err))
		}
	}
}

func (r *Relay) heard(process string, devices []Watched) {
	if process == r.process {
		return
	}
	until := r.now().Add(patience)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range devices {
		k := key{d.Tenant, d.Device}
		if r.remote[k] == nil {
			r.remote[k] = map[string]time.Time{}
		}
		r.remote[k][process] = until
	}
	r.count.Store(int64(len(r.remote)))
}

func (r *Relay) expire() {
	if r.count.Load() == 0 {
		return
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, processes := range r.remote {
		for process, until := range processes {
			if now.After(until) {
				delete(processes, process)
			}
		}
		if len(processes) == 0 {
			delete(r.remote, k)
		}
	}
	r.count.Store(int64(len(r.remote)))
}

func (r *Relay) deliver(updates []Relayed) {
	for _, u := range updates {
		r.hub.offer(u.Tenant, u.Update)
	}
}
