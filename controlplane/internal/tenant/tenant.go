// Package tenant is the noun of a customer organisation: founding one, choosing one, its limits. rpc and postgres
// import it; it imports no vendor and no generated code.
package tenant

import (
	"regexp"
	"strings"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Status says whether a tenant's devices and people are served.
type Status string

// The statuses.
const (
	StatusProvisioning Status = "provisioning"
	StatusActive       Status = "active"
	StatusSuspended    Status = "suspended"
)

// PlanTeam is the plan that every tenant starts with.
const PlanTeam = tenancy.PlanTeam

// Tenant is a customer organisation.
type Tenant struct {
	ID     tenancy.ID `json:"tenant_id"`
	Name   string     `json:"name"`
	Slug   string     `json:"slug"`
	Status Status     `json:"status"`
	Plan   string     `json:"plan"`
	Limits Limits     `json:"limits"`
	Cell   string     `json:"cell"`
	// Revision rises with every change of the tenant itself.
	Revision  int64     `json:"revision"`
	CreatedAt time.Time `json:"created_at"`
	// Intermediate is the DER of the tenant's intermediate CA certificate.
	Intermediate []byte `json:"-"`
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
