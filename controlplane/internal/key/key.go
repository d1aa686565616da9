// Package key is the noun of a program's credential: API keys with their secrets, the service accounts that several keys
// may speak for, who may make one, and whom one speaks for. rpc and postgres import it; it imports no vendor and no
// generated code.
package key

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
)

// Key is an API key without its secrets' text.
type Key struct {
	ID     string     `json:"key_id"`
	Tenant tenancy.ID `json:"-"`
	Name   string     `json:"name"`
	// Role is that of the service account, when there is one.
	Role tenancy.Role `json:"role"`
	// Scopes are the actions of the role that the key may do; empty: all.
	Scopes []tenancy.Action `json:"scopes,omitempty"`
	// Facilities are those that the key is confined to; empty: all.
	Facilities     []string  `json:"facilities,omitempty"`
	ServiceAccount string    `json:"service_account_id,omitempty"`
	CreatedBy      string    `json:"created_by"`
	CreatedAt      time.Time `json:"created_at"`
	// ExpiresAt is zero for a key that does not expire.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Secrets are one, or two while a rotation overlaps; newest first.
	Secrets []Secret `json:"secrets"`
}

// Secret is what a key is presented with.
type Secret struct {
	// Number counts the key's secrets from 1.
	Number int    `json:"-"`
	Prefix string `json:"prefix"`
	// Hash is the SHA-256 of the whole key.
	Hash      []byte    `json:"-"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is the end of the overlap; zero for the newest secret.
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	UsedAt      time.Time `json:"-"`
	UsedAddress string    `json:"-"`
	// UsedPlane is PlaneControl or the name of a cell.
	UsedPlane string `json:"-"`
}

// PlaneControl is where a key is used that is not used at a cell.
const PlaneControl = "controlplane"

const (
	// longestName bounds a key's name, longestTitle a service account's title, in characters.
	longestName  = 80
	longestTitle = 120
)

// Store keeps keys. Every change writes its audit entry and its outbox row in the same transaction.
type Store interface {
	// InsertKey fails with a *tenancy.LimitError at the key limit.
	InsertKey(ctx context.Context, id tenancy.ID, k Key, e audit.Entry) error
	Keys(ctx context.Context, id tenancy.ID) ([]Key, error)
	// Key returns one key of the tenant, or an ErrNotFound.
	Key(ctx context.Context, id tenancy.ID, key string) (Key, error)
	// RotateKey makes the key's secrets these: it adds the first and keeps of the others those that are there.
	RotateKey(ctx context.Context, id tenancy.ID, k Key, e audit.Entry) error
	DeleteKey(ctx context.Context, id tenancy.ID, key string, e audit.Entry) error
	// AwaitKey returns when the catalog of the tenant's cell has what is true of a key, or ctx is done.
	AwaitKey(ctx context.Context, id tenancy.ID, key string) error
	// RecordKeyUses notes when secrets were used last at a plane.
	RecordKeyUses(ctx context.Context, plane string, uses []lastuse.Use) error
}

// Presented finds the key that a caller presents.
type Presented interface {
	// PresentedKey returns the key of that id whatever its tenant, or an ErrNotFound.
	PresentedKey(ctx context.Context, key string) (Key, error)
}

// Rights tell what a caller may give to a key.
type Rights interface {
	// Covers fails with an ErrForbidden unless the caller may do all that the role may within scopes, if there are any.
	Covers(ctx context.Context, p tenancy.Principal, r tenancy.Role, scopes []tenancy.Action) error
}

// Tracker notes when a secret was used.
type Tracker interface {
	Seen(s lastuse.Secret, at time.Time, address string)
}

// Service makes and checks keys.
type Service struct {
	store     Store
	accounts  AccountStore
	presented Presented
	rights    Rights
	uses      Tracker
	now       func() time.Time
}

// NewService returns a service.
func NewService(store Store, accounts AccountStore, presented Presented, rights Rights, uses Tracker, now func() time.Time) *Service {
	return &Service{store: store, accounts: accounts, presented: presented, rights: rights, uses: uses, now: now}
}

// Wish describes a key to be made.
type Wish struct {
	Name string
	// Role is empty for a key of a service account.
	Role           tenancy.Role
	Scopes         []string
	Facilities     []string
	ServiceAccount string
	ExpiresAt      time.Time
}

// Create makes a key and returns it with the text that only its holder will know. The key may do at most what the caller
// may do.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, w Wish) (Key, string, error) {
	now := s.now().UTC()
	if !w.ExpiresAt.IsZero() && !w.ExpiresAt.After(now) {
		return Key{}, "", fmt.Errorf("expires_at %s is past: leave it out for a key that does not expire: %w", w.ExpiresAt.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	title, err := name.Required("name", w.Name, longestName)
	if err != nil {
		return Key{}, "", err
	}
	id, text := tenancy.NewKey()
	k := Key{
		ID: id, Tenant: p.Tenant, Name: title, Role: w.Role, Facilities: slices.Sorted(slices.Values(w.Facilities)),
		ServiceAccount: w.ServiceAccount, CreatedBy: p.Actor, CreatedAt: now, ExpiresAt: w.ExpiresAt,
	}
	for _, scope := range slices.Sorted(slices.Values(w.Scopes)) {
		k.Scopes = append(k.Scopes, tenancy.Action(scope))
	}
	if err := s.speaksFor(ctx, p, &k); err != nil {
		return Key{}, "", err
	}
	if err := s.rights.Covers(ctx, p, k.Role, k.Scopes); err != nil {
		return Key{}, "", err
	}
	if err := within(p, k.Facilities); err != nil {
		return Key{}, "", err
	}
	first, err := newSecret(id, text, 1, now)
	if err != nil {
		return Key{}, "", err
	}
	k.Secrets = []Secret{first}
	if err := s.store.InsertKey(ctx, p.Tenant, k, audit.Of(ctx, p, now, "key/"+id, k)); err != nil {
		return Key{}, "", err
	}
	s.settle(ctx, p.Tenant, id)
	return k, text, nil
}

// patience is how long an answer waits for the cell.
const patience = time.Second

// settle waits until a secret that its holder is about to use is in the catalog of the cell, so that the cell takes it at once. The
// key is made whether or not it is: while NATS is away the cell learns of it later.
func (s *Service) settle(ctx context.Context, id tenancy.ID, key string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = s.store.AwaitKey(ctx, id, key)
}

// speaksFor takes role and facilities from the service account, when there is one.
func (s *Service) speaksFor(ctx context.Context, p tenancy.Principal, k *Key) error {
	switch {
	case k.ServiceAccount == "" && k.Role == "":
		return fmt.Errorf("role: name one, or a service account that the key speaks for: %w", tenancy.ErrInvalid)
	case k.ServiceAccount == "":
		return nil
	case k.Role != "" || len(k.Facilities) > 0:
		return fmt.Errorf("role and facilities: leave them out, the key has those of its service account %s: %w", k.ServiceAccount, tenancy.ErrInvalid)
	}
	a, err := s.accounts.ServiceAccount(ctx, p.Tenant, k.ServiceAccount)
	if err != nil {
		return err
	}
	k.Role, k.Facilities = a.Role, a.Facilities
	return nil
}

// within keeps who is confined to facilities from making what is not.
func within(p tenancy.Principal, facilities []string) error {
	if len(p.Facilities) == 0 {
		return nil
	}
	outside := func(f string) bool { return !slices.Contains(p.Facilities, f) }
	if len(facilities) == 0 || slices.ContainsFunc(facilities, outside) {
		return fmt.Errorf("facilities: you are confined to %s: give no more: %w", strings.Join(p.Facilities, ", "), tenancy.ErrForbidden)
	}
	return nil
}

// shown is how many characters of the secret the prefix shows.
const shown = 4

func newSecret(id, text string, number int, now time.Time) (Secret, error) {
	_, hash, err := tenancy.ParseKey(text)
	return Secret{Number: number, Prefix: text[:len(tenancy.KeyPrefix)+len(id)+1+shown], Hash: hash[:], CreatedAt: now}, err
}

// List returns the tenant's keys.
func (s *Service) List(ctx context.Context, id tenancy.ID) ([]Key, error) {
	list, err := s.store.Keys(ctx, id)
	for i := range list {
		list[i].Secrets = s.live(list[i].Secrets)
	}
	return list, err
}

// live are the secrets whose overlap has not ended.
func (s *Service) live(secrets []Secret) []Secret {
	now := s.now()
	return slices.DeleteFunc(slices.Clone(secrets), func(x Secret) bool { return !x.ExpiresAt.IsZero() && !now.Before(x.ExpiresAt) })
}

// Rotate gives a key another secret; the present one is good for overlap more, and any older one ends.
func (s *Service) Rotate(ctx context.Context, p tenancy.Principal, id string, overlap time.Duration) (Key, string, error) {
	before, err := s.store.Key(ctx, p.Tenant, id)
	if err != nil {
		return Key{}, "", err
	}
	if err := s.rights.Covers(ctx, p, before.Role, before.Scopes); err != nil {
		return Key{}, "", err
	}
	now := s.now().UTC()
	text := tenancy.NewSecret(id)
	newest, err := newSecret(id, text, before.Secrets[0].Number+1, now)
	if err != nil {
		return Key{}, "", err
	}
	after := before
	after.Secrets = []Secret{newest}
	if overlap > 0 {
		old := before.Secrets[0]
		old.ExpiresAt = now.Add(overlap)
		after.Secrets = append(after.Secrets, old)
	}
	e := audit.Of(ctx, p, now, "key/"+id, after).From(before)
	if err := s.store.RotateKey(ctx, p.Tenant, after, e); err != nil {
		return Key{}, "", err
	}
	s.settle(ctx, p.Tenant, id)
	return after, text, nil
}

// Revoke deletes a key. One that may do more than the caller is not theirs to revoke.
func (s *Service) Revoke(ctx context.Context, p tenancy.Principal, id string) error {
	k, err := s.store.Key(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	if err := s.rights.Covers(ctx, p, k.Role, k.Scopes); err != nil {
		return err
	}
	return s.store.DeleteKey(ctx, p.Tenant, id, audit.Of(ctx, p, s.now(), "key/"+id, nil).From(k))
}
