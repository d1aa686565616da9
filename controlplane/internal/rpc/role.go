package rpc

import (
	"context"
	"fmt"

	"github.com/millwright-io/millwright/controlplane/internal/role"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Roles implements RoleServiceHandler.
type Roles struct{ Roles *role.Service }

// List returns what each role may do.
func (s *Roles) List(ctx context.Context, _ *rolev1.ListRequest) (*rolev1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	own, err := s.Roles.List(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &rolev1.ListResponse{}
	for _, t := range tenancy.Roles() {
		res.Roles = append(res.Roles, &rolev1.Role{Role: roles[t.Role], Title: t.Title, Actions: words(t.Actions)})
	}
	for _, r := range own {
		res.Roles = append(res.Roles, customToProto(r))
	}
	for _, a := range tenancy.Actions() {
		if !a.OfAccount() {
			res.Actions = append(res.Actions, string(a))
		}
	}
	return res, nil
}

// Create makes a role of the tenant's own.
func (s *Roles) Create(ctx context.Context, req *rolev1.CreateRequest) (*rolev1.CreateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.Roles.Create(ctx, p, req.GetCustomRole(), req.GetTitle(), req.GetActions())
	if err != nil {
		return nil, err
	}
	return &rolev1.CreateResponse{Role: customToProto(r)}, nil
}

// Update replaces title and actions of a role of the tenant's own.
func (s *Roles) Update(ctx context.Context, req *rolev1.UpdateRequest) (*rolev1.UpdateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.Roles.Update(ctx, p, req.GetCustomRole(), req.GetTitle(), req.GetActions(), req.GetRevision())
	if err != nil {
		return nil, err
	}
	return &rolev1.UpdateResponse{Role: customToProto(r)}, nil
}

// Delete forgets a role of the tenant's own that nobody has.
func (s *Roles) Delete(ctx context.Context, req *rolev1.DeleteRequest) (*rolev1.DeleteResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &rolev1.DeleteResponse{}, s.Roles.Delete(ctx, p, req.GetCustomRole())
}

func customToProto(r role.Role) *rolev1.Role {
	return &rolev1.Role{
		Role: tenantv1.Role_ROLE_CUSTOM, CustomRole: r.Name, Title: r.Title, Actions: words(r.Actions), Revision: r.Revision,
		ChangedBy: r.ChangedBy, ChangedAt: timestamp(r.ChangedAt),
	}
}

var roles = map[tenancy.Role]tenantv1.Role{
	tenancy.RoleOwner: tenantv1.Role_ROLE_OWNER, tenancy.RoleAdmin: tenantv1.Role_ROLE_ADMIN,
	tenancy.RoleOperator: tenantv1.Role_ROLE_OPERATOR, tenancy.RoleMaintenance: tenantv1.Role_ROLE_MAINTENANCE,
	tenancy.RoleQuality: tenantv1.Role_ROLE_QUALITY, tenancy.RoleFinance: tenantv1.Role_ROLE_FINANCE,
	tenancy.RoleViewer: tenantv1.Role_ROLE_VIEWER,
}

// roleToProto returns a role's two fields.
func roleToProto(r tenancy.Role) (tenantv1.Role, string) {
	if name, ok := r.Custom(); ok {
		return tenantv1.Role_ROLE_CUSTOM, name
	}
	return roles[r], ""
}

// named is a message that names a role.
type named interface {
	GetRole() tenantv1.Role
	GetCustomRole() string
}

func roleFromProto(m named) (tenancy.Role, error) {
	if custom := m.GetRole() == tenantv1.Role_ROLE_CUSTOM; custom != (m.GetCustomRole() != "") {
		return "", fmt.Errorf("custom_role: name a role of your organisation's own with ROLE_CUSTOM, and only then: %w", tenancy.ErrInvalid)
	} else if custom {
		return tenancy.CustomRole(m.GetCustomRole()), nil
	}
	for role, wire := range roles {
		if wire == m.GetRole() {
			return role, nil
		}
	}
	return "", fmt.Errorf("role: name one: %w", tenancy.ErrInvalid)
}

// words are actions on the wire.
func words(actions []tenancy.Action) []string {
	var list []string
	for _, a := range actions {
		list = append(list, string(a))
	}
	return list
}
