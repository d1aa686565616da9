package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/latency"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// maxWatched is below the live sessions that a tenant may have.
const maxWatched = 100

type live struct {
	api      *rpc.Options
	devices  int
	rate     float64
	duration time.Duration
	asJSON   bool
}

// Live is the result of `bench live`.
type Live struct {
	Machine Machine `json:"machine"`
	Devices int     `json:"devices"`
	Seconds float64 `json:"seconds"`
	Acked   uint64  `json:"acked"`
	// Arrived were read from a WebSocket. Skipped is how many a slow reader did not get, as the cell itself says.
	Arrived uint64  `json:"arrived"`
	Skipped uint64  `json:"skipped"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
}

func liveFlags(fs *flag.FlagSet) *live {
	f := &live{api: rpc.KeyFlags(fs)}
	fs.IntVar(&f.devices, "devices", 10, "`number` of devices, each watched through its own WebSocket")
	fs.Float64Var(&f.rate, "rate", 100, "`events` a second over all devices")
	fs.DurationVar(&f.duration, "duration", 30*time.Second, "how long to send")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	return f
}

func (f *live) run(ctx context.Context, e command.Env) (err error) {
	if f.devices < 1 || f.devices > maxWatched || f.rate <= 0 || f.duration <= 0 || f.duration > time.Hour {
		return command.Usage("want 1 to %d --devices, --rate above 0, --duration up to 1h", maxWatched)
	}
	t, err := aim(ctx, e, f.api, "plant")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	senders, err := newSenders(ctx, t, e, f.devices, 256)
	if err != nil {
		return err
	}
	w, err := f.watch(ctx, t, e)
	if err != nil {
		return err
	}
	defer w.close()
	if err := senders.connect(ctx); err != nil {
		return err
	}
	begun := e.Now()
	senders.send(ctx, begun.Add(f.duration), f.rate)
	result := Live{Machine: machine(e.Now()), Devices: f.devices, Seconds: e.Now().Sub(begun).Seconds(), Acked: senders.acked.Load()}
	w.await(ctx, result.Acked, drainTimeout)
	result.Arrived, result.Skipped = w.latency.Count(), w.skipped.Load()
	result.P50, result.P99, result.Max = milliseconds(w.latency.Quantile(0.5)), milliseconds(w.latency.Quantile(0.99)), milliseconds(w.latency.Quantile(1))
	if err := report(e.Out, f.asJSON, result, result.table()); err != nil {
		return err
	}
	if result.Arrived+result.Skipped < result.Acked {
		return fmt.Errorf("%d events were acknowledged, %d arrived and %d were skipped", result.Acked, result.Arrived, result.Skipped)
	}
	return nil
}

func (r Live) table() []string {
	return []string{
		r.Machine.String(),
		fmt.Sprintf("%d devices, %d events acknowledged in %.1f s", r.Devices, r.Acked, r.Seconds), "",
		fmt.Sprintf("to the WebSocket  %8d events  p50 %.1f ms  p99 %.1f ms  max %.1f ms", r.Arrived, r.P50, r.P99, r.Max),
		fmt.Sprintf("skipped           %8d", r.Skipped),
	}
}

// watchers read the WebSockets.
type watchers struct {
	latency latency.Histogram
	skipped atomic.Uint64
	now     func() time.Time
	close   func()
}

// watch opens one WebSocket a device the way a browser does: with a cell token, beside the subprotocol.
func (f *live) watch(ctx context.Context, t *target, e command.Env) (*watchers, error) {
	api, err := rpc.Dial(t.Server, t.Key)
	if err != nil {
		return nil, err
	}
	session, err := api.Tenants.IssueCellToken(ctx, &tenantv1.IssueCellTokenRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	w := &watchers{now: e.Now}
	reading, cancel := context.WithCancel(ctx)
	var loops sync.WaitGroup
	w.close = func() { cancel(); loops.Wait() }
	for i := range f.devices {
		address := fmt.Sprintf("%s/ws/devices/%s/live", strings.TrimRight(session.GetCellUrl(), "/"), deviceID(i))
		conn, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{Subprotocols: []string{"millwright", "bearer." + session.GetToken()}})
		if res != nil && res.Body != nil {
			_ = res.Body.Close()
		}
		if err != nil {
			w.close()
			return nil, fmt.Errorf("watch %s: %w", address, err)
		}
		loops.Go(func() { w.read(reading, conn) })
	}
	return w, nil
}

// read takes events until it is told to stop or the connection is lost, which shows as events that did not arrive.
func (w *watchers) read(ctx context.Context, conn *websocket.Conn) {
	defer func() { _ = conn.CloseNow() }()
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		arrived := w.now()
		var event struct {
			Time   time.Time
			Missed uint64
		}
		if json.Unmarshal(data, &event) == nil {
			w.latency.Add(arrived.Sub(event.Time))
			w.skipped.Add(event.Missed)
		}
	}
}

// await gives what is on its way the time to come.
func (w *watchers) await(ctx context.Context, want uint64, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for w.latency.Count()+w.skipped.Load() < want {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
