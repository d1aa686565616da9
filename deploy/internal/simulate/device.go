package simulate

import (
	"context"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/plant"
)

// topic is where a device publishes.
const topic = "v1/telemetry"

// device is one simulated device with its connection.
type device struct {
	id       string
	signals  *plant.Device
	epoch    string
	schedule schedule
	sender   sender
	totals   *totals

	mu sync.Mutex
	// again holds messages that a limit refused for now.
	again []mqttclient.Mark
	woken chan struct{}
	// historySent is closed when history is behind and acknowledged.
	historySent chan struct{}
}

const (
	// quotaExceeded and serverBusy ask to come again later; every other refusal is final.
	quotaExceeded = 0x97
	serverBusy    = 0x89
	// retryAfter is how long a refused message waits.
	retryAfter = 500 * time.Millisecond
	// spinBelow is how close events are sent together rather than waited for.
	spinBelow = time.Millisecond
)

// settle takes the answers to this device's messages.
func (d *device) settle(acks []mqttclient.Ack, now time.Time) {
	for i := range acks {
		a := &acks[i]
		switch {
		case !a.Refused():
			d.totals.acked(now.UnixNano() - a.Due)
			d.totals.file.line(d.id, d.epoch, a.Sequence, a.EventTime)
		case a.Code == quotaExceeded || a.Code == serverBusy:
			d.totals.refused(a.Code, a.Reason, true)
			d.mu.Lock()
			d.again = append(d.again, a.Mark)
			d.mu.Unlock()
			select {
			case d.woken <- struct{}{}:
			default:
			}
		default:
			d.totals.refused(a.Code, a.Reason, false)
		}
	}
}

// run sends the schedule until its end or until ctx is done, then waits for refused messages to be taken.
func (d *device) run(ctx context.Context, now func() time.Time) error {
	var buf []byte
	history := true
	for {
		e, ok := d.schedule.next()
		if history && (!ok || !e.history) {
			history = false
			if err := d.endHistory(ctx, &buf); err != nil {
				return err
			}
		}
		if !ok {
			return d.resend(ctx, &buf)
		}
		if err := d.waitUntil(ctx, e.due, now, &buf); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the run was told to end, which is no failure
		}
		sent := e.due
		if e.history {
			sent = now()
		}
		mark := mqttclient.Mark{Sequence: e.sequence, EventTime: e.at.UnixNano(), Due: sent.UnixNano()}
		if err := d.send(mark, &buf); err != nil {
			return err
		}
		d.totals.sent()
	}
}

func (d *device) send(mark mqttclient.Mark, buf *[]byte) error {
	*buf = d.signals.AppendPayload((*buf)[:0], d.id, time.Unix(0, mark.EventTime), d.epoch, mark.Sequence)
	return d.sender.Publish(topic, *buf, mark)
}

// waitUntil flushes and waits, sending refused messages again meanwhile.
func (d *device) waitUntil(ctx context.Context, due time.Time, now func() time.Time, buf *[]byte) error {
	for ctx.Err() == nil {
		wait := due.Sub(now())
		if wait <= spinBelow {
			return nil
		}
		d.sender.Flush()
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-d.woken:
			if err := d.sendAgain(ctx, buf); err != nil {
				return err
			}
		}
		timer.Stop()
	}
	return nil
}

func (d *device) sendAgain(ctx context.Context, buf *[]byte) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(retryAfter):
	}
	d.mu.Lock()
	marks := d.again
	d.again = nil
	d.mu.Unlock()
	for _, mark := range marks {
		if err := d.send(mark, buf); err != nil {
			return err
		}
	}
	d.sender.Flush()
	return nil
}

// resend goes on until no answer asks to come again.
func (d *device) resend(ctx context.Context, buf *[]byte) error {
	for ctx.Err() == nil {
		d.sender.Drain(ctx)
		d.mu.Lock()
		waiting := len(d.again)
		d.mu.Unlock()
		if waiting == 0 {
			return nil
		}
		if err := d.sendAgain(ctx, buf); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) endHistory(ctx context.Context, buf *[]byte) error {
	defer close(d.historySent)
	return d.resend(ctx, buf)
}
