package dataplane

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/live"
	"github.com/millwright-io/millwright/tenancy"
)

// provisionRetry is how long a tenant waits whose storage could not be made or removed.
const provisionRetry = 2 * time.Second

// storage is what the catalog wants of a tenant's storage.
type storage struct {
	removed, barred bool
	kept            tenancy.Kept
	// queries is for how long its statements may run, each second on average.
	queries time.Duration
}

// provisioner brings the storage of tenants to what the catalog says, and tells the control plane. It also ends the live
// sessions of tenants that are served no longer.
type provisioner struct {
	store   *clickhouse.Store
	objects *jetstream.Objects
	reports *jetstream.Reports
	catalog *catalog.Catalog
	hub     *live.Hub
	log     *slog.Logger

	mu      sync.Mutex
	waiting []tenancy.ID
	// wanted is what was queued last, done what was brought about in this run.
	wanted, done map[tenancy.ID]storage
	wake         chan struct{}
}

func newProvisioner(store *clickhouse.Store, reports *jetstream.Reports, c *catalog.Catalog, hub *live.Hub, log *slog.Logger) *provisioner {
	return &provisioner{
		store: store, reports: reports, catalog: c, hub: hub, log: log,
		wanted: map[tenancy.ID]storage{}, done: map[tenancy.ID]storage{}, wake: make(chan struct{}, 1),
	}
}

func (p *provisioner) wants(id tenancy.ID) (storage, bool) {
	t, ok := p.catalog.Tenant(id)
	return storage{removed: t.Removed, barred: t.Refusal() != "", kept: t.Kept, queries: time.Duration(t.Limits.QueryTime) * time.Millisecond}, ok
}

// changed queues a tenant whose storage is not what the catalog wants.
func (p *provisioner) changed(c catalog.Change) {
	if c.Device != "" || c.Type != "" {
		return
	}
	t, ok := p.catalog.Tenant(c.Tenant)
	if refusal := t.Refusal(); refusal != "" {
		p.hub.Cut(c.Tenant, fmt.Errorf("%s: %w", refusal, tenancy.ErrForbidden))
	} else if !ok {
		p.hub.Cut(c.Tenant, fmt.Errorf("the organisation is not in this cell: %w", tenancy.ErrForbidden))
	}
	want, ok := p.wants(c.Tenant)
	p.mu.Lock()
	if !ok {
		delete(p.wanted, c.Tenant)
		delete(p.done, c.Tenant)
	} else if was, queued := p.wanted[c.Tenant]; !queued || was != want {
		p.wanted[c.Tenant] = want
		p.waiting = append(p.waiting, c.Tenant)
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *provisioner) next() (tenancy.ID, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return "", false
	}
	id := p.waiting[0]
	p.waiting = p.waiting[1:]
	return id, true
}

// run provisions until ctx is done. A tenant that fails goes behind the others.
func (p *provisioner) run(ctx context.Context) error {
	for {
		id, ok := p.next()
		if !ok {
			select {
			case <-p.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		err := p.bring(ctx, id)
		if err == nil || ctx.Err() != nil {
			continue
		}
		p.log.WarnContext(ctx, "a tenant's storage is not as it should be, trying again", slog.String("tenant", string(id)), slog.Any("error", err))
		if err := p.reports.Failed(ctx, id, "the cell's store does not do what is asked of it"); err != nil {
			p.log.WarnContext(ctx, "failure not reported", slog.String("tenant", string(id)), slog.Any("error", err))
		}
		p.mu.Lock()
		p.waiting = append(p.waiting, id)
		p.mu.Unlock()
		select {
		case <-time.After(provisionRetry):
		case <-ctx.Done():
			return nil
		}
	}
}

const (
	// settleWait is how long a reader waits for a tenant's storage, settleStep how often it looks.
	settleWait = 15 * time.Second
	settleStep = 50 * time.Millisecond
)

// settled waits until a tenant's storage has been made in this run, for a while, and says whether it was.
func (p *provisioner) settled(ctx context.Context, id tenancy.ID) bool {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	look := time.NewTicker(settleStep)
	defer look.Stop()
	for {
		p.mu.Lock()
		was, done := p.done[id]
		p.mu.Unlock()
		if done {
			return !was.removed
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
}

// bring does what the catalog wants of a tenant's storage now.
func (p *provisioner) bring(ctx context.Context, id tenancy.ID) error {
	want, ok := p.wants(id)
	if !ok {
		return nil // what is not there any more is not touched: only a tenant that is said to be removed is
	}
	p.mu.Lock()
	was, before := p.done[id]
	p.mu.Unlock()
	if before && was == want {
		return nil
	}
	var err error
	if want.removed {
		err = p.remove(ctx, id)
	} else {
		err = p.prepare(ctx, id, want, !before)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.done[id] = want
	p.mu.Unlock()
	return nil
}

func (p *provisioner) prepare(ctx context.Context, id tenancy.ID, want storage, first bool) error {
	if err := p.store.Provision(ctx, id); err != nil {
		return err
	}
	if err := p.store.Retain(ctx, id, want.kept); err != nil {
		return err
	}
	if err := p.store.Allow(ctx, id, want.queries); err != nil {
		return err
	}
	if want.barred {
		if err := p.store.Bar(ctx, id); err != nil {
			return err
		}
	}
	if !first {
		return nil
	}
	p.log.InfoContext(ctx, "tenant provisioned", slog.String("tenant", string(id)))
	return p.reports.Provisioned(ctx, id)
}

// remove drops the tenant's storage, and what was put aside of it.
func (p *provisioner) remove(ctx context.Context, id tenancy.ID) error {
	if p.objects != nil {
		names, err := p.objects.Parked(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !strings.Contains(name, "/"+string(id)+"/") {
				continue
			}
			if err := p.objects.Unpark(ctx, name); err != nil {
				return err
			}
		}
	}
	freed, err := p.store.Remove(ctx, id)
	if err != nil {
		return err
	}
	p.log.InfoContext(ctx, "tenant removed", slog.String("tenant", string(id)), slog.Int64("tables", freed.Tables), slog.Int64("rows", freed.Rows))
	return p.reports.Removed(ctx, id, freed.Tables, freed.Rows, freed.Bytes)
}
