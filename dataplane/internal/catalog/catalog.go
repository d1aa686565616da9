// Package catalog is the cell's read-only view of what the control plane says exists: tenants, devices, keys,
// members, roles and the public keys of cell tokens. It keeps its last known state when the control plane is away. The gateway, the engine and
// the API read it; only the feed that follows the catalog bucket writes it.
package catalog

import (
	"slices"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Tenant is a customer of this cell.
type Tenant struct {
	ID        tenancy.ID
	Name      string
	Suspended bool
	// SecondFactorRequired: people must have signed in with a second factor.
	SecondFactorRequired bool
	// Suspension says why.
	Suspension string
	// Kept is how long telemetry is kept; 0 days: for ever.
	Kept tenancy.Kept
	// Removed: the tenant was deleted, and nothing of it may be stored again.
	Removed bool
	Limits  Limits
	// IntermediateCA is the DER of the CA that issues the tenant's device certificates.
	IntermediateCA []byte
	// Authorities are CAs of the tenant's own.
	Authorities []Authority
}

// Refusal is the sentence for whoever is refused because the tenant is not served; empty when it is.
func (t Tenant) Refusal() string {
	switch {
	case !t.Suspended && !t.Removed:
		return ""
	case t.Suspension == "":
		return "the organisation is suspended"
	default:
		return "the organisation is suspended: " + t.Suspension
	}
}

// Limits are those that the cell enforces; every one is above zero but those that say otherwise.
type Limits struct {
	EventsPerSecond       int
	EventsBurst           int
	PayloadBytes          int
	MeasurementsPerDevice int
	// Series is how many measurements all devices have, a device and name each; 0: the cell is not told.
	Series int64
	// Horizon is how old an event may be when it is received.
	Horizon           time.Duration
	RequestsPerSecond int
	// EventsPerDay are those of a UTC day; what comes above is refused when RefuseOverDay says so. Zero: no limit.
	EventsPerDay  int64
	RefuseOverDay bool
	// DeviceEventsPerSecond and DeviceEventsBurst are what each device may send. Zero: no limit of its own.
	DeviceEventsPerSecond, DeviceEventsBurst int
	Connections                              int
	LiveSessions                             int
	QueryConcurrency                         int
	// QueryTime is for how many milliseconds of each second its statements may run in the store; 0: no limit.
	QueryTime int
	// EventsReason says why EventsPerSecond is not the plan's; EventsRefused: no event is taken.
	EventsReason  string
	EventsRefused bool
}

// Device is one that may connect.
type Device struct {
	Tenant        tenancy.ID
	ID            string
	Type          string
	Facility      string
	Line, Station string
	Suspended     bool
	// Retired: out of use for good.
	Retired bool
	// Certificates by serial, lower-case hexadecimal.
	Certificates map[string]Certificate
	// Groups whose policies hold for it.
	Groups []string
	// SpeaksForDevices and SpeaksForGroups are those that it may send for.
	SpeaksForDevices []string
	SpeaksForGroups  []string
}

// Certificate is one that the device was issued.
type Certificate struct {
	Revoked  bool
	NotAfter time.Time
}

// Change names what changed. Device is empty when the tenant as a whole did, or something that concerns many of its
// devices: then Group is the group, or Type the device type.
type Change struct {
	Tenant tenancy.ID
	Device string
	Group  string
	Type   string
}

type deviceKey struct {
	tenant tenancy.ID
	device string
}

type groupKey struct {
	tenant tenancy.ID
	group  string
}

type typeKey struct {
	tenant     tenancy.ID
	deviceType string
}

// Catalog is safe for concurrent use. Readers get copies of values whose maps and slices they must not modify.
type Catalog struct {
	mu        sync.RWMutex
	tenants   map[tenancy.ID]Tenant
	devices   map[deviceKey]Device
	groups    map[groupKey]Group
	owners    map[string][]Owner
	types     map[typeKey]*telemetry.Schema
	keys      map[string]Key
	members   map[memberKey]Member
	roles     map[tenancy.ID]*tenancy.CustomRoles
	verifiers map[string]verifier
	listeners map[int]func(Change)
	next      int
	words     words
}

// New returns an empty catalog.
func New() *Catalog {
	return &Catalog{
		tenants:   map[tenancy.ID]Tenant{},
		devices:   map[deviceKey]Device{},
		groups:    map[groupKey]Group{},
		owners:    map[string][]Owner{},
		types:     map[typeKey]*telemetry.Schema{},
		keys:      map[string]Key{},
		members:   map[memberKey]Member{},
		roles:     map[tenancy.ID]*tenancy.CustomRoles{},
		verifiers: map[string]verifier{},
		listeners: map[int]func(Change){},
		words:     words{},
	}
}

// Tenant returns the tenant if it exists.
func (c *Catalog) Tenant(id tenancy.ID) (Tenant, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t, ok := c.tenants[id]
	return t, ok
}

// Tenants returns every tenant in no order.
func (c *Catalog) Tenants() []Tenant {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]Tenant, 0, len(c.tenants))
	for _, t := range c.tenants {
		all = append(all, t)
	}
	return all
}

