package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// sent is what a device knows of an event: whether it was told that it is stored.
type sent struct {
	event telemetry.Event
	acked bool
}

// kinds of devices: how they name their messages.
const (
	bySequence = iota
	byMessageID
	byContent
	poisonous // by sequence, under more names than it may use
	kinds
)

// device sends events, again and again until it is told that they are stored, and some of them once more.
type device struct {
	world  *world
	number int
	tenant tenancy.ID
	id     string
	next   uint64
	past   []telemetry.Event
}

// devices of a world: every kind once, over two tenants and both partitions.
func (w *world) devices() []*device {
	var list []*device
	for i := range kinds {
		list = append(list, &device{world: w, number: i, tenant: tenancy.ID([]string{"a", "b"}[i/2]), id: fmt.Sprintf("device%d", i)})
	}
	return list
}

func partitionOf(device string) uint16 { return uint16(device[len(device)-1]-'0') % partitions }

func identity(e *telemetry.Event) string {
	switch {
	case e.HasSequence:
		return fmt.Sprintf("%s/%s/%s/%d", e.Tenant, e.Device, e.Epoch, e.Sequence)
	case e.MessageID != "":
		return fmt.Sprintf("%s/%s/%s", e.Tenant, e.Device, e.MessageID)
	default:
		return fmt.Sprintf("%s/%s/%d/%x", e.Tenant, e.Device, e.Time, e.Hash)
	}
}

func (d *device) random(purpose string, n, below int) int {
	return int(d.world.plan.number(fmt.Sprintf("device%d %s", d.number, purpose), n) % uint64(below))
}

// run sends the plan's messages over the time of the traffic.
func (d *device) run() {
	gap := int(traffic) / (d.world.plan.sends + 1)
	for n := range d.world.plan.sends {
		d.world.sleep(time.Duration(d.random("gap", n, 2*gap)))
		var batch []telemetry.Event
		for i := range 1 + d.random("batch", n, 4) {
			if len(d.past) > 0 && d.random("again", 10*n+i, 5) == 0 {
				batch = append(batch, d.past[d.random("which", 10*n+i, len(d.past))])
			} else {
				batch = append(batch, d.event(10*n+i))
			}
		}
		if d.random("order", n, 3) == 0 {
			for i, j := 0, len(batch)-1; i < j; i, j = i+1, j-1 {
				batch[i], batch[j] = batch[j], batch[i]
			}
		}
		d.send(batch, n)
	}
}

// event makes an unsent event. Values are whole numbers, so that sums do not depend on the order of addition.
func (d *device) event(n int) telemetry.Event {
	d.world.mu.Lock()
	now := time.Now().Add(d.world.cellSkew).UnixNano()
	d.world.mu.Unlock()
	e := telemetry.Event{
		Tenant: d.tenant, Device: d.id, Size: 100, Hash: d.world.plan.number(d.id, n),
		Time: now - int64(d.random("age", n, int(3*time.Minute))),
	}
	if d.random("old", n/10, 8) == 0 { // the whole batch: it goes by the lane of devices that catch up
		e.Time -= int64(d.random("older", n, int(7*24*time.Hour)))
	}
	names := []string{"m0", "m1", "m2"}[:1+d.random("names", n, 3)]
	d.next++
	switch d.number {
	case poisonous:
		names = []string{"m0", fmt.Sprintf("m%d", 1+d.random("poison", n, 12))}
		fallthrough
	case bySequence:
		e.HasSequence, e.Epoch, e.Sequence = true, "boot", d.next
	case byMessageID:
		e.MessageID = fmt.Sprintf("message%d", d.next)
	}
	for i, name := range names {
		e.Names, e.Values = append(e.Names, name), append(e.Values, float64(d.random(name, 10*n+i, 1000)))
	}
	d.past = append(d.past, e)
	d.world.mu.Lock()
	d.world.sent[identity(&e)] = &sent{event: e}
	d.world.mu.Unlock()
	return e
}

// receipt of one batch.
type receipt struct {
	process *process
	done    chan error
}

func (r *receipt) Stored(_ uint64, err error) {
	if r.process.alive() {
		r.done <- err
	}
}
func (r *receipt) Flush() {}

// send tries until the batch is stored.
func (d *device) send(batch []telemetry.Event, n int) {
	w := d.world
	for try := 0; ; try++ {
		w.sleep(w.between(d.id+" retry", 100*n+try, time.Millisecond, time.Duration(1+min(try, 5))*400*time.Millisecond))
		w.mu.Lock()
		var p *process
		if len(w.processes) > 0 {
			p = w.processes[d.random("gateway", 100*n+try, len(w.processes))]
		}
		stopping, ready, now := w.stopping, p != nil && p.publisher != nil, time.Now().Add(w.cellSkew).UnixNano()
		w.mu.Unlock()
		if stopping {
			return
		}
		if !ready || !d.try(p, batch, now) {
			continue
		}
		w.mu.Lock()
		for i := range batch {
			w.sent[identity(&batch[i])].acked = true
		}
		w.mu.Unlock()
		return
	}
}

var errSilence = errors.New("nobody answers")

// try sends once and says whether the device was told that all is stored.
func (d *device) try(p *process, batch []telemetry.Event, now int64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	p.hold()
	events := append([]telemetry.Event(nil), batch...)
	for i := range events {
		events[i].Received = now
	}
	r := &receipt{p, make(chan error, 1)}
	if p.publisher.Append(ctx, int(partitionOf(d.id)), events, r, 0) != nil {
		return false
	}
	err := errSilence
	select {
	case err = <-r.done:
	case <-ctx.Done():
	}
	return err == nil
}
