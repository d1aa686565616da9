package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/key"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Keyring implements KeyServiceHandler.
type Keyring struct{ Keys *key.Service }

// Create makes an API key.
func (s *Keyring) Create(ctx context.Context, req *keyv1.CreateRequest) (*keyv1.CreateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	w := key.Wish{
		Name: req.GetName(), Scopes: req.GetScopes(), Facilities: req.GetFacilities(), ServiceAccount: req.GetServiceAccountId(),
	}
	if w.ServiceAccount == "" || req.GetRole() != 0 {
		if w.Role, err = roleFromProto(req); err != nil {
			return nil, err
		}
	}
	if req.GetExpiresAt() != nil {
		w.ExpiresAt = req.GetExpiresAt().AsTime()
	}
	k, secret, err := s.Keys.Create(ctx, p, w)
	if err != nil {
		return nil, err
	}
	return &keyv1.CreateResponse{Key: keyToProto(k), Secret: secret}, nil
}

// List returns the tenant's API keys.
func (s *Keyring) List(ctx context.Context, _ *keyv1.ListRequest) (*keyv1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Keys.List(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &keyv1.ListResponse{}
	for _, k := range list {
		res.Keys = append(res.Keys, keyToProto(k))
	}
	return res, nil
}

// Rotate gives a key another secret.
func (s *Keyring) Rotate(ctx context.Context, req *keyv1.RotateRequest) (*keyv1.RotateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	k, secret, err := s.Keys.Rotate(ctx, p, req.GetKeyId(), req.GetOverlap().AsDuration())
	if err != nil {
		return nil, err
	}
	return &keyv1.RotateResponse{Key: keyToProto(k), Secret: secret}, nil
}

// Revoke makes a key useless.
func (s *Keyring) Revoke(ctx context.Context, req *keyv1.RevokeRequest) (*keyv1.RevokeResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Keys.Revoke(ctx, p, req.GetKeyId()); err != nil {
		return nil, err
	}
	return &keyv1.RevokeResponse{}, nil
}

// CreateServiceAccount makes a service account.
func (s *Keyring) CreateServiceAccount(ctx context.Context, req *keyv1.CreateServiceAccountRequest) (*keyv1.CreateServiceAccountResponse, error) {
	p, a, err := account(ctx, req)
	if err != nil {
		return nil, err
	}
	if a, err = s.Keys.CreateAccount(ctx, p, a); err != nil {
		return nil, err
	}
	return &keyv1.CreateServiceAccountResponse{ServiceAccount: accountToProto(a)}, nil
}

// ListServiceAccounts returns the tenant's service accounts.
func (s *Keyring) ListServiceAccounts(ctx context.Context, _ *keyv1.ListServiceAccountsRequest) (*keyv1.ListServiceAccountsResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Keys.Accounts(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &keyv1.ListServiceAccountsResponse{}
	for _, a := range list {
		res.ServiceAccounts = append(res.ServiceAccounts, accountToProto(a))
	}
	return res, nil
}

// UpdateServiceAccount gives a service account another role and other facilities.
func (s *Keyring) UpdateServiceAccount(ctx context.Context, req *keyv1.UpdateServiceAccountRequest) (*keyv1.UpdateServiceAccountResponse, error) {
	p, a, err := account(ctx, req)
	if err != nil {
		return nil, err
	}
	if a, err = s.Keys.UpdateAccount(ctx, p, a); err != nil {
		return nil, err
	}
	return &keyv1.UpdateServiceAccountResponse{ServiceAccount: accountToProto(a)}, nil
}

// DeleteServiceAccount forgets a service account and its keys.
func (s *Keyring) DeleteServiceAccount(ctx context.Context, req *keyv1.DeleteServiceAccountRequest) (*keyv1.DeleteServiceAccountResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &keyv1.DeleteServiceAccountResponse{}, s.Keys.DeleteAccount(ctx, p, req.GetServiceAccountId())
}

// account reads what making and changing a service account have in common.
func account(ctx context.Context, req interface {
	named
	GetServiceAccountId() string
	GetTitle() string
	GetFacilities() []string
},
) (p tenancy.Principal, a key.ServiceAccount, err error) {
	if p, err = caller(ctx); err != nil {
		return p, a, err
	}
	a = key.ServiceAccount{Name: req.GetServiceAccountId(), Title: req.GetTitle(), Facilities: req.GetFacilities()}
	a.Role, err = roleFromProto(req)
	return p, a, err
}

func accountToProto(a key.ServiceAccount) *keyv1.ServiceAccount {
	m := &keyv1.ServiceAccount{
		ServiceAccountId: a.Name, Title: a.Title, Facilities: a.Facilities, CreatedBy: a.CreatedBy,
		CreatedAt: timestamppb.New(a.CreatedAt), Keys: int32(a.Keys), //nolint:gosec // far below the limit of keys
	}
	m.Role, m.CustomRole = roleToProto(a.Role)
	return m
}

func keyToProto(k key.Key) *keyv1.Key {
	m := &keyv1.Key{
		KeyId: k.ID, Name: k.Name, Scopes: words(k.Scopes), Facilities: k.Facilities, ServiceAccountId: k.ServiceAccount,
		CreatedBy: k.CreatedBy, CreatedAt: timestamppb.New(k.CreatedAt), ExpiresAt: timestamp(k.ExpiresAt),
	}
	m.Role, m.CustomRole = roleToProto(k.Role)
	for _, s := range k.Secrets {
		m.Secrets = append(m.Secrets, &keyv1.Secret{
			Prefix: s.Prefix, CreatedAt: timestamppb.New(s.CreatedAt), ExpiresAt: timestamp(s.ExpiresAt),
			LastUsedAt: timestamp(s.UsedAt), LastUsedAddress: s.UsedAddress, LastUsedAtPlane: s.UsedPlane,
		})
	}
	return m
}

// timestamp writes the zero time as unset.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
