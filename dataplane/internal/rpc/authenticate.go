package rpc

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
	tenancyrpc "github.com/millwright-io/millwright/tenancy/rpc"
	"github.com/millwright-io/millwright/tenancy/token"
)

// authenticator takes API keys and cell tokens. Either says who calls; what they may do is what the catalog says now, so
// that a change takes effect with the next request and a token gives nobody what they have lost.
func authenticator(deps Deps) tenancyrpc.Authenticator {
	verifier := token.NewVerifier(deps.Cell, func(id string) (ed25519.PublicKey, bool) {
		key, ok := deps.Catalog.Verifier(id)
		return ed25519.PublicKey(key), ok
	}, deps.Now)
	return func(_ context.Context, header http.Header, address string) (tenancy.Principal, error) {
		bearer := tenancyrpc.Bearer(header)
		if bearer == "" {
			return tenancy.Principal{}, fmt.Errorf("no credential: send Authorization: Bearer with an API key or a cell token: %w", tenancy.ErrUnauthenticated)
		}
		p, err := principal(deps, verifier, bearer, address)
		if err != nil {
			return tenancy.Principal{}, err
		}
		if p.Operator {
			return p, nil
		}
		t, ok := deps.Catalog.Tenant(p.Tenant)
		if !ok {
			return tenancy.Principal{}, fmt.Errorf("the organisation is not in this cell: %w", tenancy.ErrUnauthenticated)
		}
		if refusal := t.Refusal(); refusal != "" {
			return tenancy.Principal{}, fmt.Errorf("%s: %w", refusal, tenancy.ErrForbidden)
		}
		p.SecondFactorMissing = t.SecondFactorRequired && p.Origin == tenancy.CredentialSession && !p.SecondFactor
		return p, nil
	}
}

func principal(deps Deps, verifier *token.Verifier, bearer, address string) (tenancy.Principal, error) {
	if strings.HasPrefix(bearer, tenancy.KeyPrefix) {
		key, secret, ok := deps.Catalog.PresentedKey(bearer)
		if !ok {
			return tenancy.Principal{}, fmt.Errorf("the API key is unknown or revoked: %w", tenancy.ErrUnauthenticated)
		}
		if over(deps, secret.ExpiresAt) {
			return tenancy.Principal{}, fmt.Errorf("the API key was rotated, and this secret has ended: use the newer one: %w", tenancy.ErrUnauthenticated)
		}
		p := tenancy.Principal{Tenant: key.Tenant, Subject: key.ID, Credential: tenancy.CredentialKey, Actor: tenancy.KeyActor(key.ID, key.ServiceAccount)}
		p, err := withKey(deps, p, key)
		if err == nil && deps.KeyUsed != nil {
			deps.KeyUsed(lastuse.Secret{Tenant: key.Tenant, Key: key.ID, Number: secret.Number}, deps.Now(), address)
		}
		return p, err
	}
	p, err := verifier.Verify(bearer)
	if err != nil {
		return tenancy.Principal{}, err
	}
	if p.Operator { // for no tenant: only what is the platform's is open
		return p, nil
	}
	if p.Origin == tenancy.CredentialKey {
		key, ok := deps.Catalog.Key(p.Subject)
		if !ok || key.Tenant != p.Tenant {
			return tenancy.Principal{}, fmt.Errorf("the API key that this token was issued for is revoked: %w", tenancy.ErrUnauthenticated)
		}
		return withKey(deps, p, key)
	}
	m, ok := deps.Catalog.AwaitMember(p.Tenant, p.Subject)
	if !ok {
		return tenancy.Principal{}, fmt.Errorf("you are no member of this organisation any more: %w", tenancy.ErrUnauthenticated)
	}
	p.Role, p.Facilities = m.Role, m.Facilities
	return p, nil
}

// withKey gives a caller what a key may do.
func withKey(deps Deps, p tenancy.Principal, key catalog.Key) (tenancy.Principal, error) {
	if over(deps, key.ExpiresAt) {
		return tenancy.Principal{}, fmt.Errorf("the API key has expired: make a new one: %w", tenancy.ErrUnauthenticated)
	}
	p.Role, p.Scopes, p.Facilities = key.Role, key.Scopes, key.Facilities
	return p, nil
}

func over(deps Deps, end time.Time) bool { return !end.IsZero() && !deps.Now().Before(end) }
