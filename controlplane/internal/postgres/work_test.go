package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/cell"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/postgres"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/tenancy"
)

// crashing is a store whose process dies when it has done, or is about to do, what fatal names: no call after it arrives.
type crashing struct {
	*postgres.Store
	fatal  string
	before bool
	dead   bool
}

var errDead = errors.New("the process is dead")

func (c *crashing) do(name string, call func() error) error {
	if c.dead || (name == c.fatal && c.before) {
		c.dead = true
		return errDead
	}
	err := call()
	if name == c.fatal {
		c.dead = true
		return errDead
	}
	return err
}

func (c *crashing) PutAuthority(ctx context.Context, id tenancy.ID, certificate, sealedKey []byte, at time.Time) error {
	return c.do("authority", func() error { return c.Store.PutAuthority(ctx, id, certificate, sealedKey, at) })
}

func (c *crashing) AnnounceTenant(ctx context.Context, id tenancy.ID) error {
	return c.do("catalog", func() error { return c.Store.AnnounceTenant(ctx, id) })
}

func (c *crashing) ActivateTenant(ctx context.Context, id tenancy.ID, e audit.Entry) error {
	return c.do("ready", func() error { return c.Store.ActivateTenant(ctx, id, e) })
}

func (c *crashing) SettleStep(ctx context.Context, id tenancy.ID, s tenant.Step, due time.Time) error {
	return c.do("settle "+s.Name, func() error { return c.Store.SettleStep(ctx, id, s, due) })
}

// issuer makes certificates that tell how often it was asked; it fails the first times.
type issuer struct{ asked, fails int }

func (i *issuer) NewIntermediate(context.Context, tenancy.ID) ([]byte, []byte, error) {
	i.asked++
	if i.asked <= i.fails {
		return nil, nil, errors.New("the key service is away")
	}
	return []byte{byte(i.asked)}, []byte("sealed"), nil
}

// TestProvisioningSurvivesACrashAtEachStep kills the process before and after each effect and before the step is noted;
// the next process finishes, and everything exists once.
func TestProvisioningSurvivesACrashAtEachStep(t *testing.T) {
	t.Parallel()
	store := openStore(t, pgtest.New(t))
	err := store.RegisterCells(t.Context(), []cell.Cell{{Name: "local", Region: "local", Configured: true, Capacity: cell.Capacity{Databases: 1000, EventsPerSecond: 1000}}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, fatal := range []string{"authority", "settle authority", "catalog", "settle catalog", "settle storage", "ready", "settle ready"} {
		for _, before := range []bool{true, false} {
			now := time.Now()
			clock := func() time.Time { return now }
			dying := &crashing{Store: store, fatal: fatal, before: before}
			ca := &issuer{fails: 1}
			id := found(t, store, now)
			first := tenant.NewWorker(dying, ca, nil, nil, nil, slog.New(slog.DiscardHandler), clock)
			second := tenant.NewWorker(store, ca, nil, nil, nil, slog.New(slog.DiscardHandler), clock)
			worker := first
			for try := 0; ; try++ {
				if try == 200 {
					tn, _ := store.Tenant(t.Context(), id)
					t.Fatalf("killed at %q (before: %t): not provisioned: %+v", fatal, before, tn.Steps)
				}
				now = now.Add(time.Second)
				claimed, ok, err := store.ClaimWork(t.Context(), now, now.Add(10*time.Second))
				if err != nil {
					t.Fatal(err)
				}
				if ok && claimed == id {
					_ = worker.Advance(t.Context(), id)
				}
				if dying.dead {
					worker = second
				}
				deliver(t, store)
				if step(t, store, id, "storage").State != tenant.StepWaiting {
					if err := store.StorageReported(t.Context(), id, tenant.StorageReport{Cell: "local"}); err != nil {
						t.Fatal(err)
					}
				}
				tn, err := store.Tenant(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if tn.Status == tenant.StatusActive && step(t, store, id, "ready").State == tenant.StepDone {
					break
				}
			}
			if !dying.dead {
				t.Errorf("%q (before: %t) was never reached", fatal, before)
			}
			certificate, _, err := store.Authority(t.Context(), id)
			if err != nil || len(certificate) != 1 || certificate[0] < 2 {
				t.Errorf("killed at %q: intermediate %v, %v", fatal, certificate, err)
			}
			entries, err := store.AuditAfter(t.Context(), id, 0, 100)
			if err != nil || len(entries) != 2 { // founded and activated
				t.Errorf("killed at %q: %d audit entries, %v", fatal, len(entries), err)
			}
		}
	}
}

// found makes a tenant whose steps are to be taken.
func found(t *testing.T, store *postgres.Store, now time.Time) tenancy.ID {
	t.Helper()
	id := tenancy.NewID()
	tn := tenant.Tenant{
		ID: id, Name: "Works", Slug: "w-" + string(id), Status: tenant.StatusProvisioning, Plan: tenant.PlanTeam, Revision: 1, CreatedAt: now,
		Settings: tenant.Settings{TimeZone: "UTC", Units: tenant.UnitsMetric, AlertSeverity: tenant.SeverityInfo, Version: 1},
	}
	e := audit.Of(t.Context(), tenancy.Principal{Tenant: id, Actor: "ada@example.com"}, now, "tenant/"+string(id), tn)
	if _, err := store.InsertTenant(t.Context(), tenant.Founding{
		Tenant: tn, Person: "ada", Email: "ada@example.com", Lease: now, Cells: []string{"local"}, Audit: e,
	}); err != nil {
		t.Fatal(err)
	}
	return id
}

// deliver empties the outbox as the distributor does.
func deliver(t *testing.T, store *postgres.Store) {
	t.Helper()
	none := func(context.Context, []distribute.Entry) error { return nil }
	if _, err := store.Drain(t.Context(), "local", 100, none); err != nil {
		t.Fatal(err)
	}
}

func step(t *testing.T, store *postgres.Store, id tenancy.ID, name string) tenant.Step {
	t.Helper()
	tn, err := store.Tenant(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range tn.Steps {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no step %s in %v", name, tn.Steps)
	return tenant.Step{}
}
