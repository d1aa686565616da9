// Package tenant is the noun of a customer organisation: founding one, choosing one, its limits. rpc and postgres
// import it; it imports no vendor and no generated code.
package tenant

import (
	"fmt"
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
const PlanTeam = "team"

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

// Limits are a tenant's maxima.
type Limits struct {
	Devices               int64 `json:"devices"`
	EventsPerSecond       int64 `json:"events_per_second"`
	EventsBurst           int64 `json:"events_burst"`
	EventsPerDay          int64 `json:"events_per_day"`
	PayloadBytes          int64 `json:"payload_bytes"`
	MeasurementsPerDevice int64 `json:"measurements_per_device"`
	Keys                  int64 `json:"keys"`
	Members               int64 `json:"members"`
	RequestsPerSecond     int64 `json:"requests_per_second"`
}

// TeamLimits are those of the plan `team`.
func TeamLimits() Limits {
	return Limits{
		Devices: 10_000, EventsPerSecond: 5_000, EventsBurst: 10_000, EventsPerDay: 50_000_000, PayloadBytes: 256 << 10,
		MeasurementsPerDevice: 1_000, Keys: 50, Members: 100, RequestsPerSecond: 200,
	}
}

// fields names each limit as overrides and error messages do.
func (l *Limits) fields() map[string]*int64 {
	return map[string]*int64{
		"devices": &l.Devices, "events_per_second": &l.EventsPerSecond, "events_burst": &l.EventsBurst,
		"events_per_day": &l.EventsPerDay, "payload_bytes": &l.PayloadBytes, "measurements_per_device": &l.MeasurementsPerDevice,
		"keys": &l.Keys, "members": &l.Members, "requests_per_second": &l.RequestsPerSecond,
	}
}

// maximum is what the wire carries.
const maximum = 1<<31 - 1

// With returns the limits with some of them replaced. A name that is no limit, or a value out of range, is an ErrInvalid.
func (l Limits) With(overrides map[string]int64) (Limits, error) {
	fields := l.fields()
	for name, value := range overrides {
		f, ok := fields[name]
		if !ok {
			return Limits{}, fmt.Errorf("limit %q is unknown: %w", name, tenancy.ErrInvalid)
		}
		if value < 0 || (value > maximum && name != "events_per_day") {
			return Limits{}, fmt.Errorf("limit %s of %d: want 0 to %d: %w", name, value, maximum, tenancy.ErrInvalid)
		}
		*f = value
	}
	return l, nil
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
