// Package distribute brings what the control plane knows to the cells: changes as they happen, in order, and the whole
// truth at every start, so that a lost message or a cell restored from an old copy heals. It imports no vendor and no
// generated code; postgres holds the outbox, nats the cells' catalogs.
package distribute

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/devicetype"
	"github.com/millwright-io/millwright/controlplane/internal/group"
	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/controlplane/internal/member"
	"github.com/millwright-io/millwright/controlplane/internal/role"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// Kind is what a catalog entry is about.
type Kind string

// The kinds of entries.
const (
	KindTenant   Kind = "tenant"
	KindDevice   Kind = "device"
	KindType     Kind = "type"
	KindGroup    Kind = "group"
	KindKey      Kind = "key"
	KindMember   Kind = "member"
	KindRole     Kind = "role"
	KindVerifier Kind = "verifier"
)

// Entry is an object as a cell should know it. When none of the objects is set, it is gone.
type Entry struct {
	Kind     Kind
	TenantID tenancy.ID // empty for a verifier
	ID       string     // empty for a tenant

	Tenant *tenant.Tenant
	Device *device.Device
	// Groups are those of the device, and SpeaksFor those whom it may send for.
	Groups, SpeaksForDevices, SpeaksForGroups []string

	Type     *devicetype.Type
	Group    *group.Group
	Key      *key.Key
	Member   *member.Member
	Role     *role.Role
	Verifier *Verifier
}

// Verifier is a public key that cell tokens are signed with.
type Verifier struct {
	PublicKey ed25519.PublicKey
	// Retired: it leaked, and what it signed is to be refused.
	Retired bool
}

// Outbox knows what changed and what there is.
type Outbox interface {
	// Drain hands the oldest changes of a cell to deliver, each as its object is now, and forgets them when deliver
	// succeeds. It returns how many there were, at most limit. No two Drains or Snapshots of a cell run at once.
	Drain(ctx context.Context, cell string, limit int, deliver func(context.Context, []Entry) error) (int, error)
	// Snapshot hands everything the cell should know to deliver.
	Snapshot(ctx context.Context, cell string, deliver func(context.Context, []Entry) error) error
	// Changed is signalled after a change by this process.
	Changed() <-chan struct{}
}

// Catalog is what the cells read.
type Catalog interface {
	// Put brings entries to a cell, in order.
	Put(ctx context.Context, cell string, entries []Entry) error
	// Replace makes the cell's catalog exactly these entries and returns how many it changed.
	Replace(ctx context.Context, cell string, entries []Entry) (changed int, err error)
}

const (
	batch = 500
	// poll finds the changes that other processes made.
	poll       = time.Second
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// Distributor serves all cells.
type Distributor struct {
	outbox  Outbox
	catalog Catalog
	cells   []string
	log     *slog.Logger
	lagging atomic.Int64
}

// New returns a distributor.
func New(outbox Outbox, catalog Catalog, cells []string, log *slog.Logger) *Distributor {
	return &Distributor{outbox: outbox, catalog: catalog, cells: cells, log: log}
}

// Lagging returns how many cells could not be brought up to date at the last attempt.
func (d *Distributor) Lagging() int64 { return d.lagging.Load() }

// Run distributes until ctx is done. A cell that cannot be reached holds up no other.
func (d *Distributor) Run(ctx context.Context) error {
	wake := make([]chan struct{}, len(d.cells))
	done := make(chan struct{})
	for i, cell := range d.cells {
		wake[i] = make(chan struct{}, 1)
		go func() {
			d.serve(ctx, cell, wake[i])
			done <- struct{}{}
		}()
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for running := len(d.cells); running > 0; {
		select {
		case <-done:
			running--
			continue
		case <-d.outbox.Changed():
		case <-tick.C:
		}
		for _, w := range wake {
			select {
			case w <- struct{}{}:
			default:
			}
		}
	}
	return nil
}

// serve keeps one cell up to date: everything once, then changes. After a failure it begins with everything again.
func (d *Distributor) serve(ctx context.Context, cell string, wake <-chan struct{}) {
	retry, behind := firstRetry, false
	for {
		err := d.keep(ctx, cell, wake, func() {
			if behind {
				d.lagging.Add(-1)
			}
			retry, behind = firstRetry, false
		})
		if ctx.Err() != nil {
			return
		}
		if !behind {
			behind = true
			d.lagging.Add(1)
		}
		d.log.WarnContext(ctx, "cannot bring the catalog to a cell", slog.String("cell", cell), slog.Duration("retry_in", retry), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
		}
		retry = min(2*retry, lastRetry)
	}
}

func (d *Distributor) keep(ctx context.Context, cell string, wake <-chan struct{}, current func()) error {
	err := d.outbox.Snapshot(ctx, cell, func(ctx context.Context, entries []Entry) error {
		n, err := d.catalog.Replace(ctx, cell, entries)
		if err != nil {
			return err
		}
		d.log.InfoContext(ctx, "catalog is complete", slog.String("cell", cell), slog.Int("entries", len(entries)), slog.Int("changed", n))
		return nil
	})
	if err != nil {
		return fmt.Errorf("bring snapshot: %w", err)
	}
	current()
	for {
		n, err := d.outbox.Drain(ctx, cell, batch, func(ctx context.Context, entries []Entry) error {
			return d.catalog.Put(ctx, cell, entries)
		})
		if err != nil {
			return fmt.Errorf("bring changes: %w", err)
		}
		if n == batch {
			continue
		}
		select {
		case <-ctx.Done():
			return errors.New("stopped")
		case <-wake:
		}
	}
}
