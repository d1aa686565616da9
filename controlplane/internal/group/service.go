package group

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	longestName = 80
	previewed   = 50
)

// Service looks after groups.
type Service struct {
	store   Store
	queries Queries
	now     func() time.Time
}

// NewService returns a service.
func NewService(store Store, queries Queries, now func() time.Time) *Service {
	return &Service{store: store, queries: queries, now: now}
}

func (s *Service) check(g Group) error {
	if err := name.Check("name", g.Name, longestName); err != nil {
		return err
	}
	if g.Query != "" {
		if _, err := s.queries.Compile(g.Query); err != nil {
			return err
		}
	}
	return checkPolicy(g.Policy)
}

// Create makes a group.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, g Group) (Group, error) {
	if g.Name == "" {
		g.Name = g.ID
	}
	if err := s.check(g); err != nil {
		return Group{}, err
	}
	g.Version, g.CreatedAt, g.UpdatedAt = 1, s.now().UTC(), s.now().UTC()
	if err := s.store.InsertGroup(ctx, p.Tenant, g, audit.Of(ctx, p, s.now(), object(g.ID), g)); err != nil {
		return Group{}, err
	}
	return s.store.Group(ctx, p.Tenant, g.ID)
}

// Get returns a group.
func (s *Service) Get(ctx context.Context, p tenancy.Principal, id string) (Group, error) {
	return s.store.Group(ctx, p.Tenant, id)
}

// List returns every group, or those of a device.
func (s *Service) List(ctx context.Context, p tenancy.Principal, device string) ([]Group, error) {
	if device != "" {
		d, err := s.store.Device(ctx, p.Tenant, device)
		if err != nil {
			return nil, err
		}
		if !p.Sees(d.Location.Facility) {
			return nil, fmt.Errorf("there is no device %s: %w", device, tenancy.ErrNotFound)
		}
	}
	return s.store.Groups(ctx, p.Tenant, device)
}

// Update replaces name, query and policy; g's version is the one that the change was made from.
func (s *Service) Update(ctx context.Context, p tenancy.Principal, g Group) (Group, error) {
	if g.Name == "" {
		g.Name = g.ID
	}
	if err := s.check(g); err != nil {
		return Group{}, err
	}
	before, err := s.store.Group(ctx, p.Tenant, g.ID)
	if err != nil {
		return Group{}, err
	}
	if (before.Query == "") != (g.Query == "") {
		return Group{}, fmt.Errorf("query: a group with a query keeps one, a group without never gets one: make another group: %w", tenancy.ErrInvalid)
	}
	if before.Version != g.Version {
		return Group{}, &StaleError{Current: before, Yours: g}
	}
	yours := g
	g.Version, g.CreatedAt, g.UpdatedAt = g.Version+1, before.CreatedAt, s.now().UTC()
	err = s.store.UpdateGroup(ctx, p.Tenant, g, audit.Of(ctx, p, s.now(), object(g.ID), g).From(before))
	if errors.Is(err, ErrStale) {
		current, again := s.store.Group(ctx, p.Tenant, g.ID)
		if again != nil {
			return Group{}, errors.Join(err, again)
		}
		return Group{}, &StaleError{Current: current, Yours: yours}
	}
	if err != nil {
		return Group{}, err
	}
	return s.store.Group(ctx, p.Tenant, g.ID)
}

// Delete forgets a group.
func (s *Service) Delete(ctx context.Context, p tenancy.Principal, id string) error {
	before, err := s.store.Group(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	return s.store.DeleteGroup(ctx, p.Tenant, id, audit.Of(ctx, p, s.now(), object(id), nil).From(before))
}

// ChangeMembers adds devices to a group without a query, and takes others out.
func (s *Service) ChangeMembers(ctx context.Context, p tenancy.Principal, id string, add, remove []string) (Group, error) {
	g, err := s.store.Group(ctx, p.Tenant, id)
	if err != nil {
		return Group{}, err
	}
	if g.Query != "" {
		return Group{}, fmt.Errorf("group %s has the devices that its query finds: change the query: %w", id, tenancy.ErrConflict)
	}
	change := map[string][]string{"added": add, "removed": remove}
	if err := s.store.ChangeMembers(ctx, p.Tenant, id, add, remove, audit.Of(ctx, p, s.now(), object(id)+"/members", change)); err != nil {
		return Group{}, err
	}
	return s.store.Group(ctx, p.Tenant, id)
}

// Members returns a page of the group's devices that the caller sees.
func (s *Service) Members(ctx context.Context, p tenancy.Principal, id, after string, limit int) ([]string, error) {
	if _, err := s.store.Group(ctx, p.Tenant, id); err != nil {
		return nil, err
	}
	return s.store.GroupMembers(ctx, p.Tenant, id, after, p.Facilities, limit)
}

// Preview tells what a query finds, and changes nothing.
func (s *Service) Preview(ctx context.Context, p tenancy.Principal, query string) (Found, error) {
	q, err := s.queries.Compile(query)
	if err != nil {
		return Found{}, err
	}
	return s.store.Find(ctx, p.Tenant, q, previewed)
}

func object(id string) string { return "group/" + id }
