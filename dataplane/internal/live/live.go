// Package live hands events to those who watch a device, right after the engine took them. It never holds the engine up:
// a watcher that is slow misses events and is told how many. The API subscribes, the composition root publishes.
package live

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// buffered is how many updates wait for a watcher.
	buffered = 256
	// again is when to try again who is refused: a session ends when somebody leaves a page.
	again = 5 * time.Second
)

// Update is one event. Names and Values are shared: read only.
type Update struct {
	Device         string
	Time, Received int64
	Names          []string
	Values         []float64
	// Missed counts the events left out before this one.
	Missed uint64
}

type key struct {
	tenant tenancy.ID
	device string
}

// Hub is safe for concurrent use.
type Hub struct {
	mu       sync.RWMutex
	watchers map[key]map[*Watch]struct{}
	tenants  map[tenancy.ID]int
	count    atomic.Int64
	// changed has a word when somebody watches anew.
	changed chan struct{}
	missed  atomic.Uint64
}

// New returns a hub that nobody watches.
func New() *Hub {
	return &Hub{watchers: map[key]map[*Watch]struct{}{}, tenants: map[tenancy.ID]int{}, changed: make(chan struct{}, 1)}
}

// Missed counts the events that were left out because a watcher was slow.
func (h *Hub) Missed() uint64 { return h.missed.Load() }

// Watching counts the watchers.
func (h *Hub) Watching() int { return int(h.count.Load()) }

// Watch is one subscription. Close it.
type Watch struct {
	hub     *Hub
	keys    []key
	updates chan Update
	missed  atomic.Uint64
	// cut is closed when the watcher is not to be served any more, after err was set.
	cut chan struct{}
	err error
}

// Cut is closed when the watcher is not to be served any more; Err then says why.
func (w *Watch) Cut() <-chan struct{} { return w.cut }

// Err says why the watch was cut.
func (w *Watch) Err() error {
	select {
	case <-w.cut:
		return w.err
	default:
		return nil
	}
}

// Updates yields events in order.
func (w *Watch) Updates() <-chan Update { return w.updates }

// Sessions counts the watchers of each tenant that has any.
func (h *Hub) Sessions() map[tenancy.ID]int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return maps.Clone(h.tenants)
}

// Watch subscribes to devices of a tenant that may have most watchers at once.
func (h *Hub) Watch(tenant tenancy.ID, devices []string, most int) (*Watch, error) {
	w := &Watch{hub: h, updates: make(chan Update, buffered), cut: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := h.tenants[tenant]; n >= most {
		return nil, fmt.Errorf("watch: %w", &tenancy.LimitError{
			Limit: tenancy.LimitLiveSessions, Scope: tenancy.ScopeTenant, Current: int64(n), Maximum: int64(most), RetryAfter: again,
		})
	}
	h.tenants[tenant]++
	h.count.Add(1)
	for _, device := range devices {
		k := key{tenant, device}
		if h.watchers[k] == nil {
			h.watchers[k] = map[*Watch]struct{}{}
		}
		h.watchers[k][w] = struct{}{}
		w.keys = append(w.keys, k)
	}
	select {
	case h.changed <- struct{}{}:
	default:
	}
	return w, nil
}

// devices are those that somebody watches.
func (h *Hub) devices() []Watched {
	if h.count.Load() == 0 {
		return nil
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	list := make([]Watched, 0, len(h.watchers))
	for k := range h.watchers {
		list = append(list, Watched{k.tenant, k.device})
	}
	return list
}

// offer hands an update to those who watch its device here.
func (h *Hub) offer(tenant tenancy.ID, u Update) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for w := range h.watchers[key{tenant, u.Device}] {
		w.offer(u)
	}
}

// Cut ends every subscription of a tenant: its watchers find err and close.
func (h *Hub) Cut(tenant tenancy.ID, err error) {
	if h.count.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, watchers := range h.watchers {
		if k.tenant != tenant {
			continue
		}
		for w := range watchers {
			if w.err == nil {
				w.err = err
				close(w.cut)
			}
		}
	}
}

// Close ends the subscription; calling it again does nothing.
func (w *Watch) Close() {
	h := w.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if w.keys == nil {
		return
	}
	for _, k := range w.keys {
		delete(h.watchers[k], w)
		if len(h.watchers[k]) == 0 {
			delete(h.watchers, k)
		}
	}
	tenant := w.keys[0].tenant
	if h.tenants[tenant]--; h.tenants[tenant] == 0 {
		delete(h.tenants, tenant)
	}
	h.count.Add(-1)
	w.keys = nil
}

// Publish hands events to their watchers. It does not block, and costs nothing when nobody watches.
func (h *Hub) Publish(rows []engine.EventRow) {
	if h.count.Load() == 0 {
		return
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, row := range rows {
		e := row.Event
		for w := range h.watchers[key{e.Tenant, e.Device}] {
			w.offer(Update{Device: e.Device, Time: e.Time, Received: e.Received, Names: e.Names, Values: e.Values})
		}
	}
}

func (w *Watch) offer(u Update) {
	u.Missed = w.missed.Swap(0)
	select {
	case w.updates <- u:
	default:
		w.hub.missed.Add(1)
		w.missed.Add(u.Missed + 1)
	}
}
