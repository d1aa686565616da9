// Package platform is what operators of the installation look after besides its cells: a view of all tenants, feature flags,
// announcements and the log of what they did. rpc and postgres import it; it imports no vendor and no generated code.
package platform

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// Flag turns a feature on for some tenants.
type Flag struct {
	Name        string       `json:"flag"`
	Description string       `json:"description"`
	Percent     int          `json:"percent"`
	Tenants     []tenancy.ID `json:"tenant_ids"`
	UpdatedAt   time.Time    `json:"-"`
	UpdatedBy   string       `json:"-"`
}

// On reports whether the flag is on for a tenant: it is named, or in the share of all that a hash of flag and tenant chooses.
func (f Flag) On(id tenancy.ID) bool {
	if slices.Contains(f.Tenants, id) {
		return true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(f.Name + "/" + string(id))) // never fails
	return int(h.Sum32()%100) < f.Percent
}

// Severity says how an announcement looks.
type Severity string

// The severities.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
)

// Announcement is a text that everybody sees.
type Announcement struct {
	ID        string    `json:"announcement_id"`
	Text      string    `json:"text"`
	Severity  Severity  `json:"severity"`
	CreatedAt time.Time `json:"-"`
	CreatedBy string    `json:"-"`
	// EndsAt is zero for one that is shown until it is withdrawn.
	EndsAt time.Time `json:"ends_at"`
}

// Page asks for tenants whose name, slug or id begins with Query, by slug, after the slug After.
type Page struct {
	Query, After string
	Size         int
}

// Store keeps all of it.
type Store interface {
	AllTenants(ctx context.Context, page Page) (list []tenant.Tenant, total int, err error)
	Flags(ctx context.Context) ([]Flag, error)
	SetFlag(ctx context.Context, f Flag, e audit.Entry) error
	// RemoveFlag and RemoveAnnouncement fail with ErrNotFound.
	RemoveFlag(ctx context.Context, name string, e audit.Entry) error
	// Announcements returns those that have not ended at a time, newest first.
	Announcements(ctx context.Context, at time.Time) ([]Announcement, error)
	InsertAnnouncement(ctx context.Context, a Announcement, e audit.Entry) error
	RemoveAnnouncement(ctx context.Context, id string, e audit.Entry) error
	// PlatformAudit returns entries that match, with numbers below before (0: from the newest on), newest first.
	PlatformAudit(ctx context.Context, f audit.Filter, before int64, limit int) ([]audit.Entry, error)
}

const (
	longestText   = 500 // characters of an announcement
	longestRemark = 200 // of a flag's description
)

// Service looks after the platform.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService returns a service.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Tenants returns a page of all tenants, and how many match.
func (s *Service) Tenants(ctx context.Context, page Page) ([]tenant.Tenant, int, error) {
	return s.store.AllTenants(ctx, page)
}

// Flags returns every flag by name.
func (s *Service) Flags(ctx context.Context) ([]Flag, error) { return s.store.Flags(ctx) }

// SetFlag makes a flag or replaces it.
func (s *Service) SetFlag(ctx context.Context, p tenancy.Principal, f Flag) (Flag, error) {
	if err := name.CheckNote("description", f.Description, longestRemark); err != nil {
		return Flag{}, err
	}
	list, err := s.store.Flags(ctx)
	if err != nil {
		return Flag{}, err
	}
	var before any
	if i := slices.IndexFunc(list, func(other Flag) bool { return other.Name == f.Name }); i >= 0 {
		before = list[i]
	} else if len(list) >= tenancy.MaxFlags {
		return Flag{}, &tenancy.LimitError{Limit: tenancy.LimitFlags, Scope: tenancy.ScopeInstallation, Current: int64(len(list)), Maximum: tenancy.MaxFlags}
	}
	f.UpdatedAt, f.UpdatedBy = s.now().UTC(), p.Actor
	return f, s.store.SetFlag(ctx, f, audit.Of(ctx, p, s.now(), "flag/"+f.Name, f).From(before))
}

// RemoveFlag forgets a flag.
func (s *Service) RemoveFlag(ctx context.Context, p tenancy.Principal, name string) error {
	return s.store.RemoveFlag(ctx, name, audit.Of(ctx, p, s.now(), "flag/"+name, nil))
}

// Announcements returns those of the moment, newest first.
func (s *Service) Announcements(ctx context.Context) ([]Announcement, error) {
	return s.store.Announcements(ctx, s.now())
}

// Announce shows a text to everybody.
func (s *Service) Announce(ctx context.Context, p tenancy.Principal, a Announcement) (Announcement, error) {
	a.Text = strings.TrimSpace(a.Text)
	if a.Text == "" {
		return Announcement{}, fmt.Errorf("text: want 1 to %d characters, not only spaces: %w", longestText, tenancy.ErrInvalid)
	}
	if err := name.CheckNote("text", a.Text, longestText); err != nil {
		return Announcement{}, err
	}
	if !a.EndsAt.IsZero() && !a.EndsAt.After(s.now()) {
		return Announcement{}, fmt.Errorf("ends_at %s is past: want a later time, or none: %w", a.EndsAt.UTC().Format(time.RFC3339), tenancy.ErrInvalid)
	}
	list, err := s.Announcements(ctx)
	if err != nil {
		return Announcement{}, err
	}
	if len(list) >= tenancy.MaxAnnouncements {
		return Announcement{}, &tenancy.LimitError{Limit: tenancy.LimitAnnouncements, Scope: tenancy.ScopeInstallation, Current: int64(len(list)), Maximum: tenancy.MaxAnnouncements}
	}
	a.ID, a.CreatedAt, a.CreatedBy = string(tenancy.NewID()), s.now().UTC(), p.Actor
	return a, s.store.InsertAnnouncement(ctx, a, audit.Of(ctx, p, s.now(), "announcement/"+a.ID, a))
}

// Withdraw takes an announcement back.
func (s *Service) Withdraw(ctx context.Context, p tenancy.Principal, id string) error {
	return s.store.RemoveAnnouncement(ctx, id, audit.Of(ctx, p, s.now(), "announcement/"+id, nil))
}

// Notices returns the announcements of the moment and the flags that are on for a tenant; none for a caller without one.
func (s *Service) Notices(ctx context.Context, id tenancy.ID) (list []Announcement, on []string, err error) {
	if list, err = s.Announcements(ctx); err != nil || id == "" {
		return list, nil, err
	}
	flags, err := s.store.Flags(ctx)
	for _, f := range flags {
		if f.On(id) {
			on = append(on, f.Name)
		}
	}
	return list, on, err
}

// Audit returns entries of the platform's audit log that match, with numbers below before (0: from the newest on), newest first.
func (s *Service) Audit(ctx context.Context, f audit.Filter, before int64, limit int) ([]audit.Entry, error) {
	return s.store.PlatformAudit(ctx, f, before, limit)
}
