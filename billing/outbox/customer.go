package outbox

import (
	"context"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Customers see to it that tenants are known to the provider.
type Customers struct {
	store    Accounts
	provider Provider
	now      func() time.Time
}

// NewCustomers returns them; now is the wall clock.
func NewCustomers(store Accounts, provider Provider, now func() time.Time) *Customers {
	return &Customers{store: store, provider: provider, now: now}
}

// Customer returns the provider's name of a tenant, which it makes there if need be.
func (c *Customers) Customer(ctx context.Context, id tenancy.ID) (string, error) {
	return c.customer(ctx, string(id), c.now(), func(string) {})
}

func tenantOf(id string) tenancy.ID { return tenancy.ID(id) }
