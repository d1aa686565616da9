package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/member"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
)

// Invite sends an invitation.
func (s *Members) Invite(ctx context.Context, req *memberv1.InviteRequest) (*memberv1.InviteResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	role, err := roleFromProto(req)
	if err != nil {
		return nil, err
	}
	i, err := s.Invitations.Invite(ctx, p, req.GetEmail(), role, req.GetFacilities())
	if err != nil {
		return nil, err
	}
	return &memberv1.InviteResponse{Invitation: s.invitationToProto(i)}, nil
}

// ListInvitations returns the invitations that were not accepted.
func (s *Members) ListInvitations(ctx context.Context, _ *memberv1.ListInvitationsRequest) (*memberv1.ListInvitationsResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Invitations.List(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &memberv1.ListInvitationsResponse{}
	for _, i := range list {
		res.Invitations = append(res.Invitations, s.invitationToProto(i))
	}
	return res, nil
}

// ResendInvitation sends a new link.
func (s *Members) ResendInvitation(ctx context.Context, req *memberv1.ResendInvitationRequest) (*memberv1.ResendInvitationResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	i, err := s.Invitations.Resend(ctx, p, req.GetInvitationId())
	if err != nil {
		return nil, err
	}
	return &memberv1.ResendInvitationResponse{Invitation: s.invitationToProto(i)}, nil
}

// RevokeInvitation makes the link useless.
func (s *Members) RevokeInvitation(ctx context.Context, req *memberv1.RevokeInvitationRequest) (*memberv1.RevokeInvitationResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &memberv1.RevokeInvitationResponse{}, s.Invitations.Revoke(ctx, p, req.GetInvitationId())
}

// AcceptInvitation makes the signed-in person a member.
func (s *Members) AcceptInvitation(ctx context.Context, req *memberv1.AcceptInvitationRequest) (*memberv1.AcceptInvitationResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.Invitations.Accept(ctx, p, req.GetToken())
	if err != nil {
		return nil, err
	}
	m, err := s.Tenants.Tenants.Membership(ctx, p, id)
	if err != nil {
		return nil, err
	}
	wire, err := s.Tenants.membershipToProto(ctx, p, m)
	if err != nil {
		return nil, err
	}
	return &memberv1.AcceptInvitationResponse{Membership: wire}, nil
}

func (s *Members) invitationToProto(i member.Invitation) *memberv1.Invitation {
	m := &memberv1.Invitation{
		InvitationId: i.ID, Email: i.Email, Facilities: i.Facilities, InvitedBy: i.InvitedBy,
		CreatedAt: timestamppb.New(i.CreatedAt), ExpiresAt: timestamppb.New(i.ExpiresAt), Failure: i.Failure,
		Status: invitationStatus(i, s.Invitations.Now()),
	}
	m.Role, m.CustomRole = roleToProto(i.Role)
	return m
}

func invitationStatus(i member.Invitation, now time.Time) memberv1.InvitationStatus {
	switch {
	case !now.Before(i.ExpiresAt):
		return memberv1.InvitationStatus_INVITATION_STATUS_EXPIRED
	case i.Failure != "":
		return memberv1.InvitationStatus_INVITATION_STATUS_FAILED
	case !i.SentAt.IsZero():
		return memberv1.InvitationStatus_INVITATION_STATUS_SENT
	default:
		return memberv1.InvitationStatus_INVITATION_STATUS_QUEUED
	}
}
