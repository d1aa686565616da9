package rpc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// recheck is how often a live session is held against the catalog: a key that is gone, a role that changed.
const recheck = time.Second

// still returns nil while a caller who was let in may go on seeing devices live. A cell token that has ended meanwhile does not
// matter, for it only said who calls.
func (d Deps) still(ctx context.Context, p tenancy.Principal, devices []string) error {
	p, err := d.current(p)
	if err != nil {
		return fmt.Errorf("%s: %w", sentence(err), tenancy.ErrForbidden)
	}
	if err := d.Authorizer.Authorize(ctx, p, tenancy.ActionTelemetryRead); err != nil {
		return err
	}
	for _, device := range devices {
		found, ok := d.Catalog.Device(p.Tenant, device)
		if !ok || !p.Sees(found.Facility) {
			return fmt.Errorf("the device %s is out of your reach now: %w", device, tenancy.ErrForbidden)
		}
	}
	return nil
}

// current is the caller with the rights of now.
func (d Deps) current(p tenancy.Principal) (tenancy.Principal, error) {
	if d.Catalog.Retired(p.SigningKey) {
		return p, fmt.Errorf("the key that signed your cell token is retired, ask for a new token: %w", tenancy.ErrUnauthenticated)
	}
	if p.Credential == tenancy.CredentialKey || p.Origin == tenancy.CredentialKey {
		key, ok := d.Catalog.Key(p.Subject)
		if !ok || key.Tenant != p.Tenant {
			return p, fmt.Errorf("the API key is revoked: %w", tenancy.ErrUnauthenticated)
		}
		return withKey(d, p, key)
	}
	m, ok := d.Catalog.Member(p.Tenant, p.Subject)
	if !ok {
		return p, fmt.Errorf("you are no member of this organisation any more: %w", tenancy.ErrUnauthenticated)
	}
	p.Role, p.Facilities = m.Role, m.Facilities
	return p, nil
}

// sentence is an error of the kind unauthenticated without that word.
func sentence(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+tenancy.ErrUnauthenticated.Error())
}
