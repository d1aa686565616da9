package limit

import (
	"context"
	"sync"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// remembered is how long a tenant's limits are used without asking: a changed one takes effect within that.
const remembered = 5 * time.Second

// Tenants knows tenants.
type Tenants interface {
	Tenant(ctx context.Context, id tenancy.ID) (tenant.Tenant, error)
}

// Requests remembers how many API requests a second each tenant may make, so that counting them asks the database once
// in a while only.
type Requests struct {
	tenants Tenants
	now     func() time.Time

	mu    sync.Mutex
	rates map[tenancy.ID]rate
}

type rate struct {
	perSecond int64
	at        time.Time
}

// NewRequests returns an empty memory.
func NewRequests(tenants Tenants, now func() time.Time) *Requests {
	return &Requests{tenants: tenants, now: now, rates: map[tenancy.ID]rate{}}
}

// PerSecond returns a tenant's rate. When the database is away, the last known one counts, else otherwise.
func (r *Requests) PerSecond(ctx context.Context, id tenancy.ID, otherwise int64) int64 {
	now := r.now()
	r.mu.Lock()
	known, ok := r.rates[id]
	if ok && now.Sub(known.at) >= remembered {
		// One caller asks, the others go on with what is known.
		r.rates[id] = rate{known.perSecond, now}
	}
	r.mu.Unlock()
	if ok && now.Sub(known.at) < remembered {
		return known.perSecond
	}
	t, err := r.tenants.Tenant(ctx, id)
	if err != nil {
		if ok {
			return known.perSecond
		}
		return otherwise
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rates[id] = rate{t.Limits.RequestsPerSecond, now}
	return t.Limits.RequestsPerSecond
}
