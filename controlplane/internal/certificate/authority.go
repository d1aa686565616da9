package certificate

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// AuthorityStatus says what a CA counts for.
type AuthorityStatus string

// The statuses.
const (
	AuthorityPending AuthorityStatus = "pending"
	AuthorityActive  AuthorityStatus = "active"
	AuthorityRevoked AuthorityStatus = "revoked"
)

// Identity says where in a certificate the device id is.
type Identity string

// The places.
const (
	IdentityCommonName Identity = "common_name"
	IdentityURI        Identity = "uri"
)

// Authority is a CA of a tenant's own. It counts once possession of its key was proved; the devices whose certificates it
// issued itself, with nothing between, are then the tenant's.
type Authority struct {
	ID          string          `json:"authority_id"`
	Name        string          `json:"name"`
	Status      AuthorityStatus `json:"status"`
	Certificate []byte          `json:"-"`
	// KeyHash is the SHA-256 of the CA's public key: two tenants cannot have one key.
	KeyHash          []byte    `json:"-"`
	Identity         Identity  `json:"identity"`
	Template         string    `json:"template_id,omitempty"`
	VerificationCode string    `json:"-"`
	CreatedBy        string    `json:"created_by"`
	CreatedAt        time.Time `json:"created_at"`
	VerifiedAt       time.Time `json:"verified_at,omitzero"`
	RevokedAt        time.Time `json:"revoked_at,omitzero"`
}

// Fingerprint is the SHA-256 of a certificate, lower-case hexadecimal.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// parseCertificate reads one certificate of PEM.
func parseCertificate(text string) (*x509.Certificate, error) {
	refuse := func(why string) error { return fmt.Errorf("certificate_pem: %s: %w", why, tenancy.ErrInvalid) }
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return nil, refuse("it is not PEM: it should begin with -----BEGIN CERTIFICATE-----")
	}
	if block.Type != "CERTIFICATE" {
		return nil, refuse("its PEM block is a " + short(block.Type) + ", want CERTIFICATE; never send a private key")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, refuse("there is more than one PEM block: send the one certificate alone")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, refuse("it cannot be parsed: " + err.Error())
	}
	return c, nil
}

// RegisterAuthority notes a CA; it counts for nothing before VerifyAuthority.
func (s *Service) RegisterAuthority(ctx context.Context, p tenancy.Principal, a Authority, certificatePEM string) (Authority, error) {
	ca, err := parseCertificate(certificatePEM)
	if err != nil {
		return Authority{}, err
	}
	now := s.now().UTC()
	if err := usableCA(ca, now); err != nil {
		return Authority{}, err
	}
	if err := s.issuer.AcceptableKey(ca.PublicKey); err != nil {
		return Authority{}, fmt.Errorf("certificate_pem: %w", err)
	}
	if a.Name, err = name.Required("name", a.Name, longestName); err != nil {
		return Authority{}, err
	}
	if a.Template != "" {
		if _, err := s.store.Template(ctx, p.Tenant, a.Template); err != nil {
			return Authority{}, err
		}
	}
	if a.Identity == "" {
		a.Identity = IdentityCommonName
	}
	hash := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	a.ID, a.Status, a.Certificate, a.KeyHash = string(tenancy.NewID()), AuthorityPending, ca.Raw, hash[:]
	a.VerificationCode = string(tenancy.NewID()) + string(tenancy.NewID())
	a.CreatedBy, a.CreatedAt = p.Actor, now
	return a, s.store.InsertAuthority(ctx, p.Tenant, a, maxAuthorities, audit.Of(ctx, p, now, "authority/"+a.ID, a))
}

func usableCA(ca *x509.Certificate, now time.Time) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("certificate_pem: %s: %w", fmt.Sprintf(format, args...), tenancy.ErrInvalid)
	}
	switch {
	case !ca.BasicConstraintsValid || !ca.IsCA:
		return refuse("it is not a CA's: its basic constraints do not say CA:TRUE")
	case ca.KeyUsage != 0 && ca.KeyUsage&x509.KeyUsageCertSign == 0:
		return refuse("its key usage lacks keyCertSign")
	case now.After(ca.NotAfter):
		return refuse("it expired on %s", ca.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(ca.NotBefore):
		return refuse("it is valid from %s on only", ca.NotBefore.UTC().Format(time.RFC3339))
	case len(ca.RawSubject) <= 2:
		return refuse("its subject is empty: certificates name their CA by it")
	}
	return nil
}

// VerifyAuthority makes a CA count, for a certificate that it issued for the verification code.
func (s *Service) VerifyAuthority(ctx context.Context, p tenancy.Principal, id, certificatePEM string) (Authority, error) {
	a, err := s.store.OwnAuthority(ctx, p.Tenant, id)
	if err != nil {
		return Authority{}, err
	}
	if a.Status != AuthorityPending {
		return Authority{}, fmt.Errorf("authority %s is %s, not pending: %w", a.Name, a.Status, tenancy.ErrConflict)
	}
	proof, err := parseCertificate(certificatePEM)
	if err != nil {
		return Authority{}, err
	}
	ca, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return Authority{}, fmt.Errorf("read authority %s: %w", id, err)
	}
	if subtle.ConstantTimeCompare([]byte(proof.Subject.CommonName), []byte(a.VerificationCode)) != 1 {
		return Authority{}, fmt.Errorf("certificate_pem: its common name is %q, want the verification code %s: %w", short(proof.Subject.CommonName), a.VerificationCode, tenancy.ErrInvalid)
	}
	if proof.CheckSignatureFrom(ca) != nil {
		return Authority{}, fmt.Errorf("certificate_pem: it was not issued by %s: sign it with that CA's key: %w", ca.Subject, tenancy.ErrInvalid)
	}
	now := s.now().UTC()
	before := a
	a.Status, a.VerifiedAt = AuthorityActive, now
	e := audit.Of(ctx, p, now, "authority/"+id, a).From(before)
	return a, s.store.ActivateAuthority(ctx, p.Tenant, id, now, e)
}

