package dataplane

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/tenancy"
)

// provisionRetry is how long a tenant waits whose storage could not be made.
const provisionRetry = 2 * time.Second

// provisioner makes the storage of tenants that appear in the catalog, and tells the control plane.
type provisioner struct {
	store   *clickhouse.Store
	reports *jetstream.Reports
	log     *slog.Logger

	mu      sync.Mutex
	waiting []tenancy.ID
	known   map[tenancy.ID]bool
	wake    chan struct{}
}

func newProvisioner(store *clickhouse.Store, reports *jetstream.Reports, log *slog.Logger) *provisioner {
	return &provisioner{store: store, reports: reports, log: log, known: map[tenancy.ID]bool{}, wake: make(chan struct{}, 1)}
}

// changed queues a tenant that was not seen in this run.
func (p *provisioner) changed(c catalog.Change) {
	if c.Device != "" {
		return
	}
	p.mu.Lock()
	if !p.known[c.Tenant] {
		p.known[c.Tenant] = true
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
		err := p.store.Provision(ctx, id)
		if err == nil {
			err = p.reports.Provisioned(ctx, id)
		}
		if err == nil {
			p.log.InfoContext(ctx, "tenant provisioned", slog.String("tenant", string(id)))
			continue
		}
		p.log.WarnContext(ctx, "tenant not provisioned, trying again", slog.String("tenant", string(id)), slog.Any("error", err))
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
