package warehouse

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gate lets statements through while it is open, and lets one caller shut it when the last of them has left.
type gate struct {
	mu     sync.Mutex
	inside int
	opened chan struct{} // closed while the gate is open
	empty  chan struct{} // not nil while someone waits for the last to leave
}

func newGate() gate {
	opened := make(chan struct{})
	close(opened)
	return gate{opened: opened}
}

func (g *gate) enter(ctx context.Context) error {
	for {
		g.mu.Lock()
		opened := g.opened
		select {
		case <-opened:
			g.inside++
			g.mu.Unlock()
			return nil
		default:
		}
		g.mu.Unlock()
		select {
		case <-opened:
		case <-ctx.Done():
			return exception(codeAborted, "ABORTED", "The client went away while its statement waited for the engine")
		}
	}
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// shut closes the gate and waits until nobody is inside. After patience it calls hurry, once, and waits as long again.
func (g *gate) shut(patience time.Duration, hurry func()) error {
	g.mu.Lock()
	g.opened = make(chan struct{})
	if g.inside == 0 {
		g.mu.Unlock()
		return nil
	}
	empty := make(chan struct{})
	g.empty = empty
	g.mu.Unlock()
	for _, act := range []func(){hurry, nil} {
		timer := time.NewTimer(patience)
		select {
		case <-empty:
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if act != nil {
			act()
		}
	}
	g.open()
	return errors.New("statements of the ClickHouse engine did not end in time, though cancelled")
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.empty = nil
	select {
	case <-g.opened:
	default:
		close(g.opened)
	}
}
