package bench

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

const (
	// askPause is between two questions: two callers without pause would keep both cores from answering.
	askPause = time.Millisecond
	// forGood is how many refusals in a row are the end of a right.
	forGood = 5
)

// asking is an API key that planes are asked with all the time.
type asking struct {
	now    func() time.Time
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu     sync.Mutex
	last   time.Time
	reason string
	failed error
}

// controlPlane and cellPlane are what can be asked.
const (
	controlPlane = "control plane"
	cellPlane    = "cell"
)

// startAsking asks until the planes refuse for good; none named: both. It returns once each has answered.
func startAsking(ctx context.Context, s *scene, key string, only ...string) (*asking, error) {
	api, err := rpc.Dial(s.target.Server, key)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &asking{now: s.env.Now, cancel: cancel}
	cell, err := api.Cell(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	planes := map[string]func(context.Context) error{
		controlPlane: func(ctx context.Context) error {
			_, err := api.Devices.List(ctx, &devicev1.ListRequest{PageSize: 1})
			return err
		},
		cellPlane: func(ctx context.Context) error {
			_, err := cell.Latest(ctx, &telemetryv1.LatestRequest{DeviceIds: []string{"nobody"}})
			return err
		},
	}
	if len(only) > 0 {
		maps.DeleteFunc(planes, func(plane string, _ func(context.Context) error) bool { return !slices.Contains(only, plane) })
	}
	for plane, ask := range planes {
		if err := ask(ctx); err != nil {
			cancel()
			return nil, fmt.Errorf("ask the %s: %w", plane, rpc.Explain(err))
		}
	}
	for _, ask := range planes {
		a.group.Go(func() { a.ask(ctx, ask) })
	}
	return a, nil
}

func (a *asking) ask(ctx context.Context, ask func(context.Context) error) {
	for refused := 0; refused < forGood; {
		err := ask(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
			refused = 0
			a.mu.Lock()
			a.last = a.now()
			a.mu.Unlock()
		case rpc.Refused(err):
			refused++
			a.mu.Lock()
			a.reason = rpc.Explain(err).Error()
			a.mu.Unlock()
		default:
			a.mu.Lock()
			a.failed = rpc.Explain(err)
			a.mu.Unlock()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(askPause):
		}
	}
}

// refused waits until both planes refuse for good.
func (a *asking) refused(ctx context.Context) (last time.Time, reason string, err error) {
	done := make(chan struct{})
	go func() { // ends with stop at the latest
		a.group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return last, "", fmt.Errorf("the key still works: %w", ctx.Err())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, a.reason, a.failed
}

func (a *asking) stop() {
	a.cancel()
	a.group.Wait()
}
