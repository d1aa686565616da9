// Package role is the noun of what a caller may do: our roles, those that a tenant makes for itself, and the rule that
// nobody gives more than they have. rpc and postgres import it; it imports no vendor and no generated code.
package role

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// Maximum is how many roles of its own a tenant may have.
const Maximum = tenancy.MaxRoles

// Role is one that a tenant made for itself.
type Role struct {
	Name    string           `json:"custom_role"`
	Title   string           `json:"title"`
	Actions []tenancy.Action `json:"actions"`
	// Revision rises with every change.
	Revision  int64     `json:"revision"`
	ChangedBy string    `json:"changed_by"`
	ChangedAt time.Time `json:"changed_at"`
}

// Store keeps roles. Every change writes its audit entry in the same transaction.
type Store interface {
	Roles(ctx context.Context, id tenancy.ID) ([]Role, error)
	Role(ctx context.Context, id tenancy.ID, name string) (Role, error)
	// InsertRole fails with ErrExists when there is one of that name, and with a *tenancy.LimitError at Maximum.
	InsertRole(ctx context.Context, id tenancy.ID, r Role, e audit.Entry) error
	// UpdateRole fails with ErrConflict when the role's revision is not the one before r's.
	UpdateRole(ctx context.Context, id tenancy.ID, r Role, e audit.Entry) error
	// DeleteRole fails with ErrConflict while somebody has the role.
	DeleteRole(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error
}

// Definitions know what a tenant's own roles may do now; nil when it has none.
type Definitions interface {
	CustomRoles(ctx context.Context, id tenancy.ID) (*tenancy.CustomRoles, error)
}

// Service manages a tenant's own roles and says what callers may do and give.
type Service struct {
	store       Store
	definitions Definitions
	now         func() time.Time
}

// NewService returns a service.
func NewService(store Store, definitions Definitions, now func() time.Time) *Service {
	return &Service{store: store, definitions: definitions, now: now}
}

// Actions are what a role may do in a tenant; an ErrNotFound when it is none.
func (s *Service) Actions(ctx context.Context, id tenancy.ID, r tenancy.Role) ([]tenancy.Action, error) {
	name, custom := r.Custom()
	if !custom {
		if !r.Valid() {
			return nil, fmt.Errorf("role %q is unknown: %w", r, tenancy.ErrInvalid)
		}
		return r.Actions(), nil
	}
	now, err := s.definitions.CustomRoles(ctx, id)
	if err != nil {
		return nil, err
	}
	if now != nil {
		if actions, ok := now.Actions[r]; ok {
			return actions, nil
		}
	}
	return nil, fmt.Errorf("your organisation has no role %q: %w", name, tenancy.ErrNotFound)
}

// Rights are what a caller may do: their role's actions, as far as their credential and their facilities let them.
func (s *Service) Rights(ctx context.Context, p tenancy.Principal) ([]tenancy.Action, error) {
	actions, err := s.Actions(ctx, p.Tenant, p.Role)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(actions), func(a tenancy.Action) bool {
		return !p.InScope(a) || (len(p.Facilities) > 0 && a.WholeTenant())
	}), nil
}

// Covers fails with an ErrForbidden unless the caller may do all that role may, and so may give or take it. scopes, when
// there are any, narrow the role.
func (s *Service) Covers(ctx context.Context, p tenancy.Principal, r tenancy.Role, scopes []tenancy.Action) error {
	theirs, err := s.Actions(ctx, p.Tenant, r)
	if err != nil {
		return err
	}
	wanted := theirs
	if len(scopes) > 0 {
		wanted = scopes
		for _, a := range scopes {
			if !slices.Contains(theirs, a) {
				return fmt.Errorf("scopes: the role %s does not include %s: %w", word(r), a, tenancy.ErrInvalid)
			}
		}
	}
	return s.has(ctx, p, wanted, "the role "+word(r))
}