// Size is how many tenants and devices there are.
func (c *Catalog) Size() (tenants, devices int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.tenants), len(c.devices)
}

// Device returns the device if it exists.
func (c *Catalog) Device(tenant tenancy.ID, device string) (Device, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	d, ok := c.devices[deviceKey{tenant, device}]
	return d, ok
}

// Schema returns what a device type says of measurements; nil when it accepts everything or is not known.
func (c *Catalog) Schema(tenant tenancy.ID, deviceType string) *telemetry.Schema {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.types[typeKey{tenant, deviceType}]
}

// DevicesAt returns the ids of the tenant's devices at some facilities, in no order.
func (c *Catalog) DevicesAt(tenant tenancy.ID, facilities []string) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []string
	for key, d := range c.devices {
		if key.tenant == tenant && slices.Contains(facilities, d.Facility) {
			ids = append(ids, key.device)
		}
	}
	return ids
}

// EachDevice calls f with every device of the tenant, in no order. f must return quickly and not call the catalog.
func (c *Catalog) EachDevice(tenant tenancy.ID, f func(id string, d Device)) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for key, d := range c.devices {
		if key.tenant == tenant {
			f(key.device, d)
		}
	}
}

// OnChange calls fn after every change of a tenant or device until cancel. fn must return quickly.
func (c *Catalog) OnChange(fn func(Change)) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.next
	c.next++
	c.listeners[id] = fn
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.listeners, id)
	}
}

// SetTenant adds or replaces a tenant.
func (c *Catalog) SetTenant(t Tenant) {
	c.update(Change{Tenant: t.ID}, func() {
		c.setOwners(t.ID, c.tenants[t.ID].Authorities, t.Authorities)
		c.tenants[t.ID] = t
	})
}

// RemoveTenant forgets a tenant; its devices are refused from now on.
func (c *Catalog) RemoveTenant(id tenancy.ID) {
	c.update(Change{Tenant: id}, func() {
		c.setOwners(id, c.tenants[id].Authorities, nil)
		delete(c.tenants, id)
	})
}

// SetDevice adds or replaces a device.
func (c *Catalog) SetDevice(d Device) {
	c.update(Change{Tenant: d.Tenant, Device: d.ID}, func() {
		c.words.share(&d)
		c.devices[deviceKey{d.Tenant, d.ID}] = d
	})
}

// RemoveDevice forgets a device.
func (c *Catalog) RemoveDevice(tenant tenancy.ID, device string) {
	c.update(Change{Tenant: tenant, Device: device}, func() { delete(c.devices, deviceKey{tenant, device}) })
}

// SetType adds or replaces what a device type says.
func (c *Catalog) SetType(tenant tenancy.ID, deviceType string, schema *telemetry.Schema) {
	c.update(Change{Tenant: tenant, Type: deviceType}, func() { c.types[typeKey{tenant, deviceType}] = schema })
}

// RemoveType forgets a device type: what it said holds no longer.
func (c *Catalog) RemoveType(tenant tenancy.ID, deviceType string) {
	c.update(Change{Tenant: tenant, Type: deviceType}, func() { delete(c.types, typeKey{tenant, deviceType}) })
}

func (c *Catalog) update(change Change, apply func()) {
	c.mu.Lock()
	apply()
	listeners := make([]func(Change), 0, len(c.listeners))
	for _, fn := range c.listeners {
		listeners = append(listeners, fn)
	}
	c.mu.Unlock()
	for _, fn := range listeners {
		fn(change)
	}
}
