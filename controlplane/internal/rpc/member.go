package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/member"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
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
	role, err := roleFromProto(req)
	if err != nil {
		return nil, err
	}
	m, err := s.Members.Update(ctx, p, req.GetMemberId(), role, req.GetFacilities())
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

func memberToProto(m member.Member) *memberv1.Member {
	out := &memberv1.Member{MemberId: m.ID, Email: m.Email, Facilities: m.Facilities, CreatedAt: timestamppb.New(m.CreatedAt)}
	out.Role, out.CustomRole = roleToProto(m.Role)
	return out
}
