// Package member is the noun of a person in a tenant. rpc and postgres import it; it imports no vendor and no
// generated code.
package member

import (
	"context"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Member is a person in a tenant. Their id is that of their account.
type Member struct {
	ID        string       `json:"member_id"`
	Email     string       `json:"email"`
	Role      tenancy.Role `json:"role"`
	CreatedAt time.Time    `json:"created_at"`
}

// Store keeps members. Every change writes its audit entry in the same transaction.
type Store interface {
	Members(ctx context.Context, id tenancy.ID) ([]Member, error)
	Member(ctx context.Context, id tenancy.ID, member string) (Member, error)
	// InsertMember fails with ErrExists when the person is a member, and with a *tenancy.LimitError at the limit.
	InsertMember(ctx context.Context, id tenancy.ID, m Member, e audit.Entry) error
	// DeleteMember fails with ErrConflict when the tenant would be left without an owner.
	DeleteMember(ctx context.Context, id tenancy.ID, member string, e audit.Entry) error
}

// Directory knows who has an account.
type Directory interface {
	// PersonByEmail returns the id of a person's account, or an ErrNotFound.
	PersonByEmail(ctx context.Context, email string) (string, error)
}

// Service adds and removes members.
type Service struct {
	store     Store
	directory Directory
	now       func() time.Time
}

// NewService returns a service.
func NewService(store Store, directory Directory, now func() time.Time) *Service {
	return &Service{store: store, directory: directory, now: now}
}

// List returns the tenant's members.
func (s *Service) List(ctx context.Context, id tenancy.ID) ([]Member, error) {
	return s.store.Members(ctx, id)
}

// Add gives a person who has an account a role, at most the caller's own.
func (s *Service) Add(ctx context.Context, p tenancy.Principal, email string, role tenancy.Role) (Member, error) {
	if !p.Role.Covers(role) {
		return Member{}, fmt.Errorf("role %s may not add a member with the role %s: %w", p.Role, role, tenancy.ErrForbidden)
	}
	email = tenancy.NormalizeEmail(email)
	person, err := s.directory.PersonByEmail(ctx, email)
	if err != nil {
		return Member{}, err
	}
	m := Member{ID: person, Email: email, Role: role, CreatedAt: s.now().UTC()}
	if err := s.store.InsertMember(ctx, p.Tenant, m, audit.Of(ctx, p, s.now(), "member/"+person, m)); err != nil {
		return Member{}, err
	}
	return m, nil
}

// Remove takes a person out of the tenant. One with a wider role than the caller's, and the last owner, stay.
func (s *Service) Remove(ctx context.Context, p tenancy.Principal, member string) error {
	m, err := s.store.Member(ctx, p.Tenant, member)
	if err != nil {
		return err
	}
	if !p.Role.Covers(m.Role) {
		return fmt.Errorf("role %s may not remove a member with the role %s: %w", p.Role, m.Role, tenancy.ErrForbidden)
	}
	return s.store.DeleteMember(ctx, p.Tenant, member, audit.Of(ctx, p, s.now(), "member/"+member, nil).From(m))
}
