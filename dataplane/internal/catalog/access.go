package catalog

import (
	"crypto/subtle"
	"maps"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Key is an API key.
type Key struct {
	Tenant  tenancy.ID
	ID      string
	Role    tenancy.Role
	Secrets []Secret
	// Scopes are the actions of the role that the key may do; empty: all.
	Scopes []tenancy.Action
	// Facilities are those that the key is confined to; empty: all.
	Facilities []string
	// ServiceAccount is whom it speaks for; empty: for itself.
	ServiceAccount string
	// ExpiresAt is zero for a key that does not expire.
	ExpiresAt time.Time
}

// Secret is one that a key may be presented with.
type Secret struct {
	Number int
	// Hash is the SHA-256 of the whole key.
	Hash []byte
	// ExpiresAt is the end of a rotation's overlap; zero for the newest secret.
	ExpiresAt time.Time
}

// Member is a person of a tenant.
type Member struct {
	Tenant     tenancy.ID
	ID         string
	Role       tenancy.Role
	Facilities []string
}

type memberKey struct {
	tenant tenancy.ID
	person string
}

// PresentedKey finds the API key and the secret that text is, whether or not they have expired.
func (c *Catalog) PresentedKey(text string) (k Key, s Secret, ok bool) {
	id, hash, err := tenancy.ParseKey(text)
	if err != nil {
		return Key{}, Secret{}, false
	}
	known, _ := c.Key(id)
	for _, one := range known.Secrets { // all of them, whichever it is
		if subtle.ConstantTimeCompare(hash[:], one.Hash) == 1 {
			k, s, ok = known, one, true
		}
	}
	return k, s, ok
}

// Key returns the API key of that id if it exists.
func (c *Catalog) Key(id string) (Key, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, ok := c.keys[id]
	return k, ok
}

// SetKey adds or replaces an API key.
func (c *Catalog) SetKey(k Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[k.ID] = k
}

// RemoveKey forgets an API key.
func (c *Catalog) RemoveKey(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keys, id)
}

// Member returns the person if they belong to the tenant.
func (c *Catalog) Member(tenant tenancy.ID, person string) (Member, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m, ok := c.members[memberKey{tenant, person}]
	return m, ok
}

// SetMember adds or replaces a person.
func (c *Catalog) SetMember(m Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members[memberKey{m.Tenant, m.ID}] = m
}

// RemoveMember forgets a person; their cell tokens are refused from now on.
func (c *Catalog) RemoveMember(tenant tenancy.ID, person string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, memberKey{tenant, person})
}

// CustomRoles returns what a tenant's own roles may do; nil when it has none.
func (c *Catalog) CustomRoles(tenant tenancy.ID) *tenancy.CustomRoles {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.roles[tenant]
}

// SetRole adds or replaces one of a tenant's own roles.
func (c *Catalog) SetRole(tenant tenancy.ID, name string, actions []tenancy.Action) {
	c.changeRoles(tenant, func(roles map[tenancy.Role][]tenancy.Action) { roles[tenancy.CustomRole(name)] = actions })
}

// RemoveRole forgets one of a tenant's own roles; who has it may do nothing.
func (c *Catalog) RemoveRole(tenant tenancy.ID, name string) {
	c.changeRoles(tenant, func(roles map[tenancy.Role][]tenancy.Action) { delete(roles, tenancy.CustomRole(name)) })
}

// changeRoles replaces the tenant's roles: those that readers hold do not change.
func (c *Catalog) changeRoles(tenant tenancy.ID, change func(map[tenancy.Role][]tenancy.Action)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	roles := map[tenancy.Role][]tenancy.Action{}
	if now := c.roles[tenant]; now != nil {
		maps.Copy(roles, now.Actions)
	}
	if change(roles); len(roles) == 0 {
		delete(c.roles, tenant)
		return
	}
	c.roles[tenant] = &tenancy.CustomRoles{Actions: roles}
}

// memberPoll is how often AwaitMember looks.
const memberPoll = 10 * time.Millisecond

// AwaitMember returns a person who became a member a moment ago as soon as the catalog knows them; or false after
// Patience. Ask it only for callers whose token is verified.
func (c *Catalog) AwaitMember(tenant tenancy.ID, person string) (Member, bool) {
	if m, ok := c.Member(tenant, person); ok {
		return m, true
	}
	tick := time.NewTicker(memberPoll)
	defer tick.Stop()
	for range Patience / memberPoll {
		<-tick.C
		if m, ok := c.Member(tenant, person); ok {
			return m, true
		}
	}
	return Member{}, false
}
