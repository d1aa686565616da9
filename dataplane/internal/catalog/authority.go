package catalog

import (
	"crypto/x509"
	"slices"

	"github.com/millwright-io/millwright/tenancy"
)

// Authority is a CA of a tenant's own: devices with certificates that it issued itself are that tenant's.
type Authority struct {
	ID          string
	Certificate *x509.Certificate
	// FromURI: the device id is the last segment of the one URI's path; otherwise the common name.
	FromURI bool
	// Provisions: devices that do not exist are made when they first connect.
	Provisions bool
}

// Owner is a CA and the tenant whose it is.
type Owner struct {
	Tenant tenancy.ID
	Authority
}

// Owners returns the CAs of tenants' own with that subject. Names prove nothing: verify the signature.
func (c *Catalog) Owners(rawSubject []byte) []Owner {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.owners[string(rawSubject)]
}

// setOwners replaces a tenant's CAs in the index. The caller holds the lock. Slices are made anew: readers hold the old.
func (c *Catalog) setOwners(id tenancy.ID, old, now []Authority) {
	for _, a := range old {
		subject := string(a.Certificate.RawSubject)
		rest := slices.DeleteFunc(slices.Clone(c.owners[subject]), func(o Owner) bool { return o.Tenant == id })
		if c.owners[subject] = rest; len(rest) == 0 {
			delete(c.owners, subject)
		}
	}
	for _, a := range now {
		subject := string(a.Certificate.RawSubject)
		c.owners[subject] = append(slices.Clone(c.owners[subject]), Owner{id, a})
	}
}
