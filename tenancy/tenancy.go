// Package tenancy says who calls, for which tenant, with which role. Both planes and billing import it; its root
// imports only the standard library.
package tenancy

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
)

// ID names a tenant: 16 lower-case base32 characters (80 random bits). It is a typed argument of every store call and
// comes from a verified credential only. There is no default tenant.
type ID string

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewID returns a random id.
func NewID() ID {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	return ID(idEncoding.EncodeToString(b[:]))
}

// ParseID checks the form of an id that came from outside.
func ParseID(s string) (ID, error) {
	if b, err := idEncoding.DecodeString(s); err != nil || len(b) != 10 {
		return "", fmt.Errorf("tenant id %q: want 16 characters of a-z and 2-7: %w", s, ErrInvalid)
	}
	return ID(s), nil
}

// Database is the name of the tenant's ClickHouse database.
func (id ID) Database() string { return "tenant_" + string(id) }

// Credential is how a caller proved who they are.
type Credential string

// The credentials.
const (
	CredentialSession   Credential = "session"
	CredentialKey       Credential = "key"
	CredentialCellToken Credential = "cell_token"
)

// Principal is a verified caller. Tenant is empty only for a signed-in person who has chosen no tenant yet.
type Principal struct {
	Tenant     ID
	Role       Role
	Credential Credential
	// Origin is the credential that a cell token was issued for; for cell tokens only.
	Origin Credential
	// SigningKey is the id of the key that signed the cell token; for cell tokens only.
	SigningKey string
	// Subject is the person's identity id, or the key's id.
	Subject string
	// Actor is how the audit log names the caller: an e-mail address, `key:<id>`, or `service:<account>/key:<id>`.
	Actor string
	// Session is the id of the session, for sessions only.
	Session string
	// Verified: the identity server vouches for the e-mail address; for sessions only.
	Verified bool
	// Facilities are those that the caller is confined to; empty: all of the tenant's.
	Facilities []string
	// Operator: the person runs the installation, besides whatever they are in a tenant; for sessions, and for cell tokens of no
	// tenant.
	Operator bool
	// Scopes are the actions of the role that a key may do; empty: all of them.
	Scopes []Action
	// SecondFactor: the session was begun with one.
	SecondFactor bool
	// SecondFactorMissing: the tenant requires one and the session has none. Only the account is in reach.
	SecondFactorMissing bool
}

// InScope reports whether the caller's credential goes as far as a; the role is another matter.
func (p Principal) InScope(a Action) bool {
	return len(p.Scopes) == 0 || slices.Contains(p.Scopes, a)
}

// Sees reports whether something at a facility is within the caller's reach.
func (p Principal) Sees(facility string) bool {
	return len(p.Facilities) == 0 || slices.Contains(p.Facilities, facility)
}

type principalKey struct{}

// WithPrincipal returns a context that carries p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the verified caller, or ErrUnauthenticated.
func PrincipalFrom(ctx context.Context) (Principal, error) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	if !ok {
		return Principal{}, fmt.Errorf("no verified caller: %w", ErrUnauthenticated)
	}
	return p, nil
}

// TenantFrom returns the caller and their tenant, or an error when the caller acts for none.
func TenantFrom(ctx context.Context) (Principal, error) {
	p, err := PrincipalFrom(ctx)
	if err != nil {
		return Principal{}, err
	}
	if p.Tenant == "" {
		return Principal{}, fmt.Errorf("no organisation chosen: create or switch to one: %w", ErrConflict)
	}
	return p, nil
}

// NormalizeEmail lowers and trims an address, so that one person has one account.
func NormalizeEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
