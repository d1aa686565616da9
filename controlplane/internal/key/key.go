// Package key is the noun of an API key: who may make one, and whom one speaks for. rpc and postgres import it; it
// imports no vendor and no generated code.
package key

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Key is an API key without its secret.
type Key struct {
	ID     string       `json:"key_id"`
	Tenant tenancy.ID   `json:"-"`
	Name   string       `json:"name"`
	Prefix string       `json:"prefix"`
	Role   tenancy.Role `json:"role"`
	// Hash is the SHA-256 of the whole key.
	Hash      []byte    `json:"-"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is zero for a key that does not expire.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Store keeps keys. Every change writes its audit entry and its outbox row in the same transaction.
type Store interface {
	// InsertKey fails with a *tenancy.LimitError at the key limit.
	InsertKey(ctx context.Context, id tenancy.ID, k Key, e audit.Entry) error
	Keys(ctx context.Context, id tenancy.ID) ([]Key, error)
	// Key returns one key of the tenant, or an ErrNotFound.
	Key(ctx context.Context, id tenancy.ID, key string) (Key, error)
	DeleteKey(ctx context.Context, id tenancy.ID, key string, e audit.Entry) error
}

// Presented finds the key that a caller presents.
type Presented interface {
	// PresentedKey returns the key of that id whatever its tenant, or an ErrNotFound.
	PresentedKey(ctx context.Context, key string) (Key, error)
}

// Service makes and checks keys.
type Service struct {
	store     Store
	presented Presented
	now       func() time.Time
}

// NewService returns a service.
func NewService(store Store, presented Presented, now func() time.Time) *Service {
	return &Service{store: store, presented: presented, now: now}
}

// shown is how many characters of the secret the prefix shows.
const shown = 4

// Create makes a key and returns it with the text that only its holder will know. The key's role is at most the
// caller's own.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, name string, role tenancy.Role, expires time.Time) (Key, string, error) {
	now := s.now().UTC()
	if !p.Role.Covers(role) {
		return Key{}, "", fmt.Errorf("role %s may not make a key with the role %s: %w", p.Role, role, tenancy.ErrForbidden)
	}
	if !expires.IsZero() && !expires.After(now) {
		return Key{}, "", fmt.Errorf("expires_at %s is past: leave it out for a key that does not expire: %w", expires.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	if name = strings.TrimSpace(name); name == "" {
		return Key{}, "", fmt.Errorf("name: want 1 to 80 characters, not only spaces: %w", tenancy.ErrInvalid)
	}
	id, text := tenancy.NewKey()
	_, hash, err := tenancy.ParseKey(text)
	if err != nil {
		return Key{}, "", err
	}
	k := Key{
		ID: id, Tenant: p.Tenant, Name: name, Prefix: text[:len(tenancy.KeyPrefix)+len(id)+1+shown], Role: role, Hash: hash[:],
		CreatedBy: p.Actor, CreatedAt: now, ExpiresAt: expires,
	}
	if err := s.store.InsertKey(ctx, p.Tenant, k, audit.Of(ctx, p, now, "key/"+id, k)); err != nil {
		return Key{}, "", err
	}
	return k, text, nil
}

// List returns the tenant's keys.
func (s *Service) List(ctx context.Context, id tenancy.ID) ([]Key, error) {
	return s.store.Keys(ctx, id)
}

// Revoke deletes a key. One with a wider role than the caller's is not theirs to revoke.
func (s *Service) Revoke(ctx context.Context, p tenancy.Principal, id string) error {
	k, err := s.store.Key(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	if !p.Role.Covers(k.Role) {
		return fmt.Errorf("role %s may not revoke a key with the role %s: %w", p.Role, k.Role, tenancy.ErrForbidden)
	}
	return s.store.DeleteKey(ctx, p.Tenant, id, audit.Of(ctx, p, s.now(), "key/"+id, nil).From(k))
}

// Authenticate returns whom a presented key speaks for, or an ErrUnauthenticated that does not tell an unknown key from
// a wrong secret.
func (s *Service) Authenticate(ctx context.Context, text string) (tenancy.Principal, error) {
	id, hash, err := tenancy.ParseKey(text)
	if err != nil {
		return tenancy.Principal{}, err
	}
	k, err := s.presented.PresentedKey(ctx, id)
	if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
		return tenancy.Principal{}, err
	}
	if err != nil || subtle.ConstantTimeCompare(k.Hash, hash[:]) != 1 {
		return tenancy.Principal{}, fmt.Errorf("the API key is unknown or revoked: %w", tenancy.ErrUnauthenticated)
	}
	if !k.ExpiresAt.IsZero() && !s.now().Before(k.ExpiresAt) {
		return tenancy.Principal{}, fmt.Errorf("the API key expired at %s: %w", k.ExpiresAt.UTC().Format(time.RFC3339), tenancy.ErrUnauthenticated)
	}
	return tenancy.Principal{
		Tenant: k.Tenant, Role: k.Role, Credential: tenancy.CredentialKey, Subject: k.ID, Actor: "key:" + k.ID,
	}, nil
}
