package key

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// MaximumAccounts is how many service accounts a tenant may have.
const MaximumAccounts = tenancy.MaxServiceAccounts

// ServiceAccount is a principal that is no person.
type ServiceAccount struct {
	Name       string       `json:"service_account_id"`
	Title      string       `json:"title"`
	Role       tenancy.Role `json:"role"`
	Facilities []string     `json:"facilities,omitempty"`
	CreatedBy  string       `json:"created_by"`
	CreatedAt  time.Time    `json:"created_at"`
	// Keys is how many keys speak for it.
	Keys int `json:"-"`
}

// AccountStore keeps service accounts. Every change writes its audit entry in the same transaction, and reaches whoever
// remembers one of the account's keys.
type AccountStore interface {
	// InsertServiceAccount fails with ErrExists when there is one of that name, and with a *tenancy.LimitError at MaximumAccounts.
	InsertServiceAccount(ctx context.Context, id tenancy.ID, a ServiceAccount, e audit.Entry) error
	ServiceAccounts(ctx context.Context, id tenancy.ID) ([]ServiceAccount, error)
	ServiceAccount(ctx context.Context, id tenancy.ID, name string) (ServiceAccount, error)
	UpdateServiceAccount(ctx context.Context, id tenancy.ID, a ServiceAccount, e audit.Entry) error
	// DeleteServiceAccount deletes its keys with it.
	DeleteServiceAccount(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error
}

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

// CreateAccount makes a service account that may do at most what the caller may do.
func (s *Service) CreateAccount(ctx context.Context, p tenancy.Principal, a ServiceAccount) (ServiceAccount, error) {
	if !accountName.MatchString(a.Name) {
		return ServiceAccount{}, fmt.Errorf("service_account_id %q: want 2 to 40 of a-z, 0-9 and -, not at the ends: %w", a.Name, tenancy.ErrInvalid)
	}
	a.Title = strings.TrimSpace(a.Title)
	if err := name.Check("title", a.Title, longestTitle); err != nil {
		return ServiceAccount{}, err
	}
	if err := s.mayGive(ctx, p, a); err != nil {
		return ServiceAccount{}, err
	}
	a.CreatedBy, a.CreatedAt, a.Keys = p.Actor, s.now().UTC(), 0
	a.Facilities = slices.Sorted(slices.Values(a.Facilities))
	return a, s.accounts.InsertServiceAccount(ctx, p.Tenant, a, audit.Of(ctx, p, a.CreatedAt, "service-account/"+a.Name, a))
}

func (s *Service) mayGive(ctx context.Context, p tenancy.Principal, a ServiceAccount) error {
	if err := s.rights.Covers(ctx, p, a.Role, nil); err != nil {
		return err
	}
	return within(p, a.Facilities)
}

// Accounts returns the tenant's service accounts by name.
func (s *Service) Accounts(ctx context.Context, id tenancy.ID) ([]ServiceAccount, error) {
	return s.accounts.ServiceAccounts(ctx, id)
}

// UpdateAccount replaces title, role and facilities. The caller must be allowed to do what it could and what it can.
func (s *Service) UpdateAccount(ctx context.Context, p tenancy.Principal, a ServiceAccount) (ServiceAccount, error) {
	a.Title = strings.TrimSpace(a.Title)
	if err := name.Check("title", a.Title, longestTitle); err != nil {
		return ServiceAccount{}, err
	}
	before, err := s.accounts.ServiceAccount(ctx, p.Tenant, a.Name)
	if err != nil {
		return ServiceAccount{}, err
	}
	for _, one := range []ServiceAccount{before, a} {
		if err := s.mayGive(ctx, p, one); err != nil {
			return ServiceAccount{}, err
		}
	}
	after := before
	after.Title, after.Role, after.Facilities = a.Title, a.Role, slices.Sorted(slices.Values(a.Facilities))
	e := audit.Of(ctx, p, s.now(), "service-account/"+a.Name, after).From(before)
	return after, s.accounts.UpdateServiceAccount(ctx, p.Tenant, after, e)
}

// DeleteAccount revokes its keys and forgets it.
func (s *Service) DeleteAccount(ctx context.Context, p tenancy.Principal, name string) error {
	a, err := s.accounts.ServiceAccount(ctx, p.Tenant, name)
	if err != nil {
		return err
	}
	if err := s.mayGive(ctx, p, a); err != nil {
		return err
	}
	return s.accounts.DeleteServiceAccount(ctx, p.Tenant, name, audit.Of(ctx, p, s.now(), "service-account/"+name, nil).From(a))
}