// has fails unless the caller may do all of the actions.
func (s *Service) has(ctx context.Context, p tenancy.Principal, wanted []tenancy.Action, what string) error {
	mine, err := s.Rights(ctx, p)
	if err != nil {
		return err
	}
	for _, a := range wanted {
		if !slices.Contains(mine, a) {
			return fmt.Errorf("you may not give or take %s: it includes %s, which you may not do yourself: %w", what, a, tenancy.ErrForbidden)
		}
	}
	return nil
}

func word(r tenancy.Role) string {
	name, _ := r.Custom()
	if name == "" {
		return string(r)
	}
	return name
}

// List returns the tenant's own roles by name.
func (s *Service) List(ctx context.Context, id tenancy.ID) ([]Role, error) {
	return s.store.Roles(ctx, id)
}

// longestTitle bounds a role's title in characters.
const longestTitle = 120

func checkTitle(title string) (string, error) {
	title = strings.TrimSpace(title)
	return title, name.Check("title", title, longestTitle)
}

// Create makes a role of actions that the caller may do.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, name, title string, actions []string) (Role, error) {
	if err := tenancy.CheckRoleName(name); err != nil {
		return Role{}, err
	}
	title, err := checkTitle(title)
	if err != nil {
		return Role{}, err
	}
	r := Role{Name: name, Title: title, Revision: 1, ChangedBy: p.Actor, ChangedAt: s.now().UTC()}
	if r.Actions, err = assignable(actions); err != nil {
		return Role{}, err
	}
	if err := s.has(ctx, p, r.Actions, "this role"); err != nil {
		return Role{}, err
	}
	return r, s.store.InsertRole(ctx, p.Tenant, r, audit.Of(ctx, p, r.ChangedAt, "role/"+name, r))
}

// Update replaces title and actions. revision is the one that the caller saw; 0 takes whatever is there.
func (s *Service) Update(ctx context.Context, p tenancy.Principal, name, title string, actions []string, revision int64) (Role, error) {
	before, err := s.store.Role(ctx, p.Tenant, name)
	if err != nil {
		return Role{}, err
	}
	if revision != 0 && revision != before.Revision {
		return Role{}, fmt.Errorf("%s changed the role %s at %s: you saw revision %d, it is %d now; look at it and try again: %w",
			before.ChangedBy, name, before.ChangedAt.Format(time.RFC3339), revision, before.Revision, tenancy.ErrConflict)
	}
	if title, err = checkTitle(title); err != nil {
		return Role{}, err
	}
	after := before
	after.Title, after.Revision, after.ChangedBy, after.ChangedAt = title, before.Revision+1, p.Actor, s.now().UTC()
	if after.Actions, err = assignable(actions); err != nil {
		return Role{}, err
	}
	if err := s.has(ctx, p, slices.Concat(before.Actions, after.Actions), "the role "+name); err != nil {
		return Role{}, err
	}
	return after, s.store.UpdateRole(ctx, p.Tenant, after, audit.Of(ctx, p, after.ChangedAt, "role/"+name, after).From(before))
}

// Delete forgets a role that nobody has.
func (s *Service) Delete(ctx context.Context, p tenancy.Principal, name string) error {
	r, err := s.store.Role(ctx, p.Tenant, name)
	if err != nil {
		return err
	}
	if err := s.has(ctx, p, r.Actions, "the role "+name); err != nil {
		return err
	}
	return s.store.DeleteRole(ctx, p.Tenant, name, audit.Of(ctx, p, s.now(), "role/"+name, nil).From(r))
}

// assignable reads actions; tenant.read is always among them, because nothing can be done without it.
func assignable(names []string) ([]tenancy.Action, error) {
	out := []tenancy.Action{tenancy.ActionTenantRead}
	for _, name := range names {
		a := tenancy.Action(name)
		if !slices.Contains(tenancy.Assignable(), a) {
			return nil, fmt.Errorf("actions: %q is none that a role can have; RoleService.List tells which there are: %w", name, tenancy.ErrInvalid)
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return out, nil
}
