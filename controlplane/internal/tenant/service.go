package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Founding is all that a new tenant begins with; the store writes it in one transaction.
type Founding struct {
	Tenant    Tenant
	Person    string
	Email     string
	SealedKey []byte
	// Cells are the configured ones; the store takes the one that cell.Place chooses and sets it in the tenant.
	Cells []string
	// Region is where the tenant may live; empty: anywhere.
	Region string
	Audit  audit.Entry
}

// Store keeps tenants.
type Store interface {
	// InsertTenant returns the tenant as placed; an ErrExists when the slug is taken.
	InsertTenant(ctx context.Context, f Founding) (Tenant, error)
	Tenant(ctx context.Context, id tenancy.ID) (Tenant, error)
	// Memberships returns a person's tenants by name. None is current.
	Memberships(ctx context.Context, person string) ([]Membership, error)
	// SetActingTenant fails with ErrNotFound when the person is no member.
	SetActingTenant(ctx context.Context, session, person string, id tenancy.ID, e audit.Entry) error
	// ActivateTenant takes a tenant of that cell out of provisioning; it is idempotent.
	ActivateTenant(ctx context.Context, id tenancy.ID, cell string, e audit.Entry) error
}

// Issuer makes intermediate CAs.
type Issuer interface {
	// NewIntermediate returns the certificate as DER and its private key sealed.
	NewIntermediate(id tenancy.ID) (certificate, sealedKey []byte, err error)
}

// Service founds and chooses tenants.
type Service struct {
	store  Store
	issuer Issuer
	cells  []string
	now    func() time.Time
}

// NewService returns a service that places tenants on the named cells.
func NewService(store Store, issuer Issuer, cells []string, now func() time.Time) *Service {
	return &Service{store: store, issuer: issuer, cells: cells, now: now}
}

// slugAttempts is how often a slug that was made from a name is tried with other random characters.
const slugAttempts = 3

// Create founds a tenant and makes the person its owner. An empty slug is made from the name.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, name, slug string) (Tenant, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return Tenant{}, fmt.Errorf("name: want 1 to 80 characters, not only spaces: %w", tenancy.ErrInvalid)
	}
	if !p.Verified {
		return Tenant{}, fmt.Errorf("verify your e-mail address %s first: open the link in the e-mail that was sent to you: %w", p.Actor, tenancy.ErrConflict)
	}
	if slug != "" {
		return s.found(ctx, p, name, slug)
	}
	slug = slugOf(name, string(tenancy.NewID()))
	for attempt := 1; ; attempt++ {
		t, err := s.found(ctx, p, name, slug)
		if attempt == slugAttempts || !errors.Is(err, tenancy.ErrExists) {
			return t, err
		}
		slug = slugOf(name, string(tenancy.NewID())) + "-" + string(tenancy.NewID())[:6]
	}
}

func (s *Service) found(ctx context.Context, p tenancy.Principal, name, slug string) (Tenant, error) {
	if !slugForm.MatchString(slug) {
		return Tenant{}, fmt.Errorf("slug %q: want 3 to 40 of a-z, 0-9 and -, not at the ends: %w", slug, tenancy.ErrInvalid)
	}
	id := tenancy.NewID()
	certificate, sealed, err := s.issuer.NewIntermediate(id)
	if err != nil {
		return Tenant{}, fmt.Errorf("make intermediate CA: %w", err)
	}
	t := Tenant{
		ID: id, Name: name, Slug: slug, Status: StatusProvisioning, Plan: PlanTeam, Revision: 1,
		CreatedAt: s.now().UTC(), Intermediate: certificate,
	}
	p.Tenant = id
	return s.store.InsertTenant(ctx, Founding{
		Tenant: t, Person: p.Subject, Email: p.Actor, SealedKey: sealed, Cells: s.cells,
		Audit: audit.Of(ctx, p, s.now(), "tenant/"+string(id), t),
	})
}

// List returns the person's tenants; current is the one that the session acts for.
func (s *Service) List(ctx context.Context, p tenancy.Principal) ([]Membership, error) {
	list, err := s.store.Memberships(ctx, p.Subject)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Current = list[i].Tenant.ID == p.Tenant
	}
	return list, nil
}

// Get returns the caller's tenant.
func (s *Service) Get(ctx context.Context, id tenancy.ID) (Tenant, error) {
	return s.store.Tenant(ctx, id)
}

// Switch makes the session act for another of the person's tenants; an ErrNotFound when the person is no member.
func (s *Service) Switch(ctx context.Context, p tenancy.Principal, id tenancy.ID) (Membership, error) {
	p.Tenant = id
	e := audit.Of(ctx, p, s.now(), "session", map[string]string{"tenant_id": string(id)})
	if err := s.store.SetActingTenant(ctx, p.Session, p.Subject, id, e); err != nil {
		return Membership{}, err
	}
	return s.Membership(ctx, p, id)
}

// Membership returns one of the person's memberships, the one that their session acts under; an ErrNotFound when they
// have no such.
func (s *Service) Membership(ctx context.Context, p tenancy.Principal, id tenancy.ID) (Membership, error) {
	p.Tenant = id
	list, err := s.List(ctx, p)
	if err != nil {
		return Membership{}, err
	}
	if i := slices.IndexFunc(list, func(m Membership) bool { return m.Current }); i >= 0 {
		return list[i], nil
	}
	return Membership{}, fmt.Errorf("you are a member of no organisation %s: %w", id, tenancy.ErrNotFound)
}

// Activate notes that a cell has prepared a tenant's storage. It is idempotent.
func (s *Service) Activate(ctx context.Context, cell string, id tenancy.ID) error {
	p := tenancy.Principal{Tenant: id, Actor: audit.System}
	e := audit.Of(ctx, p, s.now(), "tenant/"+string(id), map[string]Status{"status": StatusActive})
	e.Action = "provision"
	return s.store.ActivateTenant(ctx, id, cell, e)
}
