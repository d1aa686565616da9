package devicetype

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Store keeps types. Every change writes its audit entry and its outbox row in the same transaction.
type Store interface {
	// InsertType fails with ErrExists when the id is taken and with a *tenancy.LimitError at the most types.
	InsertType(ctx context.Context, id tenancy.ID, t Type, most int64, e audit.Entry) error
	Type(ctx context.Context, id tenancy.ID, name string) (Type, error)
	Types(ctx context.Context, id tenancy.ID) ([]Type, error)
	// UpdateType writes a type that is at the version before t's, else it fails with ErrStale.
	UpdateType(ctx context.Context, id tenancy.ID, t Type, e audit.Entry) error
	// DeleteType fails with ErrConflict, and the number of devices in it, while devices have the type.
	DeleteType(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error
}

// mostTypes bounds a tenant's types: more than a plant has kinds of machines, few enough to list at once.
const mostTypes = tenancy.MaxDeviceTypes

// ErrStale is a store's refusal of a change that is not from the version there is.
var ErrStale = fmt.Errorf("the version is not the one there is: %w", tenancy.ErrConflict)

// StaleError refuses a change that was made from an older version than there is. It is an ErrConflict.
type StaleError struct {
	// Current is the type as it is, Yours as the refused change would have made it.
	Current, Yours Type
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("device type %s has been changed since version %d and is at version %d now: look at both and save again",
		e.Current.ID, e.Yours.Version, e.Current.Version)
}

// Unwrap makes a StaleError an ErrConflict.
func (e *StaleError) Unwrap() error { return tenancy.ErrConflict }

// Service manages types.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService returns a service.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Create makes a type.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, t Type) (Type, error) {
	if err := t.check(); err != nil {
		return Type{}, err
	}
	t.Version, t.CreatedAt = 1, s.now().UTC()
	t.UpdatedAt = t.CreatedAt
	return t, s.store.InsertType(ctx, p.Tenant, t, mostTypes, audit.Of(ctx, p, s.now(), object(t.ID), t))
}

// Get returns a type, or an ErrNotFound.
func (s *Service) Get(ctx context.Context, p tenancy.Principal, name string) (Type, error) {
	return s.store.Type(ctx, p.Tenant, name)
}

// List returns every type, by id.
func (s *Service) List(ctx context.Context, p tenancy.Principal) ([]Type, error) {
	return s.store.Types(ctx, p.Tenant)
}

// Update replaces what a type says; t.Version is the version that the change was made from.
func (s *Service) Update(ctx context.Context, p tenancy.Principal, t Type) (Type, error) {
	if err := t.check(); err != nil {
		return Type{}, err
	}
	before, err := s.store.Type(ctx, p.Tenant, t.ID)
	if err != nil {
		return Type{}, err
	}
	if before.Version != t.Version {
		return Type{}, &StaleError{Current: before, Yours: t}
	}
	after := t
	after.Version, after.CreatedAt, after.UpdatedAt, after.Devices = t.Version+1, before.CreatedAt, s.now().UTC(), before.Devices
	err = s.store.UpdateType(ctx, p.Tenant, after, audit.Of(ctx, p, s.now(), object(t.ID), after).From(before))
	if errors.Is(err, ErrStale) {
		current, readErr := s.store.Type(ctx, p.Tenant, t.ID)
		if readErr != nil {
			return Type{}, errors.Join(err, readErr)
		}
		return Type{}, &StaleError{Current: current, Yours: t}
	}
	return after, err
}

// Delete removes a type that no device has.
func (s *Service) Delete(ctx context.Context, p tenancy.Principal, name string) error {
	before, err := s.store.Type(ctx, p.Tenant, name)
	if err != nil {
		return err
	}
	return s.store.DeleteType(ctx, p.Tenant, name, audit.Of(ctx, p, s.now(), object(name), nil).From(before))
}

func object(name string) string { return "device_type/" + name }
