package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/key"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

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

func keyToProto(k key.Key) *tenantv1.Key {
	m := &tenantv1.Key{
		KeyId: k.ID, Name: k.Name, Prefix: k.Prefix, Role: roleToProto(k.Role), CreatedAt: timestamppb.New(k.CreatedAt),
	}
	if !k.ExpiresAt.IsZero() {
		m.ExpiresAt = timestamppb.New(k.ExpiresAt)
	}
	return m
}
