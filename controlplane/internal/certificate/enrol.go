package certificate

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

// EnrolStore is what enrolment and renewal need of the store.
type EnrolStore interface {
	// Enrol uses the token once, makes the device unless it exists, and gives it the certificate: all or nothing. It fails
	// with ErrUnauthenticated when the token was used up meanwhile, with ErrExists when a template's device exists and is
	// not blank, and with a *tenancy.LimitError at the limits of devices, of the tenant and of the template.
	Enrol(ctx context.Context, c Claim, d device.Device, cert device.Certificate, e audit.Entry) error
	Device(ctx context.Context, id tenancy.ID, device string) (device.Device, error)
	InsertCertificate(ctx context.Context, id tenancy.ID, device string, c device.Certificate, e audit.Entry) error
	// Authority returns the tenant's intermediate CA and its sealed key.
	Authority(ctx context.Context, id tenancy.ID) (certificate, sealedKey []byte, err error)
	AppendAudit(ctx context.Context, e audit.Entry) error
}

// Request is a certificate signing request and the name in it, which may be empty.
type Request struct {
	PEM        string
	CommonName string
}

// Enrol gives a device its first certificate for a claim token.
func (s *Service) Enrol(ctx context.Context, secret string, r Request) (device.Credentials, error) {
	unknown := fmt.Errorf("the claim token is not known: check that it was copied whole, it looks like %s…: %w", ClaimPrefix, tenancy.ErrUnauthenticated)
	id, ok := claimID(secret)
	if !ok {
		return device.Credentials{}, unknown
	}
	c, err := s.store.PresentedClaim(ctx, id)
	if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
		return device.Credentials{}, err
	}
	if err != nil || !c.matches(secret) {
		return device.Credentials{}, unknown
	}
	p := tenancy.Principal{Tenant: c.Tenant, Actor: "claim:" + c.Prefix}
	cred, err := s.enrol(ctx, p, c, r)
	if err != nil {
		s.refused(ctx, p, err)
	}
	return cred, err
}

func (s *Service) enrol(ctx context.Context, p tenancy.Principal, c Claim, r Request) (device.Credentials, error) {
	now := s.now().UTC()
	if err := c.Usable(now); err != nil {
		return device.Credentials{}, err
	}
	d, err := s.claimed(ctx, c, r.CommonName, now)
	if err != nil {
		return device.Credentials{}, err
	}
	cred, err := s.issue(ctx, c.Tenant, d.ID, r.PEM)
	if err != nil {
		return device.Credentials{}, err
	}
	cred.Description.Origin = device.OriginClaim
	d.Certificates = []device.Certificate{cred.Description}
	e := audit.Of(ctx, p, now, "device/"+d.ID, d)
	return cred, s.store.Enrol(ctx, c, d, cred.Description, e)
}

// claimed is the device that a token may enrol under that name.
func (s *Service) claimed(ctx context.Context, c Claim, name string, now time.Time) (device.Device, error) {
	if c.Device != "" {
		if name != "" && name != c.Device {
			return device.Device{}, fmt.Errorf("the request is for %q, the claim token is for device %s: make the common name %s: %w", short(name), c.Device, c.Device, tenancy.ErrForbidden)
		}
		d, err := s.store.Device(ctx, c.Tenant, c.Device)
		if err == nil {
			err = sendable(d)
		}
		return d, err
	}
	if name == "" {
		return device.Device{}, fmt.Errorf("the request names no device: make its common name the device's id: %w", tenancy.ErrInvalid)
	}
	t, err := s.store.Template(ctx, c.Tenant, c.Template)
	if err != nil {
		return device.Device{}, err
	}
	return t.device(name, now)
}

// Renew gives a device a further certificate for one that is still good. leaf was proved in the TLS handshake; its chain
// was not verified yet.
func (s *Service) Renew(ctx context.Context, leaf *x509.Certificate, root *x509.Certificate, claimed Holder, r Request) (device.Credentials, error) {
	now := s.now().UTC()
	intermediate, _, err := s.store.Authority(ctx, claimed.Tenant)
	if errors.Is(err, tenancy.ErrNotFound) {
		return device.Credentials{}, fmt.Errorf("the certificate was not issued by this installation: %w", tenancy.ErrUnauthenticated)
	}
	if err != nil {
		return device.Credentials{}, err
	}
	if err := issuedBy(leaf, intermediate, root, now); err != nil {
		return device.Credentials{}, err
	}
	serial := leaf.SerialNumber.Text(16)
	p := tenancy.Principal{Tenant: claimed.Tenant, Actor: "device:" + claimed.Device}
	cred, err := s.renew(ctx, p, claimed, serial, r, now)
	if err != nil {
		s.refused(ctx, p, err)
	}
	return cred, err
}

