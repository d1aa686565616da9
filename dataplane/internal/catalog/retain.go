package catalog

import "github.com/millwright-io/millwright/tenancy"

// Retain says what still exists, after a time without news.
type Retain struct {
	Tenant   func(tenancy.ID) bool
	Device   func(tenancy.ID, string) bool
	Group    func(tenancy.ID, string) bool
	Type     func(tenancy.ID, string) bool
	Key      func(tenancy.ID, string) bool
	Member   func(tenancy.ID, string) bool
	Role     func(tenancy.ID, string) bool
	Verifier func(string) bool
}

// Prune forgets everything that does not exist any more; who listens hears of tenants, devices, groups and types.
func (c *Catalog) Prune(exists Retain) {
	var gone []Change
	c.mu.RLock()
	for id := range c.tenants {
		if !exists.Tenant(id) {
			gone = append(gone, Change{Tenant: id})
		}
	}
	for k := range c.devices {
		if !exists.Device(k.tenant, k.device) {
			gone = append(gone, Change{Tenant: k.tenant, Device: k.device})
		}
	}
	for k := range c.groups {
		if !exists.Group(k.tenant, k.group) {
			gone = append(gone, Change{Tenant: k.tenant, Group: k.group})
		}
	}
	for k := range c.types {
		if !exists.Type(k.tenant, k.deviceType) {
			gone = append(gone, Change{Tenant: k.tenant, Type: k.deviceType})
		}
	}
	var keys, verifiers []string
	for id, k := range c.keys {
		if !exists.Key(k.Tenant, id) {
			keys = append(keys, id)
		}
	}
	for id := range c.verifiers {
		if !exists.Verifier(id) {
			verifiers = append(verifiers, id)
		}
	}
	members, roles := c.goneAccess(exists)
	c.mu.RUnlock()
	for _, m := range members {
		c.RemoveMember(m.tenant, m.person)
	}
	for _, r := range roles {
		c.RemoveRole(r.tenant, r.person)
	}
	for _, g := range gone {
		switch {
		case g.Group != "":
			c.RemoveGroup(g.Tenant, g.Group)
		case g.Type != "":
			c.RemoveType(g.Tenant, g.Type)
		case g.Device != "":
			c.RemoveDevice(g.Tenant, g.Device)
		default:
			c.RemoveTenant(g.Tenant)
		}
	}
	for _, id := range keys {
		c.RemoveKey(id)
	}
	for _, id := range verifiers {
		c.RemoveVerifier(id)
	}
}

// goneAccess lists members and roles that do not exist any more; the lock is held.
func (c *Catalog) goneAccess(exists Retain) (members, roles []memberKey) {
	for k := range c.members {
		if !exists.Member(k.tenant, k.person) {
			members = append(members, k)
		}
	}
	for tenant, own := range c.roles {
		for role := range own.Actions {
			if name, _ := role.Custom(); !exists.Role(tenant, name) {
				roles = append(roles, memberKey{tenant, name})
			}
		}
	}
	return members, roles
}
