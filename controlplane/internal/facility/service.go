package facility

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Store keeps places. Every change writes its audit entry in the same transaction; what moves devices, their outbox rows.
type Store interface {
	// Places returns every place, a parent before what is in it, with its path and devices.
	Places(ctx context.Context, id tenancy.ID) ([]Place, error)
	// InsertPlace fails with ErrExists when the parent has a place of that name and with a *tenancy.LimitError at Most.
	InsertPlace(ctx context.Context, id tenancy.ID, p Place, e audit.Entry) error
	// ChangePlace writes name, parent and coordinates of a place at the version before p's, else it fails with ErrStale. The
	// devices below it, and who is confined to it, go along. It fails with ErrExists as InsertPlace does.
	ChangePlace(ctx context.Context, id tenancy.ID, p Place, e audit.Entry) error
	// DeletePlace fails with ErrConflict and the reason while the place is not empty.
	DeletePlace(ctx context.Context, id tenancy.ID, place string, e audit.Entry) error
}

// ErrStale is a store's refusal of a change that is not from the version there is.
var ErrStale = fmt.Errorf("the version is not the one there is: %w", tenancy.ErrConflict)

// StaleError refuses a change that was made from an older version than there is. It is an ErrConflict.
type StaleError struct {
	// Current is the place as it is, Yours as the refused change would have made it.
	Current, Yours Place
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("%s %s has been changed since version %d and is at version %d now: look at both and save again",
		e.Current.Kind, e.Current.Name, e.Yours.Version, e.Current.Version)
}

// Unwrap makes a StaleError an ErrConflict.
func (e *StaleError) Unwrap() error { return tenancy.ErrConflict }

// Service manages places.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService returns a service.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// List returns the places that the caller sees.
func (s *Service) List(ctx context.Context, p tenancy.Principal) ([]Place, error) {
	all, err := s.store.Places(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	seen := make([]Place, 0, len(all))
	for _, place := range all {
		if p.Sees(place.Path[0]) {
			seen = append(seen, place)
		}
	}
	return seen, nil
}

// tree is every place by id.
func (s *Service) tree(ctx context.Context, p tenancy.Principal) (Tree, error) {
	list, err := s.store.Places(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	t := make(Tree, len(list))
	for _, place := range list {
		t[place.ID] = place
	}
	return t, nil
}

func (t Tree) get(id string) (Place, error) {
	place, ok := t[id]
	if !ok {
		return Place{}, fmt.Errorf("there is no place %s: %w", id, tenancy.ErrNotFound)
	}
	return place, nil
}

// Create makes a place in its parent.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, place Place) (Place, error) {
	parent := Place{}
	if place.Parent != "" {
		t, err := s.tree(ctx, p)
		if err != nil {
			return Place{}, err
		}
		if parent, err = t.get(place.Parent); err != nil {
			return Place{}, err
		}
	}
	if place.Kind = parent.Kind.inside(); place.Kind == "" {
		return Place{}, fmt.Errorf("parent_id: %s is a station, in which nothing stands: %w", parent.Name, tenancy.ErrInvalid)
	}
	if err := place.check(); err != nil {
		return Place{}, err
	}
	place.ID, place.Version, place.CreatedAt = string(tenancy.NewID()), 1, s.now().UTC()
	return place, s.store.InsertPlace(ctx, p.Tenant, place, audit.Of(ctx, p, s.now(), object(place.ID), place))
}

// Update renames a place or gives it other coordinates; change.Version is the version that the change was made from.
func (s *Service) Update(ctx context.Context, p tenancy.Principal, change Place) (Place, error) {
	t, err := s.tree(ctx, p)
	if err != nil {
		return Place{}, err
	}
	before, err := t.get(change.ID)
	if err != nil {
		return Place{}, err
	}
	after := before
	after.Name, after.Coordinates, after.Version = change.Name, change.Coordinates, change.Version
	if err := after.check(); err != nil {
		return Place{}, err
	}
	if before.Version != change.Version {
		return Place{}, &StaleError{Current: before, Yours: after}
	}
	return s.change(ctx, p, before, after)
}

// Move puts a place into another parent.
func (s *Service) Move(ctx context.Context, p tenancy.Principal, place, parent string) (Place, error) {
	t, err := s.tree(ctx, p)
	if err != nil {
		return Place{}, err
	}
	before, err := t.get(place)
	if err != nil {
		return Place{}, err
	}
	into, err := t.get(parent)
	if err != nil {
		return Place{}, err
	}
	switch {
	case t.within(parent, place):
		return Place{}, fmt.Errorf("parent_id: %s would come to stand in itself: choose a place outside of it: %w", before.Name, tenancy.ErrInvalid)
	case into.Kind.inside() != before.Kind:
		return Place{}, fmt.Errorf("parent_id: a %s cannot stand in a %s: a line stands in a facility, a station in a line: %w", before.Kind, into.Kind, tenancy.ErrInvalid)
	case before.Parent == parent:
		return before, nil
	}
	after := before
	after.Parent = parent
	return s.change(ctx, p, before, after)
}

func (s *Service) change(ctx context.Context, p tenancy.Principal, before, after Place) (Place, error) {
	after.Version = before.Version + 1
	err := s.store.ChangePlace(ctx, p.Tenant, after, audit.Of(ctx, p, s.now(), object(after.ID), after).From(before))
	if errors.Is(err, ErrStale) {
		t, readErr := s.tree(ctx, p)
		if readErr != nil {
			return Place{}, errors.Join(err, readErr)
		}
		current, readErr := t.get(after.ID)
		if readErr != nil {
			return Place{}, readErr
		}
		after.Version = before.Version
		return Place{}, &StaleError{Current: current, Yours: after}
	}
	return after, err
}

// Delete removes an empty place.
func (s *Service) Delete(ctx context.Context, p tenancy.Principal, place string) error {
	t, err := s.tree(ctx, p)
	if err != nil {
		return err
	}
	before, err := t.get(place)
	if err != nil {
		return err
	}
	return s.store.DeletePlace(ctx, p.Tenant, place, audit.Of(ctx, p, s.now(), object(place), nil).From(before))
}

func object(place string) string { return "place/" + place }
