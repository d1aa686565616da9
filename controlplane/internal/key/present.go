package key

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
)

// Authenticate returns whom a presented key speaks for, or an ErrUnauthenticated that does not tell an unknown key from
// a wrong secret.
func (s *Service) Authenticate(ctx context.Context, text, address string) (tenancy.Principal, error) {
	id, hash, err := tenancy.ParseKey(text)
	if err != nil {
		return tenancy.Principal{}, err
	}
	k, err := s.presented.PresentedKey(ctx, id)
	if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
		return tenancy.Principal{}, err
	}
	now := s.now()
	secret, ok := k.secret(hash[:])
	if err != nil || !ok {
		return tenancy.Principal{}, fmt.Errorf("the API key is unknown or revoked: %w", tenancy.ErrUnauthenticated)
	}
	if !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return tenancy.Principal{}, fmt.Errorf("the API key expired at %s: %w", k.ExpiresAt.UTC().Format(time.RFC3339), tenancy.ErrUnauthenticated)
	}
	if !secret.ExpiresAt.IsZero() && !now.Before(secret.ExpiresAt) {
		return tenancy.Principal{}, fmt.Errorf("the API key was rotated, and this secret ended at %s: use the newer one: %w", secret.ExpiresAt.UTC().Format(time.RFC3339), tenancy.ErrUnauthenticated)
	}
	s.uses.Seen(lastuse.Secret{Tenant: k.Tenant, Key: k.ID, Number: secret.Number}, now, address)
	return tenancy.Principal{
		Tenant: k.Tenant, Role: k.Role, Scopes: k.Scopes, Facilities: k.Facilities, Credential: tenancy.CredentialKey,
		Subject: k.ID, Actor: tenancy.KeyActor(k.ID, k.ServiceAccount),
	}, nil
}

// secret finds the one with that hash; it looks at all of them.
func (k Key) secret(hash []byte) (found Secret, ok bool) {
	for _, s := range k.Secrets {
		if subtle.ConstantTimeCompare(s.Hash, hash) == 1 {
			found, ok = s, true
		}
	}
	return found, ok
}
