package certificate

import (
	"context"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// Store keeps certificates, templates, claim tokens and the tenants' own CAs. Every change writes its audit entry and its
// outbox rows in the same transaction.
type Store interface {
	// Certificates returns a page behind after (nil: the first), those that end first in front, and the number of all.
	Certificates(ctx context.Context, id tenancy.ID, f Filter, after *Place, size int, now time.Time) ([]Entry, int, error)
	CertificateOverview(ctx context.Context, id tenancy.ID, facilities []string, now time.Time) (Overview, error)
	// RevokeCertificates revokes all that the selection chooses and returns the serials by device; with dry, it only looks.
	RevokeCertificates(ctx context.Context, id tenancy.ID, s Selection, now time.Time, dry bool, e audit.Entry) (map[string][]string, error)

	InsertTemplate(ctx context.Context, id tenancy.ID, t Template, most int, e audit.Entry) error
	Templates(ctx context.Context, id tenancy.ID) ([]Template, error)
	Template(ctx context.Context, id tenancy.ID, template string) (Template, error)
	DeleteTemplate(ctx context.Context, id tenancy.ID, template string, e audit.Entry) error

	InsertClaim(ctx context.Context, id tenancy.ID, c Claim, most int, e audit.Entry) error
	Claims(ctx context.Context, id tenancy.ID, limit int) ([]Claim, error)
	RevokeClaim(ctx context.Context, id tenancy.ID, claim string, at time.Time, e audit.Entry) error
	// PresentedClaim returns the token of that id whatever its tenant, or an ErrNotFound.
	PresentedClaim(ctx context.Context, claim string) (Claim, error)

	InsertAuthority(ctx context.Context, id tenancy.ID, a Authority, most int, e audit.Entry) error
	Authorities(ctx context.Context, id tenancy.ID) ([]Authority, error)
	OwnAuthority(ctx context.Context, id tenancy.ID, authority string) (Authority, error)
	// ActivateAuthority fails with ErrExists when the CA's key is active already, in whatever tenant.
	ActivateAuthority(ctx context.Context, id tenancy.ID, authority string, at time.Time, e audit.Entry) error
	RevokeAuthority(ctx context.Context, id tenancy.ID, authority string, at time.Time, e audit.Entry) error

	EnrolStore
}

// Service looks after certificates.
type Service struct {
	store  Store
	issuer device.Issuer
	now    func() time.Time
}

// NewService returns a service.
func NewService(store Store, issuer device.Issuer, now func() time.Time) *Service {
	return &Service{store: store, issuer: issuer, now: now}
}

// List returns a page of the certificates whose devices the caller sees.
func (s *Service) List(ctx context.Context, p tenancy.Principal, f Filter, after *Place, size int) ([]Entry, int, error) {
	f.Facilities = p.Facilities
	return s.store.Certificates(ctx, p.Tenant, f, after, size, s.now().UTC())
}

// Overview counts the certificates whose devices the caller sees.
func (s *Service) Overview(ctx context.Context, p tenancy.Principal) (Overview, error) {
	return s.store.CertificateOverview(ctx, p.Tenant, p.Facilities, s.now().UTC())
}

// Revoke makes every certificate useless that the selection chooses, and returns how many of how many devices.
func (s *Service) Revoke(ctx context.Context, p tenancy.Principal, sel Selection, dry bool) (certificates, devices int, err error) {
	if sel.Empty() {
		return 0, 0, fmt.Errorf("nothing chosen: name serials, device_ids, a device_type, a facility, a line or a group_id, or superseded_only: %w", tenancy.ErrInvalid)
	}
	sel.Facilities = p.Facilities
	now := s.now().UTC()
	by, err := s.store.RevokeCertificates(ctx, p.Tenant, sel, now, dry, audit.Of(ctx, p, now, "certificates", sel))
	if err != nil {
		return 0, 0, err
	}
	for _, serials := range by {
		certificates += len(serials)
	}
	return certificates, len(by), nil
}

// CreateTemplate describes devices that may be made when they first enrol.
func (s *Service) CreateTemplate(ctx context.Context, p tenancy.Principal, t Template) (Template, error) {
	var err error
	if t.Name, err = name.Required("name", t.Name, longestName); err != nil {
		return Template{}, err
	}
	if _, err := pattern(t.IDPattern); err != nil {
		return Template{}, err
	}
	sample := device.Device{ID: "sample", Type: t.DeviceType, Location: t.Location, Labels: t.Labels}
	if err := sample.Valid(); err != nil {
		return Template{}, err
	}
	t.ID, t.CreatedBy, t.CreatedAt = string(tenancy.NewID()), p.Actor, s.now().UTC()
	return t, s.store.InsertTemplate(ctx, p.Tenant, t, maxTemplates, audit.Of(ctx, p, t.CreatedAt, "template/"+t.ID, t))
}

// Templates returns all by name.
func (s *Service) Templates(ctx context.Context, p tenancy.Principal) ([]Template, error) {
	return s.store.Templates(ctx, p.Tenant)
}

// DeleteTemplate removes a template and its tokens; the devices that it made stay.
func (s *Service) DeleteTemplate(ctx context.Context, p tenancy.Principal, id string) error {
	t, err := s.store.Template(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	return s.store.DeleteTemplate(ctx, p.Tenant, id, audit.Of(ctx, p, s.now(), "template/"+id, nil).From(t))
}

// CreateClaim makes a token and returns it with the secret that only its holder will know.
func (s *Service) CreateClaim(ctx context.Context, p tenancy.Principal, c Claim, life time.Duration) (Claim, string, error) {
	if (c.Template == "") == (c.Device == "") {
		return Claim{}, "", fmt.Errorf("name either template_id, for new devices, or device_id, for one that exists: %w", tenancy.ErrInvalid)
	}
	if c.Device != "" && c.MaxUses > 1 {
		return Claim{}, "", fmt.Errorf("max_uses %d: a token for one device is used once: %w", c.MaxUses, tenancy.ErrInvalid)
	}
	if c.Template != "" {
		if _, err := s.store.Template(ctx, p.Tenant, c.Template); err != nil {
			return Claim{}, "", err
		}
	} else if _, err := s.store.Device(ctx, p.Tenant, c.Device); err != nil {
		return Claim{}, "", err
	}
	if life == 0 {
		life = DefaultClaimLife
	}
	now := s.now().UTC()
	secret, made := newSecret()
	c.ID, c.Prefix, c.Hash, c.Tenant = made.ID, made.Prefix, made.Hash, p.Tenant
	c.MaxUses, c.CreatedBy, c.CreatedAt, c.ExpiresAt = max(c.MaxUses, 1), p.Actor, now, now.Add(min(life, MaxClaimLife))
	if err := s.store.InsertClaim(ctx, p.Tenant, c, maxClaims, audit.Of(ctx, p, now, "claim-token/"+c.ID, c)); err != nil {
		return Claim{}, "", err
	}
	return c, secret, nil
}

// Claims returns the newest tokens.
func (s *Service) Claims(ctx context.Context, p tenancy.Principal) ([]Claim, error) {
	return s.store.Claims(ctx, p.Tenant, maxClaims)
}

// RevokeClaim makes a token useless.
func (s *Service) RevokeClaim(ctx context.Context, p tenancy.Principal, id string) error {
	now := s.now().UTC()
	return s.store.RevokeClaim(ctx, p.Tenant, id, now, audit.Of(ctx, p, now, "claim-token/"+id, map[string]time.Time{"revoked_at": now}))
}

// Authority returns the tenant's intermediate CA.
func (s *Service) Authority(ctx context.Context, p tenancy.Principal) ([]byte, error) {
	certificate, _, err := s.store.Authority(ctx, p.Tenant)
	return certificate, err
}

// ClaimStatus tells what a token counts for, in the words of the API.
func (s *Service) ClaimStatus(c Claim) string {
	switch now := s.now(); {
	case !c.RevokedAt.IsZero():
		return "REVOKED"
	case c.Uses >= c.MaxUses:
		return "USED"
	case !now.Before(c.ExpiresAt):
		return "EXPIRED"
	default:
		return "ACTIVE"
	}
}
