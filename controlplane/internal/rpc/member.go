package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/controlplane/internal/member"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// ListMembers returns the people of the tenant.
func (s *Tenants) ListMembers(ctx context.Context, _ *tenantv1.ListMembersRequest) (*tenantv1.ListMembersResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Members.List(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &tenantv1.ListMembersResponse{}
	for _, m := range list {
		res.Members = append(res.Members, memberToProto(m))
	}
	return res, nil
}

// AddMember gives a person a role.
func (s *Tenants) AddMember(ctx context.Context, req *tenantv1.AddMemberRequest) (*tenantv1.AddMemberResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.Members.Add(ctx, p, req.GetEmail(), roleFromProto(req.GetRole()))
	if err != nil {
		return nil, err
	}
	return &tenantv1.AddMemberResponse{Member: memberToProto(m)}, nil
}

// RemoveMember takes a person out of the tenant.
func (s *Tenants) RemoveMember(ctx context.Context, req *tenantv1.RemoveMemberRequest) (*tenantv1.RemoveMemberResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Members.Remove(ctx, p, req.GetMemberId()); err != nil {
		return nil, err
	}
	return &tenantv1.RemoveMemberResponse{}, nil
}

// CreateKey makes an API key.
func (s *Tenants) CreateKey(ctx context.Context, req *tenantv1.CreateKeyRequest) (*tenantv1.CreateKeyResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	var expires time.Time
	if req.GetExpiresAt() != nil {
		expires = req.GetExpiresAt().AsTime()
	}
	k, secret, err := s.Keys.Create(ctx, p, req.GetName(), roleFromProto(req.GetRole()), expires)
	if err != nil {
		return nil, err
	}
	return &tenantv1.CreateKeyResponse{Key: keyToProto(k), Secret: secret}, nil
}

// ListKeys returns the tenant's API keys.
func (s *Tenants) ListKeys(ctx context.Context, _ *tenantv1.ListKeysRequest) (*tenantv1.ListKeysResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Keys.List(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &tenantv1.ListKeysResponse{}
	for _, k := range list {
		res.Keys = append(res.Keys, keyToProto(k))
	}
	return res, nil
}

// RevokeKey makes a key useless.
func (s *Tenants) RevokeKey(ctx context.Context, req *tenantv1.RevokeKeyRequest) (*tenantv1.RevokeKeyResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Keys.Revoke(ctx, p, req.GetKeyId()); err != nil {
		return nil, err
	}
	return &tenantv1.RevokeKeyResponse{}, nil
}

func memberToProto(m member.Member) *tenantv1.Member {
	return &tenantv1.Member{MemberId: m.ID, Email: m.Email, Role: roleToProto(m.Role), CreatedAt: timestamppb.New(m.CreatedAt)}
}

func keyToProto(k key.Key) *tenantv1.Key {
	m := &tenantv1.Key{
		KeyId: k.ID, Name: k.Name, Prefix: k.Prefix, Role: roleToProto(k.Role), CreatedAt: timestamppb.New(k.CreatedAt),
	}
	if !k.ExpiresAt.IsZero() {
		m.ExpiresAt = timestamppb.New(k.ExpiresAt)
	}
	return m
}
