package rpc

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Certificates implements CertificateServiceHandler.
type Certificates struct {
	Certificates *certificate.Service
	// EST is where devices enrol; empty when it is turned off.
	EST string
	// CRL is where the revocation list of a tenant's CA is.
	CRL func(tenancy.ID) string
	// Root is the DER of the platform's root.
	Root []byte
	// Life is how long a new certificate lives.
	Life time.Duration
}

// List returns a page of the inventory; the page token holds the end and the serial of the last one shown.
func (s *Certificates) List(ctx context.Context, req *certificatev1.ListRequest) (*certificatev1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	after, err := placeOf(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	f := certificate.Filter{Status: statusFromProto(req.GetStatus()), DevicePrefix: req.GetDevicePrefix(), Authority: req.GetAuthorityId()}
	if req.GetExpiresBefore() != nil {
		f.ExpiresBefore = req.GetExpiresBefore().AsTime()
	}
	list, total, err := s.Certificates.List(ctx, p, f, after, size+1)
	if err != nil {
		return nil, err
	}
	res := &certificatev1.ListResponse{Total: int32(total)} //nolint:gosec // far below
	if len(list) > size {
		list = list[:size]
		res.NextPageToken = tokenOf(list[size-1])
	}
	for _, e := range list {
		res.Certificates = append(res.Certificates, &certificatev1.InventoryEntry{DeviceId: e.Device, Certificate: certificateToProto(e.Certificate, e.Status)})
	}
	return res, nil
}

func tokenOf(e certificate.Entry) string {
	return base64.RawURLEncoding.EncodeToString([]byte(e.NotAfter.UTC().Format(time.RFC3339Nano) + " " + e.Serial))
}

func placeOf(token string) (*certificate.Place, error) {
	if token == "" {
		return nil, nil //nolint:nilnil // the first page
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	at, serial, ok := strings.Cut(string(text), " ")
	if err == nil && ok {
		if end, err := time.Parse(time.RFC3339Nano, at); err == nil {
			return &certificate.Place{NotAfter: end, Serial: serial}, nil
		}
	}
	return nil, fmt.Errorf("page_token: it is not from a response of this call: %w", tenancy.ErrInvalid)
}

// GetOverview counts, and says where devices enrol.
func (s *Certificates) GetOverview(ctx context.Context, _ *certificatev1.GetOverviewRequest) (*certificatev1.GetOverviewResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	o, err := s.Certificates.Overview(ctx, p)
	if err != nil {
		return nil, err
	}
	intermediate, err := s.Certificates.Authority(ctx, p)
	if err != nil {
		return nil, err
	}
	count := func(status device.CertificateStatus) int32 { return int32(o.Counts[status]) } //nolint:gosec // far below
	res := &certificatev1.GetOverviewResponse{
		Active: count(device.CertificateActive), Expiring: count(device.CertificateExpiring), Superseded: count(device.CertificateSuperseded),
		Expired: count(device.CertificateExpired), Revoked: count(device.CertificateRevoked),
		EstUrl: s.EST, CrlUrl: s.CRL(p.Tenant), RootPem: certificatePEM(s.Root), IntermediatePem: certificatePEM(intermediate),
		LifeSeconds: int64(s.Life / time.Second),
	}
	for _, d := range o.Expiry {
		res.Expiry = append(res.Expiry, &certificatev1.ExpiryDay{Day: d.Day, Count: int32(d.Count)}) //nolint:gosec // far below
	}
	return res, nil
}

// Revoke makes certificates useless.
func (s *Certificates) Revoke(ctx context.Context, req *certificatev1.RevokeRequest) (*certificatev1.RevokeResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	certificates, devices, err := s.Certificates.Revoke(ctx, p, certificate.Selection{
		Serials: req.GetSerials(), Devices: req.GetDeviceIds(), Type: req.GetDeviceType(), Facility: req.GetFacility(), Line: req.GetLine(), Group: req.GetGroupId(),
		SupersededOnly: req.GetSupersededOnly(),
	}, req.GetDryRun())
	if err != nil {
		return nil, err
	}
	return &certificatev1.RevokeResponse{Certificates: int32(certificates), Devices: int32(devices)}, nil //nolint:gosec // far below
}

func certificatePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

var certificateStatuses = map[device.CertificateStatus]devicev1.CertificateStatus{
	device.CertificateActive:     devicev1.CertificateStatus_CERTIFICATE_STATUS_ACTIVE,
	device.CertificateExpiring:   devicev1.CertificateStatus_CERTIFICATE_STATUS_EXPIRING,
	device.CertificateSuperseded: devicev1.CertificateStatus_CERTIFICATE_STATUS_SUPERSEDED,
	device.CertificateExpired:    devicev1.CertificateStatus_CERTIFICATE_STATUS_EXPIRED,
	device.CertificateRevoked:    devicev1.CertificateStatus_CERTIFICATE_STATUS_REVOKED,
}

var certificateOrigins = map[device.Origin]devicev1.CertificateOrigin{
	device.OriginAPI:          devicev1.CertificateOrigin_CERTIFICATE_ORIGIN_API,
	device.OriginClaim:        devicev1.CertificateOrigin_CERTIFICATE_ORIGIN_CLAIM,
	device.OriginRenewal:      devicev1.CertificateOrigin_CERTIFICATE_ORIGIN_RENEWAL,
	device.OriginOwnAuthority: devicev1.CertificateOrigin_CERTIFICATE_ORIGIN_OWN_AUTHORITY,
}

func statusFromProto(s devicev1.CertificateStatus) device.CertificateStatus {
	for status, value := range certificateStatuses {
		if value == s {
			return status
		}
	}
	return ""
}

func certificateToProto(c device.Certificate, status device.CertificateStatus) *devicev1.Certificate {
	m := &devicev1.Certificate{
		Serial: c.Serial, Status: certificateStatuses[status], Origin: certificateOrigins[c.Origin], AuthorityId: c.Authority,
		NotBefore: timestamppb.New(c.NotBefore), NotAfter: timestamppb.New(c.NotAfter), RenewAt: timestamppb.New(c.RenewAt()),
	}
	if !c.RevokedAt.IsZero() {
		m.RevokedAt = timestamppb.New(c.RevokedAt)
	}
	return m
}
