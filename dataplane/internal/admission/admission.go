// Package admission holds each tenant to its events per second, before anything of it reaches what tenants share. The
// gateway imports it.
package admission

import (
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

// Limiter has a token bucket for each tenant, sized by the catalog. It is safe for concurrent use.
type Limiter struct {
	catalog *catalog.Catalog
	now     func() time.Time
	stop    func()

	mu      sync.RWMutex
	buckets map[tenancy.ID]*bucket
}

// New returns a limiter that follows the catalog until Close.
func New(cat *catalog.Catalog, now func() time.Time) *Limiter {
	l := &Limiter{catalog: cat, now: now, buckets: map[tenancy.ID]*bucket{}}
	l.stop = cat.OnChange(l.follow)
	return l
}

// Close stops following the catalog.
func (l *Limiter) Close() { l.stop() }

// TakeN admits n events of the tenant, all or none. The refusal is a *tenancy.LimitError that says when to try again.
// A batch larger than the burst is admitted when the bucket is full, and leaves it in debt: the rate holds over time.
func (l *Limiter) TakeN(tenant tenancy.ID, n int) error {
	_, err := l.ReserveN(tenant, n, 0)
	return err
}

// ReserveN admits n events if the tenant's rate allows them within the time most; the caller must wait as long as it
// returns before it uses them. Reservations are served in the order they are made.
func (l *Limiter) ReserveN(tenant tenancy.ID, n int, most time.Duration) (time.Duration, error) {
	b := l.bucket(tenant)
	if b == nil {
		return 0, &tenancy.LimitError{Limit: limitName, Scope: "tenant", Current: int64(n)}
	}
	return b.reserve(l.now(), n, most)
}

// bucket returns nil for a tenant that does not exist.
func (l *Limiter) bucket(tenant tenancy.ID) *bucket {
	l.mu.RLock()
	b := l.buckets[tenant]
	l.mu.RUnlock()
	if b != nil {
		return b
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if b = l.buckets[tenant]; b != nil {
		return b
	}
	// Read under the lock, so that a change that comes meanwhile finds the bucket.
	t, ok := l.catalog.Tenant(tenant)
	if !ok {
		return nil
	}
	b = newBucket(l.now(), t.Limits)
	l.buckets[tenant] = b
	return b
}

func (l *Limiter) follow(change catalog.Change) {
	if change.Device != "" || change.Type != "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[change.Tenant]
	if b == nil {
		return
	}
	t, ok := l.catalog.Tenant(change.Tenant)
	if !ok {
		delete(l.buckets, change.Tenant)
		return
	}
	b.resize(l.now(), t.Limits)
}