func (s *Service) renew(ctx context.Context, p tenancy.Principal, claimed Holder, serial string, r Request, now time.Time) (device.Credentials, error) {
	if r.CommonName != "" && r.CommonName != claimed.Device {
		return device.Credentials{}, fmt.Errorf("the request is for %q, the certificate is that of device %s: the names must be the same: %w", short(r.CommonName), claimed.Device, tenancy.ErrForbidden)
	}
	d, err := s.store.Device(ctx, claimed.Tenant, claimed.Device)
	if errors.Is(err, tenancy.ErrNotFound) {
		return device.Credentials{}, fmt.Errorf("device %s does not exist any more: %w", claimed.Device, tenancy.ErrForbidden)
	}
	if err != nil {
		return device.Credentials{}, err
	}
	if err := sendable(d); err != nil {
		return device.Credentials{}, err
	}
	good, known := 0, false
	for _, c := range d.Certificates {
		if c.Serial == serial {
			known = true
			if !c.RevokedAt.IsZero() {
				return device.Credentials{}, fmt.Errorf("certificate %s of device %s is revoked: enrol with a claim token: %w", serial, d.ID, tenancy.ErrForbidden)
			}
		}
		if c.RevokedAt.IsZero() && now.Before(c.NotAfter) {
			good++
		}
	}
	if !known {
		return device.Credentials{}, fmt.Errorf("certificate %s is not one of device %s: enrol with a claim token: %w", serial, d.ID, tenancy.ErrForbidden)
	}
	if good >= device.MaxCertificates {
		return device.Credentials{}, &tenancy.LimitError{Limit: tenancy.LimitCertificates, Scope: "device " + d.ID, Current: int64(good), Maximum: device.MaxCertificates}
	}
	cred, err := s.issue(ctx, claimed.Tenant, d.ID, r.PEM)
	if err != nil {
		return device.Credentials{}, err
	}
	cred.Description.Origin = device.OriginRenewal
	return cred, s.store.InsertCertificate(ctx, claimed.Tenant, d.ID, cred.Description, audit.Of(ctx, p, now, "device/"+d.ID, cred.Description))
}

// Holder is whom a certificate names.
type Holder struct {
	Tenant tenancy.ID
	Device string
}

// sendable refuses a device that may not send: a new certificate would not help it.
func sendable(d device.Device) error {
	if d.Status == device.StatusRetired {
		return fmt.Errorf("device %s is retired: %w", d.ID, tenancy.ErrForbidden)
	}
	if d.Status == device.StatusSuspended {
		return fmt.Errorf("device %s is suspended: resume it first: %w", d.ID, tenancy.ErrForbidden)
	}
	return nil
}

// issuedBy verifies that a leaf was issued by the tenant's intermediate, and holds now by our clock.
func issuedBy(leaf *x509.Certificate, intermediate []byte, root *x509.Certificate, now time.Time) error {
	ca, err := x509.ParseCertificate(intermediate)
	if err != nil {
		return fmt.Errorf("read intermediate: %w", err)
	}
	switch {
	case leaf.CheckSignatureFrom(ca) != nil:
		return fmt.Errorf("the certificate was not issued by the authority of its organisation: %w", tenancy.ErrUnauthenticated)
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate expired on %s, and it is %s here: enrol with a claim token: %w",
			leaf.NotAfter.UTC().Format(time.RFC3339), now.Format(time.RFC3339), tenancy.ErrUnauthenticated)
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is valid from %s on, and it is %s here: %w",
			leaf.NotBefore.UTC().Format(time.RFC3339), now.Format(time.RFC3339), tenancy.ErrUnauthenticated)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	between.AddCert(ca)
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return fmt.Errorf("the certificate is not valid (%s): %w", err.Error(), tenancy.ErrUnauthenticated)
	}
	return nil
}

func (s *Service) issue(ctx context.Context, id tenancy.ID, device, csrPEM string) (cred device.Credentials, err error) {
	certificate, sealed, err := s.store.Authority(ctx, id)
	if err != nil {
		return cred, err
	}
	if cred, err = s.issuer.IssueDevice(ctx, id, device, csrPEM, certificate, sealed); err != nil {
		return cred, fmt.Errorf("issue certificate for device %s: %w", device, err)
	}
	return cred, nil
}

// refused notes in the tenant's audit log what was refused to a caller who proved a credential of it. The refusal stands
// whether or not it could be noted.
func (s *Service) refused(ctx context.Context, p tenancy.Principal, err error) {
	if errors.Is(err, tenancy.ErrUnavailable) {
		return
	}
	_ = s.store.AppendAudit(context.WithoutCancel(ctx), audit.Refusal(ctx, p, s.now(), err.Error()))
}
