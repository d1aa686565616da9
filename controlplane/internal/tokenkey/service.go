package tokenkey

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/token"
)

// Store keeps the keys; all control planes of an installation share it.
type Store interface {
	// TokenKeys returns the keys by SignsFrom.
	TokenKeys(ctx context.Context) ([]Key, error)
	// ChangeTokenKeys makes the keys what change makes of them, tells every cell, and notes e if there is one. One process
	// at a time is in it.
	ChangeTokenKeys(ctx context.Context, e *audit.Entry, change func([]Key) ([]Key, error)) error
	// AwaitVerifier returns when the catalog of a cell has what is true of a key, or ctx is done.
	AwaitVerifier(ctx context.Context, cell, key string) error
}

// Vault seals private keys.
type Vault interface {
	Seal(ctx context.Context, name string, key []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed []byte) ([]byte, error)
}

const (
	// mostPause is the longest time between two looks at the keys.
	mostPause = time.Minute
	// fresh is how young a key may be for a signature to wait until the cell knows it, patience for how long.
	fresh, patience = 5 * time.Second, time.Second
)

// Service signs with the key of the moment, which it reads anew each time: all control planes sign alike at once.
type Service struct {
	store  Store
	vault  Vault
	policy Policy
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	opened map[string]ed25519.PrivateKey
}

// NewService returns a service. Keep the keys before the first signature.
func NewService(store Store, vault Vault, policy Policy, log *slog.Logger, now func() time.Time) *Service {
	return &Service{store: store, vault: vault, policy: policy, log: log, now: now, opened: map[string]ed25519.PrivateKey{}}
}

// Sign returns a token of the principal's own rights for one cell, and when it ends.
func (s *Service) Sign(ctx context.Context, p tenancy.Principal, cell string) (string, time.Time, error) {
	signer, err := s.signer(ctx, cell)
	if err != nil {
		return "", time.Time{}, err
	}
	return signer.Sign(p, cell)
}

// SignOperator returns a token with which an operator of the installation may ask a cell how it fares.
func (s *Service) SignOperator(ctx context.Context, p tenancy.Principal, cell string) (string, time.Time, error) {
	signer, err := s.signer(ctx, cell)
	if err != nil {
		return "", time.Time{}, err
	}
	return signer.SignOperator(p, cell)
}

// signer is the one of the key that signs now, which the cell knows unless it is away.
func (s *Service) signer(ctx context.Context, cell string) (*token.Signer, error) {
	keys, err := s.store.TokenKeys(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	k, ok := Signing(keys, now)
	if !ok {
		return nil, fmt.Errorf("no key signs cell tokens now, try again: %w", tenancy.ErrUnavailable)
	}
	private, err := s.open(ctx, k)
	if err != nil {
		return nil, err
	}
	if now.Sub(k.PublishedAt) < fresh {
		wait, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		_ = s.store.AwaitVerifier(wait, cell, k.ID) // a cell that is away learns it later
	}
	return token.NewSigner(k.ID, private, s.now), nil
}

// open remembers the keys that it opened: a key service may be far away.
func (s *Service) open(ctx context.Context, k Key) (ed25519.PrivateKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if private, ok := s.opened[k.ID]; ok {
		return private, nil
	}
	seed, err := s.vault.Open(ctx, SealName, k.Sealed)
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("signing key %s of cell tokens has %d bytes, want %d", k.ID, len(seed), ed25519.SeedSize)
	}
	clear(s.opened) // one signs at a time
	s.opened[k.ID] = ed25519.NewKeyFromSeed(seed)
	return s.opened[k.ID], nil
}

// Check fails when the key of the moment does not open: a control plane with the wrong key-encryption key must not start.
func (s *Service) Check(ctx context.Context) error {
	keys, err := s.store.TokenKeys(ctx)
	if err != nil {
		return err
	}
	if k, ok := Signing(keys, s.now()); ok {
		_, err = s.open(ctx, k)
	}
	return err
}

// List returns the keys by SignsFrom.
func (s *Service) List(ctx context.Context) ([]Key, error) { return s.store.TokenKeys(ctx) }

// Published returns the keys whose tokens count.
func (s *Service) Published(ctx context.Context) ([]Key, error) {
	keys, err := s.store.TokenKeys(ctx)
	return slices.DeleteFunc(keys, func(k Key) bool { return !k.Live() }), err
}

// Signing says which key signs now.
func (s *Service) Signing(keys []Key) string {
	k, _ := Signing(keys, s.now())
	return k.ID
}

// Keep makes the keys what they should be by now.
func (s *Service) Keep(ctx context.Context) error {
	keys, err := s.store.TokenKeys(ctx)
	if err != nil {
		return err
	}
	now := s.now()
	asis := func(time.Time) (Key, error) { return Key{ID: "due"}, nil }
	if next, _ := Next(keys, now, s.policy, asis); same(keys, next) {
		return nil
	}
	return s.store.ChangeTokenKeys(ctx, nil, func(keys []Key) ([]Key, error) {
		next, err := Next(keys, now, s.policy, func(from time.Time) (Key, error) { return s.make(ctx, now, from) })
		if err == nil && !same(keys, next) {
			s.log.InfoContext(ctx, "the keys of cell tokens change", slog.Any("before", ids(keys)), slog.Any("after", ids(next)))
		}
		return next, err
	})
}

// Retire withdraws the trust in a key that leaked; an empty id means the one that signs now. Another signs from now on.
func (s *Service) Retire(ctx context.Context, p tenancy.Principal, id string) ([]Key, error) {
	keys, err := s.store.TokenKeys(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	if id == "" {
		id = s.Signing(keys)
	}
	e := audit.Of(ctx, p, now, "token-key/"+id, map[string]any{"key_id": id, "retired_at": now})
	err = s.store.ChangeTokenKeys(ctx, &e, func(keys []Key) ([]Key, error) {
		i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no key %s of cell tokens: %w", id, tenancy.ErrNotFound)
		}
		if !keys[i].Live() {
			return nil, fmt.Errorf("the key %s is retired already, since %s: %w", id, keys[i].RetiredAt.Format(time.RFC3339), tenancy.ErrConflict)
		}
		return Retire(keys, id, now, s.policy, func(from time.Time) (Key, error) { return s.make(ctx, now, from) })
	})
	if err != nil {
		return nil, err
	}
	return s.store.TokenKeys(ctx)
}

// Run keeps the keys until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(min(mostPause, max(s.policy.Ahead/10, 10*time.Millisecond)))
	defer tick.Stop()
	for {
		if err := s.Keep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "cannot look after the keys of cell tokens", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Service) make(ctx context.Context, now, from time.Time) (Key, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make key of cell tokens: %w", err)
	}
	sealed, err := s.vault.Seal(ctx, SealName, private.Seed())
	return Key{ID: string(tenancy.NewID()), Public: public, Sealed: sealed, PublishedAt: now.UTC(), SignsFrom: from.UTC()}, err
}

func ids(keys []Key) (list []string) {
	for _, k := range keys {
		list = append(list, k.ID)
	}
	return list
}

func same(a, b []Key) bool { return slices.Equal(ids(a), ids(b)) }
