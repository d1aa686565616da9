package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errCrowded refuses a device beyond the bound.
var errCrowded = errors.New("messages of too many devices wait here: raise --devices, or wait until the cell has taken some")

// counts are figures since the start.
type counts struct {
	taken, turnedAway, forwarded, letters, refused, aside atomic.Uint64
}

// fleet has a lane for each device that something waits of, or came from since the start.
type fleet struct {
	store  *store
	uplink *uplink
	most   int
	counts *counts
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // lanes begin when devices do, and end with the fleet
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu    sync.Mutex
	lanes map[string]*lane
}

func newFleet(store *store, up *uplink, most int, counts *counts, log *slog.Logger) *fleet {
	f := &fleet{store: store, uplink: up, most: most, counts: counts, log: log, lanes: map[string]*lane{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// resume begins with what an earlier run left.
func (f *fleet) resume(ctx context.Context) error {
	devices, err := f.store.devices(ctx)
	if err != nil {
		return err
	}
	if len(devices) > f.most {
		return fmt.Errorf("messages of %d devices wait in the store and --devices allows %d: raise it", len(devices), f.most)
	}
	for _, device := range devices {
		l, err := f.lane(device)
		if err != nil {
			return err
		}
		l.wake()
	}
	return nil
}

// lane returns a device's.
func (f *fleet) lane(device string) (*lane, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lanes[device]
	if l != nil {
		return l, nil
	}
	if len(f.lanes) >= f.most {
		return nil, errCrowded
	}
	l = &lane{device: device, store: f.store, uplink: f.uplink, counts: f.counts, log: f.log, work: make(chan struct{}, 1)}
	f.lanes[device] = l
	f.all.Go(func() { l.run(f.ctx) })
	return l, nil
}

// held are the devices whose messages the cell does not take now.
func (f *fleet) held() (devices []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, l := range f.lanes {
		if l.holding() != "" {
			devices = append(devices, name)
		}
	}
	slices.Sort(devices)
	return devices
}

// stop ends all lanes, each after the answers that are due, at most within the time.
func (f *fleet) stop(within time.Duration) {
	f.cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); f.all.Wait() }()
	select {
	case <-ended:
	case <-time.After(within):
	}
}
