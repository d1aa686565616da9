package gateway

import (
	"sync"
	"sync/atomic"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// standing is who a session is of and what the catalog holds that device to now.
type standing struct {
	id       Identity
	schema   atomic.Pointer[telemetry.Schema]
	policy   atomic.Pointer[catalog.Policy]
	checking sync.Mutex
}

// check asks the catalog whether the device is still admitted, and takes up what its groups and the schema of its type hold it to.
func (s *standing) check(g *Gateway) error {
	s.checking.Lock() // of two that ask, the later one has the later answer
	defer s.checking.Unlock()
	id := s.id
	if d, ok := g.Catalog.Device(id.Tenant, id.Device); ok {
		s.policy.Store(g.Catalog.Policy(d))
	}
	if err := g.admitted(&id); err != nil {
		return err
	}
	s.schema.Store(id.Schema)
	return nil
}

// recheck follows the catalog.
func (g *Gateway) recheck(change catalog.Change) {
	for _, s := range g.sessions.of(change.Tenant, change.Device) {
		s.recheck()
	}
}
