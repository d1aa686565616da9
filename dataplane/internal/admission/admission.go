// Package admission holds each tenant, each group of its devices and each device to its events per second, and tenants to
// their events per day, before anything reaches what tenants share. Processes of one cell share a tenant's events. The
// gateway imports it.
package admission

import (
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

// Limiter has the accounts of all tenants, sized by the catalog. It is safe for concurrent use.
type Limiter struct {
	catalog *catalog.Catalog
	now     func() time.Time
	stop    func()

	mu       sync.RWMutex
	accounts map[tenancy.ID]*account
	// made is told of every new account; it may be nil.
	made func(*account)
}

// New returns a limiter that follows the catalog until Close.
func New(cat *catalog.Catalog, now func() time.Time) *Limiter {
	l := &Limiter{catalog: cat, now: now, accounts: map[tenancy.ID]*account{}}
	l.stop = cat.OnChange(l.follow)
	return l
}

// Close stops following the catalog.
func (l *Limiter) Close() { l.stop() }

// TakeN admits n events of a device, all or none. The refusal is a *tenancy.LimitError that says when to try again.
// A batch larger than the burst is admitted when its pools are full, and leaves them in debt: the rate holds over time.
func (l *Limiter) TakeN(tenant tenancy.ID, device string, n int) error {
	_, err := l.ReserveN(tenant, device, n, 0)
	return err
}

// ReserveN admits n events of a device if the rates of the device, of its groups and of the tenant allow them within the
// time most; the caller must wait as long as it returns before it uses them. Reservations are served in the order they
// are made.
func (l *Limiter) ReserveN(tenant tenancy.ID, device string, n int, most time.Duration) (time.Duration, error) {
	a := l.account(tenant)
	if a == nil {
		return 0, unknown(int64(n))
	}
	return a.reserve(l.now(), device, int64(n), most)
}

// ReserveLate is ReserveN for a message of which every event happened a while ago: a device that was offline catches up in a lane
// of its tenant's own, beside what is live. This process's part of the lane is the whole of it.
func (l *Limiter) ReserveLate(tenant tenancy.ID, _ string, n int, most time.Duration) (time.Duration, error) {
	a := l.account(tenant)
	if a == nil {
		return 0, unknown(int64(n))
	}
	return a.reserveLate(l.now(), int64(n), most)
}

// Look says what ReserveN would say to one event within the time most, and takes nothing: who is far over a limit can be
// refused before what it sent is looked at.
func (l *Limiter) Look(tenant tenancy.ID, device string, most time.Duration) error {
	a := l.account(tenant)
	if a == nil {
		return unknown(1)
	}
	return a.look(l.now(), device, most)
}

// account returns nil for a tenant that does not exist.
func (l *Limiter) account(tenant tenancy.ID) *account {
	l.mu.RLock()
	a := l.accounts[tenant]
	l.mu.RUnlock()
	if a != nil {
		return a
	}
	a, made := l.make(tenant)
	if made != nil {
		made(a)
	}
	return a
}

func (l *Limiter) make(tenant tenancy.ID) (a *account, made func(*account)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a = l.accounts[tenant]; a != nil {
		return a, nil
	}
	// Read under the lock, so that a change that comes meanwhile finds the account.
	t, ok := l.catalog.Tenant(tenant)
	if !ok {
		return nil, nil
	}
	a = newAccount(l.now(), l.catalog, t)
	l.accounts[tenant] = a
	return a, l.made
}

func (l *Limiter) follow(change catalog.Change) {
	if change.Type != "" {
		return
	}
	l.mu.Lock()
	a := l.accounts[change.Tenant]
	if _, ok := l.catalog.Tenant(change.Tenant); !ok && a != nil {
		delete(l.accounts, change.Tenant)
		l.mu.Unlock()
		a.mu.Lock()
		a.gone = true
		a.mu.Unlock()
		return
	}
	l.mu.Unlock()
	if a != nil {
		a.follow(l.now(), change)
	}
}

// all returns the accounts in no order.
func (l *Limiter) all() []*account {
	l.mu.RLock()
	defer l.mu.RUnlock()
	list := make([]*account, 0, len(l.accounts))
	for _, a := range l.accounts {
		list = append(list, a)
	}
	return list
}

// Use is what one tenant was admitted.
type Use struct {
	Tenant tenancy.ID
	// Admitted counts events of this process from its start on, Today those of all processes of the cell.
	Admitted, Today int64
}

// Uses returns what every tenant was admitted that sent anything.
func (l *Limiter) Uses() []Use {
	now := l.now()
	var list []Use
	for _, a := range l.all() {
		a.mu.Lock()
		a.day.roll(now)
		list = append(list, Use{Tenant: a.id, Admitted: a.tenant.used + a.late.used, Today: a.day.total + a.day.pending})
		a.mu.Unlock()
	}
	return list
}
