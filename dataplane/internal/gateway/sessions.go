package gateway

import (
	"context"
	"sync"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

// live is an open session of any protocol.
type live interface {
	// key says whose it is; of two of a tenant with the same key the later one stays.
	key() (tenancy.ID, sessionKey)
	// recheck ends the session if the catalog no longer admits its device.
	recheck()
	// drain takes nothing more, waits for the answers that are due, at most until ctx is done, and says goodbye.
	drain(ctx context.Context)
	// stop ends the reading at once.
	stop()
}

type sessionKey struct{ device, protocol, client string }

// sessions are all that are open.
type sessions struct {
	mu sync.Mutex
	by map[tenancy.ID]map[sessionKey]live
}

func newSessions() *sessions { return &sessions{by: map[tenancy.ID]map[sessionKey]live{}} }

// add returns the session that it takes the place of, or false when the tenant has too many.
func (r *sessions) add(s live, most int) (old live, ok bool) {
	tenant, key := s.key()
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.by[tenant]
	if of == nil {
		of = map[sessionKey]live{}
		r.by[tenant] = of
	}
	if old = of[key]; old == nil && len(of) >= most {
		return nil, false
	}
	of[key] = s
	return old, true
}

func (r *sessions) remove(s live) {
	tenant, key := s.key()
	r.mu.Lock()
	defer r.mu.Unlock()
	if of := r.by[tenant]; of[key] == s {
		delete(of, key)
		if len(of) == 0 {
			delete(r.by, tenant)
		}
	}
}

func (r *sessions) all() []live {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []live
	for _, of := range r.by {
		for _, s := range of {
			all = append(all, s)
		}
	}
	return all
}

func (r *sessions) count() map[tenancy.ID]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := make(map[tenancy.ID]int, len(r.by))
	for tenant, of := range r.by {
		counts[tenant] = len(of)
	}
	return counts
}

// of returns a tenant's sessions, or those of one device of it.
func (r *sessions) of(tenant tenancy.ID, device string) []live {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []live
	for key, s := range r.by[tenant] {
		if device == "" || key.device == device {
			some = append(some, s)
		}
	}
	return some
}

// admitsConnection registers a session, unless its tenant has as many as it may.
func (g *Gateway) admitsConnection(s live, limits catalog.Limits) (old live, err error) {
	most := min(g.cfg.ConnectionsPerTenant, limits.Connections)
	old, ok := g.sessions.add(s, most)
	if ok {
		return old, nil
	}
	tenant, _ := s.key()
	limit := &tenancy.LimitError{Limit: tenancy.LimitConnections, Scope: tenancy.ScopeTenant, Current: int64(most), Maximum: int64(most)}
	g.Refused(tenant, limit, 1)
	return nil, limit
}
