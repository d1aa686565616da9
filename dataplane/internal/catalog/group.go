package catalog

import (
	"slices"
	"strings"

	"github.com/millwright-io/millwright/tenancy"
)

// Group is what its devices are held to. Which they are stands at the devices.
type Group struct {
	Tenant tenancy.ID
	ID     string
	// Topics are MQTT filters; none: every topic.
	Topics []string
	// PayloadBytes and EventsPerSecond are 0 where the group sets nothing. EventsPerSecond is that of all its devices
	// together.
	PayloadBytes    int
	EventsPerSecond int
	// Commands are the only ones that its devices may be sent, if CommandsLimited.
	Commands        []string
	CommandsLimited bool
}

// Group returns the group if it exists.
func (c *Catalog) Group(tenant tenancy.ID, group string) (Group, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g, ok := c.groups[groupKey{tenant, group}]
	return g, ok
}

// SetGroup adds or replaces a group.
func (c *Catalog) SetGroup(g Group) {
	c.update(Change{Tenant: g.Tenant, Group: g.ID}, func() { c.groups[groupKey{g.Tenant, g.ID}] = g })
}

// RemoveGroup forgets a group; its devices are held to it no more.
func (c *Catalog) RemoveGroup(tenant tenancy.ID, group string) {
	c.update(Change{Tenant: tenant, Group: group}, func() { delete(c.groups, groupKey{tenant, group}) })
}

// Policy is what all of a device's groups together hold it to; nil: nothing.
type Policy struct {
	// Topics has a list for each group that names topics; a topic must be in each of them.
	Topics []TopicRule
	// PayloadBytes is the smallest of its groups', 0 if none has one; PayloadGroup is whose it is.
	PayloadBytes int
	PayloadGroup string
}

// TopicRule is one group's list of topics.
type TopicRule struct {
	Group   string
	Filters []string
}

// Policy returns what a device's groups hold it to.
func (c *Catalog) Policy(d Device) *Policy {
	if len(d.Groups) == 0 {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	var p Policy
	for _, id := range d.Groups {
		g, ok := c.groups[groupKey{d.Tenant, id}]
		if !ok {
			continue
		}
		if len(g.Topics) > 0 {
			p.Topics = append(p.Topics, TopicRule{id, g.Topics})
		}
		if g.PayloadBytes > 0 && (p.PayloadBytes == 0 || g.PayloadBytes < p.PayloadBytes) {
			p.PayloadBytes, p.PayloadGroup = g.PayloadBytes, id
		}
	}
	if p.Topics == nil && p.PayloadBytes == 0 {
		return nil
	}
	return &p
}

// Allows reports whether every group allows a topic; if not, group is one that does not.
func (p *Policy) Allows(topic string) (group string, ok bool) {
	for _, rule := range p.Topics {
		if !slices.ContainsFunc(rule.Filters, func(filter string) bool { return matches(filter, topic) }) {
			return rule.Group, false
		}
	}
	return "", true
}

// matches compares a topic with an MQTT filter.
func matches(filter, topic string) bool {
	for {
		want, wantMore, more := strings.Cut(filter, "/")
		if want == "#" {
			return true
		}
		got, gotMore, there := strings.Cut(topic, "/")
		if want != "+" && want != got {
			return false
		}
		if !more || !there {
			return more == there || (more && wantMore == "#")
		}
		filter, topic = wantMore, gotMore
	}
}

// SpeaksFor reports whether the device may send for another one of its tenant.
func (d Device) SpeaksFor(other string, groups []string) bool {
	return slices.Contains(d.SpeaksForDevices, other) ||
		slices.ContainsFunc(d.SpeaksForGroups, func(group string) bool { return slices.Contains(groups, group) })
}
