package device

import (
	"context"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Store keeps devices. Every change writes its audit entry and its outbox row in the same transaction.
type Store interface {
	GatewayStore

	// InsertDevice fails with ErrExists when the id is taken and with a *tenancy.LimitError at the device limit.
	InsertDevice(ctx context.Context, id tenancy.ID, d Device, e audit.Entry) error
	// Device returns a device with its certificates, oldest first.
	Device(ctx context.Context, id tenancy.ID, device string) (Device, error)
	Devices(ctx context.Context, id tenancy.ID, page Page) (List, error)
	// UpdateDevice writes what people know of the device when it is at the version before d's, else it fails with ErrStale.
	UpdateDevice(ctx context.Context, id tenancy.ID, d Device, e audit.Entry) error
	// RetireDevice revokes the certificates too.
	RetireDevice(ctx context.Context, id tenancy.ID, device string, at time.Time, e audit.Entry) error
	// SetDeviceStatus fails with ErrConflict when the device is retired.
	SetDeviceStatus(ctx context.Context, id tenancy.ID, device string, s Status, e audit.Entry) error
	InsertCertificate(ctx context.Context, id tenancy.ID, device string, c Certificate, e audit.Entry) error
	// RevokeCertificate is idempotent: the time of the first revocation stays.
	RevokeCertificate(ctx context.Context, id tenancy.ID, device, serial string, at time.Time, e audit.Entry) error
	// Authority returns the tenant's intermediate CA and its sealed key.
	Authority(ctx context.Context, id tenancy.ID) (certificate, sealedKey []byte, err error)
}

// MaxCertificates bounds the good certificates of a device: enough to overlap, too few to forget.
const MaxCertificates = tenancy.MaxCertificates

// Service registers devices and looks after their certificates.
type Service struct {
	store  Store
	issuer Issuer
	now    func() time.Time
}

// NewService returns a service.
func NewService(store Store, issuer Issuer, now func() time.Time) *Service {
	return &Service{store: store, issuer: issuer, now: now}
}

// Create registers a device and issues its first certificate, for the key of csrPEM or, when that is empty, a new one.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, d Device, csrPEM string) (Device, Credentials, error) {
	if err := standing(p, d.Location); err != nil {
		return Device{}, Credentials{}, err
	}
	if err := d.check(); err != nil {
		return Device{}, Credentials{}, err
	}
	cred, err := s.issue(ctx, p.Tenant, d.ID, csrPEM)
	if err != nil {
		return Device{}, Credentials{}, err
	}
	d.Status, d.Version, d.CreatedAt = StatusActive, 1, s.now().UTC()
	d.Certificates = []Certificate{cred.Description}
	if err := s.store.InsertDevice(ctx, p.Tenant, d, audit.Of(ctx, p, s.now(), object(d.ID), d)); err != nil {
		return Device{}, Credentials{}, err
	}
	return d, cred, nil
}

// Get returns a device with its certificates, or an ErrNotFound: also for one at a facility that is not the caller's.
func (s *Service) Get(ctx context.Context, p tenancy.Principal, device string) (Device, error) {
	d, err := s.store.Device(ctx, p.Tenant, device)
	if err != nil {
		return Device{}, err
	}
	if !p.Sees(d.Location.Facility) {
		return Device{}, fmt.Errorf("there is no device %s: %w", device, tenancy.ErrNotFound)
	}
	return d, nil
}

// List returns a page of the devices that the caller sees.
func (s *Service) List(ctx context.Context, p tenancy.Principal, page Page) (List, error) {
	if err := page.check(); err != nil {
		return List{}, err
	}
	page.Facilities = p.Facilities
	return s.store.Devices(ctx, p.Tenant, page)
}

// SetStatus suspends or resumes a device.
func (s *Service) SetStatus(ctx context.Context, p tenancy.Principal, device string, status Status) (Device, error) {
	d, err := s.inUse(ctx, p, device)
	if err != nil {
		return Device{}, err
	}
	e := audit.Of(ctx, p, s.now(), object(device), map[string]Status{"status": status}).From(map[string]Status{"status": d.Status})
	if err := s.store.SetDeviceStatus(ctx, p.Tenant, device, status, e); err != nil {
		return Device{}, err
	}
	return s.store.Device(ctx, p.Tenant, device)
}

// IssueCertificate gives a device a further certificate.
func (s *Service) IssueCertificate(ctx context.Context, p tenancy.Principal, device, csrPEM string) (Credentials, error) {
	d, err := s.inUse(ctx, p, device)
	if err != nil {
		return Credentials{}, err
	}
	if n := s.good(d); n >= MaxCertificates {
		return Credentials{}, &tenancy.LimitError{
			Limit: tenancy.LimitCertificates, Scope: "device " + device, Current: int64(n), Maximum: MaxCertificates,
		}
	}
	cred, err := s.issue(ctx, p.Tenant, device, csrPEM)
	if err != nil {
		return Credentials{}, err
	}
	cred.Description.Origin = OriginAPI
	e := audit.Of(ctx, p, s.now(), object(device), cred.Description)
	if err := s.store.InsertCertificate(ctx, p.Tenant, device, cred.Description, e); err != nil {
		return Credentials{}, err
	}
	return cred, nil
}

// RevokeCertificate makes a certificate useless; doing so again changes nothing.
func (s *Service) RevokeCertificate(ctx context.Context, p tenancy.Principal, device, serial string) (Device, error) {
	if _, err := s.Get(ctx, p, device); err != nil {
		return Device{}, err
	}
	now := s.now().UTC()
	e := audit.Of(ctx, p, now, object(device)+"/certificate/"+serial, map[string]time.Time{"revoked_at": now})
	if err := s.store.RevokeCertificate(ctx, p.Tenant, device, serial, now, e); err != nil {
		return Device{}, err
	}
	return s.store.Device(ctx, p.Tenant, device)
}

func (s *Service) issue(ctx context.Context, id tenancy.ID, device, csrPEM string) (Credentials, error) {
	certificate, sealed, err := s.store.Authority(ctx, id)
	if err != nil {
		return Credentials{}, err
	}
	cred, err := s.issuer.IssueDevice(ctx, id, device, csrPEM, certificate, sealed)
	if err != nil {
		return Credentials{}, fmt.Errorf("issue certificate for device %s: %w", device, err)
	}
	return cred, nil
}

// good counts the certificates that the gateway would take now.
func (s *Service) good(d Device) (n int) {
	for _, c := range d.Certificates {
		if c.good(s.now()) {
			n++
		}
	}
	return n
}

func object(device string) string { return "device/" + device }
