package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/member"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Members implements MemberServiceHandler.
type Members struct {
	Members     *member.Service
	Invitations *member.Invitations
	// Tenants tells the membership that an accepted invitation gave.
	Tenants *Tenants
}

// List returns the people of the tenant.
func (s *Members) List(ctx context.Context, _ *memberv1.ListRequest) (*memberv1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Members.List(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &memberv1.ListResponse{}
	for _, m := range list {
		res.Members = append(res.Members, memberToProto(m))
	}
	return res, nil
}

// Update gives a member another role and other facilities.
func (s *Members) Update(ctx context.Context, req *memberv1.UpdateRequest) (*memberv1.UpdateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.Members.Update(ctx, p, req.GetMemberId(), roleFromProto(req.GetRole()), req.GetFacilities())
	if err != nil {
		return nil, err
	}
	return &memberv1.UpdateResponse{Member: memberToProto(m)}, nil
}

// Remove takes a person out of the tenant.
func (s *Members) Remove(ctx context.Context, req *memberv1.RemoveRequest) (*memberv1.RemoveResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &memberv1.RemoveResponse{}, s.Members.Remove(ctx, p, req.GetMemberId())
}

// Leave takes the caller out of the tenant.
func (s *Members) Leave(ctx context.Context, _ *memberv1.LeaveRequest) (*memberv1.LeaveResponse, error) {
	if _, err := person(ctx); err != nil {
		return nil, err
	}
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &memberv1.LeaveResponse{}, s.Members.Leave(ctx, p)
}

// ListRoles returns what each role may do.
func (*Members) ListRoles(context.Context, *memberv1.ListRolesRequest) (*memberv1.ListRolesResponse, error) {
	res := &memberv1.ListRolesResponse{}
	for _, t := range tenancy.Roles() {
		res.Roles = append(res.Roles, &memberv1.RoleTemplate{Role: roleToProto(t.Role), Title: t.Title, Actions: actionsToProto(t.Role)})
	}
	for _, a := range tenancy.Actions() {
		if !a.OfAccount() {
			res.Actions = append(res.Actions, string(a))
		}
	}
	return res, nil
}

func memberToProto(m member.Member) *memberv1.Member {
	return &memberv1.Member{
		MemberId: m.ID, Email: m.Email, Role: roleToProto(m.Role), Facilities: m.Facilities, CreatedAt: timestamppb.New(m.CreatedAt),
	}
}

var roles = map[tenancy.Role]tenantv1.Role{
	tenancy.RoleOwner: tenantv1.Role_ROLE_OWNER, tenancy.RoleAdmin: tenantv1.Role_ROLE_ADMIN,
	tenancy.RoleOperator: tenantv1.Role_ROLE_OPERATOR, tenancy.RoleMaintenance: tenantv1.Role_ROLE_MAINTENANCE,
	tenancy.RoleQuality: tenantv1.Role_ROLE_QUALITY, tenancy.RoleFinance: tenantv1.Role_ROLE_FINANCE,
	tenancy.RoleViewer: tenantv1.Role_ROLE_VIEWER,
}

func roleToProto(r tenancy.Role) tenantv1.Role { return roles[r] }

// roleFromProto returns an empty, invalid role for what is unknown.
func roleFromProto(r tenantv1.Role) tenancy.Role {
	for role, wire := range roles {
		if wire == r {
			return role
		}
	}
	return ""
}

func actionsToProto(r tenancy.Role) []string {
	var list []string
	for _, a := range r.Actions() {
		list = append(list, string(a))
	}
	return list
}