// Authorities returns the tenant's own CAs, newest first.
func (s *Service) Authorities(ctx context.Context, p tenancy.Principal) ([]Authority, error) {
	return s.store.Authorities(ctx, p.Tenant)
}

// RevokeAuthority makes every certificate of a CA useless, for good; doing so again changes nothing.
func (s *Service) RevokeAuthority(ctx context.Context, p tenancy.Principal, id string) (Authority, error) {
	a, err := s.store.OwnAuthority(ctx, p.Tenant, id)
	if err != nil || a.Status == AuthorityRevoked {
		return a, err
	}
	before, now := a, s.now().UTC()
	a.Status, a.RevokedAt = AuthorityRevoked, now
	return a, s.store.RevokeAuthority(ctx, p.Tenant, id, now, audit.Of(ctx, p, now, "authority/"+id, a).From(before))
}

// Seen registers a certificate that a tenant's own CA issued and a device proved at a gateway; a device that does not
// exist is made by the CA's template. Everything is verified again: a cell is not asked to be believed. Errors other than
// ErrUnavailable are final.
func (s *Service) Seen(ctx context.Context, id tenancy.ID, authority string, der []byte) error {
	a, err := s.store.OwnAuthority(ctx, id, authority)
	if err != nil {
		return err
	}
	if a.Status != AuthorityActive {
		return fmt.Errorf("authority %s is %s: %w", a.Name, a.Status, tenancy.ErrForbidden)
	}
	leaf, name, err := s.owned(id, a, der)
	if err != nil {
		return err
	}
	now := s.now().UTC()
	cert := device.Certificate{
		Serial: Fingerprint(der), NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(), Origin: device.OriginOwnAuthority, Authority: a.ID,
	}
	p := tenancy.Principal{Tenant: id, Actor: "authority:" + a.Name}
	err = s.seen(ctx, p, a, name, cert, now)
	if err != nil {
		s.refused(ctx, p, err)
	}
	return err
}

func (s *Service) seen(ctx context.Context, p tenancy.Principal, a Authority, name string, cert device.Certificate, now time.Time) error {
	d, err := s.store.Device(ctx, p.Tenant, name)
	if err == nil && d.Status == device.StatusRetired {
		return fmt.Errorf("device %s is retired: %w", name, tenancy.ErrForbidden)
	}
	if err == nil {
		good := 0
		for _, c := range d.Certificates {
			if c.Serial == cert.Serial {
				return nil // another connection was first
			}
			if c.RevokedAt.IsZero() && now.Before(c.NotAfter) {
				good++
			}
		}
		if good >= device.MaxCertificates {
			return &tenancy.LimitError{Limit: tenancy.LimitCertificates, Scope: "device " + name, Current: int64(good), Maximum: device.MaxCertificates}
		}
		return s.store.InsertCertificate(ctx, p.Tenant, name, cert, audit.Of(ctx, p, now, "device/"+name, cert))
	}
	if a.Template == "" {
		return err
	}
	t, err := s.store.Template(ctx, p.Tenant, a.Template)
	if err != nil {
		return err
	}
	if d, err = t.device(name, now); err != nil {
		return err
	}
	d.Certificates = []device.Certificate{cert}
	return s.store.Enrol(ctx, Claim{Tenant: p.Tenant, Template: t.ID}, d, cert, audit.Of(ctx, p, now, "device/"+name, d))
}

// owned verifies a leaf of a CA and reads which device it is of.
func (s *Service) owned(id tenancy.ID, a Authority, der []byte) (*x509.Certificate, string, error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, "", fmt.Errorf("read certificate: %w: %w", err, tenancy.ErrInvalid)
	}
	ca, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return nil, "", fmt.Errorf("read authority %s: %w", a.ID, err)
	}
	if err := leaf.CheckSignatureFrom(ca); err != nil {
		return nil, "", fmt.Errorf("the certificate was not issued by %s: %w", a.Name, tenancy.ErrForbidden)
	}
	name := leaf.Subject.CommonName
	if a.Identity == IdentityURI {
		if len(leaf.URIs) != 1 {
			return nil, "", fmt.Errorf("the certificate has %d URIs, want one: %w", len(leaf.URIs), tenancy.ErrInvalid)
		}
		path := leaf.URIs[0].Path
		name = path[strings.LastIndexByte(path, '/')+1:]
	}
	if !tenancy.IsName(name) {
		return nil, "", fmt.Errorf("the certificate's device id %q: want 1 to 63 letters, digits, _ or -: %w", short(name), tenancy.ErrInvalid)
	}
	return leaf, name, nil
}
