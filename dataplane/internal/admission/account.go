package admission

import (
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

// account has all pools of a tenant under one lock, so that an event is taken from all its levels or from none.
type account struct {
	id      tenancy.ID
	catalog *catalog.Catalog

	mu     sync.Mutex
	tenant *pool
	// late is what messages take from of which every event is old: a device that catches up takes nothing from what is live.
	late    *pool
	groups  map[string]*pool
	devices map[string]*member
	limits  catalog.Limits
	day     day
	// last is how many events the last message had, of whatever device.
	last int64
	// gone: the tenant left the cell.
	gone bool
}

// member is a device with its levels. Groups without a rate are not among them.
type member struct {
	own    *pool
	groups []*pool
	stale  bool
	// last is how many events its last message had.
	last int64
}

func newAccount(now time.Time, cat *catalog.Catalog, t catalog.Tenant) *account {
	return &account{
		id: t.ID, catalog: cat, limits: t.Limits, groups: map[string]*pool{}, devices: map[string]*member{}, day: day{date: dateOf(now)},
		tenant: newPool(now, tenancy.LimitEventsPerSecond, tenancy.ScopeTenant, sized(max(t.Limits.EventsPerSecond, 1), t.Limits.EventsBurst)),
		late:   newPool(now, tenancy.LimitLateEventsPerSecond, tenancy.ScopeTenant, late(t.Limits)),
	}
}

// reserve takes n events from the device, from its groups and from the tenant within the time most, or from none of them.
// Benchmark: BenchmarkReserveN.
func (a *account) reserve(now time.Time, device string, n int64, most time.Duration) (time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.closed(n); err != nil {
		return 0, err
	}
	m := a.levels(now, device)
	m.last, a.last = n, n
	var tightest *pool
	wait := time.Duration(0)
	if m.own.size.rate > 0 {
		wait = look(m.own, now, n, 0, &tightest)
	}
	for _, g := range m.groups {
		wait = look(g, now, n, wait, &tightest)
	}
	wait = look(a.tenant, now, n, wait, &tightest)
	if wait > most {
		return 0, a.explained(tightest.refusal(wait - most))
	}
	if err := a.day.take(now, n, a.limits); err != nil {
		return 0, err
	}
	if m.own.size.rate > 0 {
		m.own.take(now, n, 0)
	}
	for _, g := range m.groups {
		g.take(now, n, wait)
	}
	a.tenant.take(now, n, wait)
	return wait, nil
}

// late is the size of the pool of late events: half of what the tenant may send.
func late(l catalog.Limits) size {
	return sized(max(l.EventsPerSecond/2, 1), l.EventsBurst/2)
}

// reserveLate takes n late events within the time most, or none of them. What is taken for the day is the same as for live ones.
func (a *account) reserveLate(now time.Time, n int64, most time.Duration) (time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.closed(n); err != nil {
		return 0, err
	}
	a.late.refill(now)
	a.late.count(now, n)
	wait := a.late.wait(now, n)
	if wait > most {
		return 0, a.explained(a.late.refusal(wait - most))
	}
	if err := a.day.take(now, n, a.limits); err != nil {
		return 0, err
	}
	a.late.take(now, n, wait)
	return wait, nil
}

// look refuses when one event would be refused. Only then does it count as asked for, as many as the message before had: what was asked
// for decides a process's share of the pool, and messages that are not looked into must count like the others.
func (a *account) look(now time.Time, device string, most time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.closed(1); err != nil {
		return err
	}
	m := a.levels(now, device)
	n := max(m.last, 1)
	if m.last == 0 {
		n = max(a.last, 1)
	}
	if err := a.tenant.look(now, n, most); err != nil {
		return a.explained(err)
	}
	if err := m.own.look(now, n, most); err != nil {
		return err
	}
	for _, g := range m.groups {
		if err := g.look(now, n, most); err != nil {
			return err
		}
	}
	return a.day.look(now, 1, a.limits)
}

// levels are a device's, as the catalog has them now.
func (a *account) levels(now time.Time, device string) *member {
	m := a.devices[device]
	if m == nil || m.stale {
		m = a.member(now, device, m)
	}
	return m
}

// look asks one level; the one that takes longest is the tightest.
func look(p *pool, now time.Time, n int64, wait time.Duration, tightest **pool) time.Duration {
	p.refill(now)
	p.count(now, n)
	if w := p.wait(now, n); w > wait {
		*tightest = p
		return w
	}
	return wait
}

// member makes or renews a device's levels from the catalog.
func (a *account) member(now time.Time, device string, m *member) *member {
	own := sized(a.limits.DeviceEventsPerSecond, a.limits.DeviceEventsBurst)
	if m == nil {
		m = &member{own: newPool(now, tenancy.LimitDeviceEventsPerSecond, "device "+device, own)}
		a.devices[device] = m
	}
	m.own.resize(now, own)
	m.groups, m.stale = m.groups[:0], false
	d, _ := a.catalog.Device(a.id, device)
	for _, name := range d.Groups {
		if g := a.group(now, name); g != nil {
			m.groups = append(m.groups, g)
		}
	}
	return m
}

// group returns the pool of a group that has a rate.
func (a *account) group(now time.Time, name string) *pool {
	g, _ := a.catalog.Group(a.id, name)
	s := sized(g.EventsPerSecond, g.EventsPerSecond)
	if s.rate == 0 {
		delete(a.groups, name)
		return nil
	}
	p := a.groups[name]
	if p == nil {
		p = newPool(now, tenancy.LimitGroupEventsPerSecond, "group "+name, s)
		a.groups[name] = p
	}
	p.resize(now, s)
	return p
}

// follow takes over a change of the catalog.
func (a *account) follow(now time.Time, change catalog.Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case change.Device != "":
		m := a.devices[change.Device]
		if m == nil {
			return
		}
		if _, ok := a.catalog.Device(a.id, change.Device); !ok {
			delete(a.devices, change.Device)
			return
		}
		m.stale = true
	default:
		if t, ok := a.catalog.Tenant(a.id); ok {
			a.limits = t.Limits
			a.tenant.resize(now, sized(max(t.Limits.EventsPerSecond, 1), t.Limits.EventsBurst))
			a.late.resize(now, late(t.Limits))
		}
		if a.groups[change.Group] != nil {
			a.group(now, change.Group)
		}
		for _, m := range a.devices {
			m.stale = true
		}
	}
}

// pool returns the tenant's pool, or that of a group that somebody of has sent.
func (a *account) pool(group string) *pool {
	if group == "" {
		return a.tenant
	}
	return a.groups[group]
}

func unknown(n int64) error {
	return &tenancy.LimitError{Limit: tenancy.LimitEventsPerSecond, Scope: tenancy.ScopeTenant, Current: n}
}
