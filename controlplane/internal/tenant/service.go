package tenant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// Founding is all that a new tenant begins with; the store writes it in one transaction, and the steps that are to be
// taken with it.
type Founding struct {
	Tenant Tenant
	Person string
	Email  string
	// Lease is when somebody else may take the steps.
	Lease time.Time
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
	// SetSecondFactor says whether people must sign in with a second factor to act for the tenant.
	SetSecondFactor(ctx context.Context, id tenancy.ID, required bool, e audit.Entry) error
	// UpdateSettings fails with a *SettingsConflict when the settings are not of that version any more.
	UpdateSettings(ctx context.Context, id tenancy.ID, s Settings, e audit.Entry) (Settings, error)
	// StorageReported notes what the tenant's cell says of its storage, and wakes the worker; it is idempotent. A tenant
	// that is not there is an ErrNotFound.
	StorageReported(ctx context.Context, id tenancy.ID, r StorageReport) error
	LifeStore
	PlanStore
}

// StorageReport is what a cell says of a tenant's storage.
type StorageReport struct {
	Cell string
	// Failure is why it could not be prepared or removed at this attempt.
	Failure string
	// Removed: it is gone, and so much was removed.
	Removed             bool
	Tables, Rows, Bytes int64
}

// Detail says how much was removed.
func (r StorageReport) Detail() string { return fmt.Sprintf(storageDetail, r.Tables, r.Rows, r.Bytes) }

// Issuer makes intermediate CAs.
type Issuer interface {
	// NewIntermediate returns the certificate as DER and its private key sealed.
	NewIntermediate(ctx context.Context, id tenancy.ID) (certificate, sealedKey []byte, err error)
}

// Service founds, chooses, changes and ends tenants.
type Service struct {
	store  Store
	worker *Worker
	cells  []string
	plans  []Plan
	grace  time.Duration
	now    func() time.Time
}

// NewService returns a service that places tenants on the named cells; grace is how long a deletion can be cancelled.
func NewService(store Store, worker *Worker, cells []string, plans []Plan, grace time.Duration, now func() time.Time) *Service {
	return &Service{store: store, worker: worker, cells: cells, plans: plans, grace: grace, now: now}
}

// slugAttempts is how often a slug that was made from a name is tried with other random characters.
const slugAttempts = 3

// Request is what a person wants to found. An empty slug is made from the name, an empty region is any, an empty plan
// PlanTeam.
type Request struct{ Name, Slug, Region, Plan string }

// Create founds a tenant and makes the person its owner.
func (s *Service) Create(ctx context.Context, p tenancy.Principal, r Request) (Tenant, error) {
	var err error
	if r.Name, err = name.Required("name", r.Name, longestName); err != nil {
		return Tenant{}, err
	}
	if r.Plan == "" {
		r.Plan = PlanTeam
	}
	if _, err := planOf(s.plans, r.Plan); err != nil {
		return Tenant{}, err
	}
	if !p.Verified {
		return Tenant{}, fmt.Errorf("verify your e-mail address %s first: open the link in the e-mail that was sent to you: %w", p.Actor, tenancy.ErrConflict)
	}
	if r.Slug != "" {
		return s.found(ctx, p, r)
	}
	r.Slug = slugOf(r.Name, string(tenancy.NewID()))
	for attempt := 1; ; attempt++ {
		t, err := s.found(ctx, p, r)
		if attempt == slugAttempts || !errors.Is(err, tenancy.ErrExists) {
			return t, err
		}
		r.Slug = slugOf(r.Name, string(tenancy.NewID())) + "-" + string(tenancy.NewID())[:6]
	}
}

func (s *Service) found(ctx context.Context, p tenancy.Principal, r Request) (Tenant, error) {
	if !slugForm.MatchString(r.Slug) {
		return Tenant{}, fmt.Errorf("slug %q: want 3 to 40 of a-z, 0-9 and -, not at the ends: %w", r.Slug, tenancy.ErrInvalid)
	}
	now := s.now().UTC()
	t := Tenant{
		ID: tenancy.NewID(), Name: r.Name, Slug: r.Slug, Status: StatusProvisioning, Plan: r.Plan, Revision: 1, CreatedAt: now,
		Settings: Settings{Name: r.Name, TimeZone: "UTC", Units: UnitsMetric, AlertRecipients: []string{}, AlertSeverity: SeverityWarning, Version: 1},
	}
	p.Tenant = t.ID
	placed, err := s.store.InsertTenant(ctx, Founding{
		Tenant: t, Person: p.Subject, Email: p.Actor, Lease: now.Add(workLease), Cells: s.cells, Region: r.Region,
		Audit: audit.Of(ctx, p, now, object(t.ID), t),
	})
	if err != nil {
		return Tenant{}, err
	}
	// The first step at once, so that devices can be registered; what does not succeed now is the worker's to do.
	if err := s.worker.Advance(ctx, t.ID); err != nil {
		s.worker.log.WarnContext(ctx, "the first steps of a tenant are put off", slog.Any("error", err))
		return placed, nil
	}
	return s.store.Tenant(ctx, t.ID)
}

// Plans returns every plan, smallest first.
func (s *Service) Plans() []Plan { return slices.Clone(s.plans) }

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

// RequireSecondFactor says whether people must sign in with a second factor to act for the tenant. Only a person who did
// may require it: everybody else would lock themselves out.
func (s *Service) RequireSecondFactor(ctx context.Context, p tenancy.Principal, required bool) (Tenant, error) {
	if p.Credential != tenancy.CredentialSession {
		return Tenant{}, fmt.Errorf("this needs a signed-in person: %w", tenancy.ErrForbidden)
	}
	if required && !p.SecondFactor {
		return Tenant{}, fmt.Errorf("set up a second factor on your own account page first, and sign in with it: you would lock yourself out: %w", tenancy.ErrConflict)
	}
	before, err := s.store.Tenant(ctx, p.Tenant)
	if err != nil || before.SecondFactorRequired == required {
		return before, err
	}
	after := before
	after.SecondFactorRequired = required
	e := audit.Of(ctx, p, s.now(), "tenant/"+string(p.Tenant), after).From(before)
	return after, s.store.SetSecondFactor(ctx, p.Tenant, required, e)
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

// StorageReported notes what a cell says of a tenant's storage. A tenant that is gone needs no storage: that is no error.
func (s *Service) StorageReported(ctx context.Context, id tenancy.ID, r StorageReport) error {
	err := s.store.StorageReported(ctx, id, r)
	if errors.Is(err, tenancy.ErrNotFound) {
		return nil
	}
	return err
}
