// Package tenant is the noun of a customer organisation: founding one, choosing one, its limits. rpc and postgres
// import it; it imports no vendor and no generated code.
package tenant

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/tenancy"
)

// Status says whether a tenant's devices and people are served.
type Status string

// The statuses.
const (
	StatusProvisioning Status = "provisioning"
	StatusActive       Status = "active"
	StatusSuspended    Status = "suspended"
	StatusDeleting     Status = "deleting"
)

// PlanTeam is the plan of a tenant whose founder names none.
const PlanTeam = tenancy.PlanTeam

// Tenant is a customer organisation.
type Tenant struct {
	ID   tenancy.ID `json:"tenant_id"`
	Name string     `json:"name"`
	Slug string     `json:"slug"`
	// Status is what the storage, a suspension and a coming deletion come to.
	Status Status `json:"status"`
	Plan   string `json:"plan"`
	Limits Limits `json:"limits"`
	Cell   string `json:"cell"`
	// Hold is in Limits already, but for a refusal of everything.
	Hold Hold `json:"-"`
	// Settings are what its admins decided; their name is Name.
	Settings Settings `json:"settings"`
	// Suspension and Deletion have zero times while there is none.
	Suspension Suspension `json:"-"`
	Deletion   Deletion   `json:"-"`
	// Removing: the deletion has begun.
	Removing bool   `json:"-"`
	Steps    []Step `json:"-"`
	// Revision rises with every change of the tenant itself.
	Revision  int64     `json:"revision"`
	CreatedAt time.Time `json:"created_at"`
	// SecondFactorRequired: people must sign in with a second factor to act for the tenant.
	SecondFactorRequired bool `json:"second_factor_required"`
	// Intermediate is the DER of the tenant's intermediate CA certificate.
	Intermediate []byte `json:"-"`
	// Authorities are the active CAs of the tenant's own.
	Authorities []certificate.Authority `json:"-"`
}

// Kept is how many days the tenant's telemetry is kept.
func (t Tenant) Kept() tenancy.Kept {
	plan, _ := tenancy.PlanNamed(t.Plan)
	return t.Settings.kept(plan.Kept)
}

// Forgotten: its cell was told to forget it.
func (t Tenant) Forgotten() bool {
	return t.Removing && slices.ContainsFunc(t.Steps, func(s Step) bool {
		return s.Task == TaskDelete && s.Name == stepCatalog && s.State == StepDone
	})
}

// Refusal is why the tenant is not served, for whoever is refused; empty when it is.
func (t Tenant) Refusal() string {
	switch {
	case t.Removing:
		return "it was deleted"
	case !t.Deletion.DueAt.IsZero():
		return "it will be deleted on " + t.Deletion.DueAt.UTC().Format("2 January 2006") + ", an owner can cancel that until then"
	default:
		return t.Suspension.Reason
	}
}

// Membership is a person's place in a tenant.
type Membership struct {
	Tenant Tenant
	Role   tenancy.Role
	// Facilities are those that the person is confined to; empty: all.
	Facilities []string
	// Current: the session acts for this tenant.
	Current bool
}

// Standing is what a session acts with: nothing, when the person has yet to choose a tenant.
type Standing struct {
	Tenant     tenancy.ID
	Role       tenancy.Role
	Facilities []string
	// SecondFactorRequired: the tenant requires one of people.
	SecondFactorRequired bool
}

var slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$`)

// slugOf makes a slug from a name; random characters fill up one that comes out too short.
func slugOf(name, random string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := strings.Trim(b.String(), "-")
	if len(s) > 32 {
		s = strings.Trim(s[:32], "-")
	}
	if len(s) < 3 {
		s = strings.Trim(s+"-"+random[:6], "-")
	}
	return s
}
