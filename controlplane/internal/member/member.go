// Package member is the noun of a person in a tenant, and of one who is invited to become one. rpc and postgres import
// it; it imports no vendor and no generated code.
package member

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Member is a person in a tenant. Their id is that of their account.
type Member struct {
	ID    string       `json:"member_id"`
	Email string       `json:"email"`
	Role  tenancy.Role `json:"role"`
	// Facilities are those that the person is confined to; empty: all.
	Facilities []string  `json:"facilities,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
}

// Store keeps members. Every change writes its audit entry in the same transaction.
type Store interface {
	Members(ctx context.Context, id tenancy.ID) ([]Member, error)
	Member(ctx context.Context, id tenancy.ID, member string) (Member, error)
	// UpdateMember fails with ErrConflict when the tenant would be left without an owner.
	UpdateMember(ctx context.Context, id tenancy.ID, m Member, e audit.Entry) error
	// DeleteMember fails with ErrConflict when the tenant would be left without an owner.
	DeleteMember(ctx context.Context, id tenancy.ID, member string, e audit.Entry) error
}

// Rights tell what a caller may give to others.
type Rights interface {
	// Covers fails with an ErrForbidden unless the caller may do all that the role may within scopes, if there are any.
	Covers(ctx context.Context, p tenancy.Principal, r tenancy.Role, scopes []tenancy.Action) error
}

// Service manages members.
type Service struct {
	store  Store
	rights Rights
	now    func() time.Time
}

// NewService returns a service.
func NewService(store Store, rights Rights, now func() time.Time) *Service {
	return &Service{store: store, rights: rights, now: now}
}

// List returns the tenant's members.
func (s *Service) List(ctx context.Context, id tenancy.ID) ([]Member, error) {
	return s.store.Members(ctx, id)
}

// Update gives a member another role and other facilities. Who does so must cover the old role and the new one.
func (s *Service) Update(ctx context.Context, p tenancy.Principal, member string, role tenancy.Role, facilities []string) (Member, error) {
	before, err := s.store.Member(ctx, p.Tenant, member)
	if err != nil {
		return Member{}, err
	}
	if err := s.rights.Covers(ctx, p, before.Role, nil); err != nil {
		return Member{}, err
	}
	if err := grantable(ctx, s.rights, p, role, facilities); err != nil {
		return Member{}, err
	}
	after := before
	after.Role, after.Facilities = role, slices.Sorted(slices.Values(facilities))
	e := audit.Of(ctx, p, s.now(), "member/"+member, after).From(before)
	return after, s.store.UpdateMember(ctx, p.Tenant, after, e)
}

// Remove takes a person out of the tenant. One with a wider role than the caller's, and the last owner, stay.
func (s *Service) Remove(ctx context.Context, p tenancy.Principal, member string) error {
	m, err := s.store.Member(ctx, p.Tenant, member)
	if err != nil {
		return err
	}
	if err := s.rights.Covers(ctx, p, m.Role, nil); err != nil {
		return err
	}
	return s.store.DeleteMember(ctx, p.Tenant, member, audit.Of(ctx, p, s.now(), "member/"+member, nil).From(m))
}

// Leave takes the caller out of the tenant. The last owner stays.
func (s *Service) Leave(ctx context.Context, p tenancy.Principal) error {
	m, err := s.store.Member(ctx, p.Tenant, p.Subject)
	if err != nil {
		return err
	}
	return s.store.DeleteMember(ctx, p.Tenant, p.Subject, audit.Of(ctx, p, s.now(), "member/"+p.Subject, nil).From(m))
}

// grantable checks what a person is to become. Owners, admins and finance act on the whole tenant and cannot be confined.
func grantable(ctx context.Context, rights Rights, p tenancy.Principal, role tenancy.Role, facilities []string) error {
	if err := rights.Covers(ctx, p, role, nil); err != nil {
		return err
	}
	confinable := !slices.Contains([]tenancy.Role{tenancy.RoleOwner, tenancy.RoleAdmin, tenancy.RoleFinance}, role)
	if len(facilities) > 0 && !confinable {
		return fmt.Errorf("facilities: the role %s concerns the whole organisation and cannot be confined: %w", role, tenancy.ErrInvalid)
	}
	return nil
}
