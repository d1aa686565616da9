package rpc

import (
	"context"
	"crypto/x509"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// CreateTemplate describes devices that may be made when they first enrol.
func (s *Certificates) CreateTemplate(ctx context.Context, req *certificatev1.CreateTemplateRequest) (*certificatev1.CreateTemplateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	l := req.GetLocation()
	t, err := s.Certificates.CreateTemplate(ctx, p, certificate.Template{
		Name: req.GetName(), DeviceType: req.GetDeviceType(), Labels: req.GetLabels(), IDPattern: req.GetIdPattern(), MaxDevices: int(req.GetMaxDevices()),
		Location: device.Location{Facility: l.GetFacility(), Line: l.GetLine(), Station: l.GetStation()},
	})
	if err != nil {
		return nil, err
	}
	return &certificatev1.CreateTemplateResponse{Template: templateToProto(t)}, nil
}

// ListTemplates returns all by name.
func (s *Certificates) ListTemplates(ctx context.Context, _ *certificatev1.ListTemplatesRequest) (*certificatev1.ListTemplatesResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Certificates.Templates(ctx, p)
	if err != nil {
		return nil, err
	}
	res := &certificatev1.ListTemplatesResponse{}
	for _, t := range list {
		res.Templates = append(res.Templates, templateToProto(t))
	}
	return res, nil
}

// DeleteTemplate removes a template.
func (s *Certificates) DeleteTemplate(ctx context.Context, req *certificatev1.DeleteTemplateRequest) (*certificatev1.DeleteTemplateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &certificatev1.DeleteTemplateResponse{}, s.Certificates.DeleteTemplate(ctx, p, req.GetTemplateId())
}

func templateToProto(t certificate.Template) *certificatev1.Template {
	return &certificatev1.Template{
		TemplateId: t.ID, Name: t.Name, DeviceType: t.DeviceType, Labels: t.Labels, IdPattern: t.IDPattern,
		Location:   &devicev1.Location{Facility: t.Location.Facility, Line: t.Location.Line, Station: t.Location.Station},
		MaxDevices: int32(t.MaxDevices), Devices: int32(t.Devices), CreatedAt: timestamppb.New(t.CreatedAt), CreatedBy: t.CreatedBy, //nolint:gosec // bounded
	}
}

// CreateClaimToken makes a token.
func (s *Certificates) CreateClaimToken(ctx context.Context, req *certificatev1.CreateClaimTokenRequest) (*certificatev1.CreateClaimTokenResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	c, secret, err := s.Certificates.CreateClaim(ctx, p, certificate.Claim{
		Template: req.GetTemplateId(), Device: req.GetDeviceId(), MaxUses: int(req.GetMaxUses()),
	}, time.Duration(req.GetLifeSeconds())*time.Second)
	if err != nil {
		return nil, err
	}
	return &certificatev1.CreateClaimTokenResponse{ClaimToken: s.claimToProto(c), Secret: secret, EstUrl: s.EST}, nil
}

// ListClaimTokens returns the newest tokens.
func (s *Certificates) ListClaimTokens(ctx context.Context, _ *certificatev1.ListClaimTokensRequest) (*certificatev1.ListClaimTokensResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Certificates.Claims(ctx, p)
	if err != nil {
		return nil, err
	}
	res := &certificatev1.ListClaimTokensResponse{}
	for _, c := range list {
		res.ClaimTokens = append(res.ClaimTokens, s.claimToProto(c))
	}
	return res, nil
}

// RevokeClaimToken makes a token useless.
func (s *Certificates) RevokeClaimToken(ctx context.Context, req *certificatev1.RevokeClaimTokenRequest) (*certificatev1.RevokeClaimTokenResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &certificatev1.RevokeClaimTokenResponse{}, s.Certificates.RevokeClaim(ctx, p, req.GetClaimTokenId())
}

func (s *Certificates) claimToProto(c certificate.Claim) *certificatev1.ClaimToken {
	return &certificatev1.ClaimToken{
		ClaimTokenId: c.ID, Prefix: c.Prefix, TemplateId: c.Template, DeviceId: c.Device, MaxUses: int32(c.MaxUses), Uses: int32(c.Uses), //nolint:gosec // bounded
		Status:    certificatev1.ClaimTokenStatus(certificatev1.ClaimTokenStatus_value["CLAIM_TOKEN_STATUS_"+s.Certificates.ClaimStatus(c)]),
		CreatedAt: timestamppb.New(c.CreatedAt), CreatedBy: c.CreatedBy, ExpiresAt: timestamppb.New(c.ExpiresAt),
	}
}

// RegisterAuthority names a CA of the tenant's own.
func (s *Certificates) RegisterAuthority(ctx context.Context, req *certificatev1.RegisterAuthorityRequest) (*certificatev1.RegisterAuthorityResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	a := certificate.Authority{Name: req.GetName(), Template: req.GetTemplateId()}
	if req.GetIdentity() == certificatev1.IdentitySource_IDENTITY_SOURCE_URI {
		a.Identity = certificate.IdentityURI
	}
	if a, err = s.Certificates.RegisterAuthority(ctx, p, a, req.GetCertificatePem()); err != nil {
		return nil, err
	}
	return &certificatev1.RegisterAuthorityResponse{Authority: authorityToProto(a)}, nil
}

// VerifyAuthority proves possession of a CA's key.
func (s *Certificates) VerifyAuthority(ctx context.Context, req *certificatev1.VerifyAuthorityRequest) (*certificatev1.VerifyAuthorityResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.Certificates.VerifyAuthority(ctx, p, req.GetAuthorityId(), req.GetCertificatePem())
	if err != nil {
		return nil, err
	}
	return &certificatev1.VerifyAuthorityResponse{Authority: authorityToProto(a)}, nil
}

// ListAuthorities returns the tenant's own CAs.
func (s *Certificates) ListAuthorities(ctx context.Context, _ *certificatev1.ListAuthoritiesRequest) (*certificatev1.ListAuthoritiesResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Certificates.Authorities(ctx, p)
	if err != nil {
		return nil, err
	}
	res := &certificatev1.ListAuthoritiesResponse{}
	for _, a := range list {
		res.Authorities = append(res.Authorities, authorityToProto(a))
	}
	return res, nil
}

// RevokeAuthority makes every certificate of a CA useless.
func (s *Certificates) RevokeAuthority(ctx context.Context, req *certificatev1.RevokeAuthorityRequest) (*certificatev1.RevokeAuthorityResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.Certificates.RevokeAuthority(ctx, p, req.GetAuthorityId())
	if err != nil {
		return nil, err
	}
	return &certificatev1.RevokeAuthorityResponse{Authority: authorityToProto(a)}, nil
}

func authorityToProto(a certificate.Authority) *certificatev1.Authority {
	m := &certificatev1.Authority{
		AuthorityId: a.ID, Name: a.Name, Fingerprint: certificate.Fingerprint(a.Certificate), TemplateId: a.Template,
		Identity: certificatev1.IdentitySource_IDENTITY_SOURCE_COMMON_NAME, CreatedAt: timestamppb.New(a.CreatedAt),
	}
	if ca, err := x509.ParseCertificate(a.Certificate); err == nil {
		m.Subject, m.NotAfter = ca.Subject.String(), timestamppb.New(ca.NotAfter)
	}
	if a.Identity == certificate.IdentityURI {
		m.Identity = certificatev1.IdentitySource_IDENTITY_SOURCE_URI
	}
	if !a.VerifiedAt.IsZero() {
		m.VerifiedAt = timestamppb.New(a.VerifiedAt)
	}
	switch a.Status {
	case certificate.AuthorityPending:
		m.Status, m.VerificationCode = certificatev1.AuthorityStatus_AUTHORITY_STATUS_PENDING, a.VerificationCode
	case certificate.AuthorityActive:
		m.Status = certificatev1.AuthorityStatus_AUTHORITY_STATUS_ACTIVE
	case certificate.AuthorityRevoked:
		m.Status, m.RevokedAt = certificatev1.AuthorityStatus_AUTHORITY_STATUS_REVOKED, timestamppb.New(a.RevokedAt)
	}
	return m
}
