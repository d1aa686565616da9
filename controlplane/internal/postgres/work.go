package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	insertStep = "insert into tenant_steps (tenant_id, task, position, name) values ($1, $2, $3, $4)"
	putWork    = `insert into tenant_work (tenant_id, task, due_at) values ($1, $2, $3)
on conflict (tenant_id) do update set task = excluded.task, due_at = excluded.due_at`
)

// Work implements tenant.WorkStore.
func (s *Store) Work() <-chan struct{} { return s.work }

func (s *Store) wakeWork() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

const claimWork = `
update tenant_work set due_at = @lease where tenant_id = (
  select tenant_id from tenant_work where due_at <= @now order by due_at, tenant_id limit 1 for update skip locked)
returning tenant_id`

// ClaimWork implements tenant.WorkStore.
func (s *Store) ClaimWork(ctx context.Context, now, lease time.Time) (id tenancy.ID, ok bool, err error) {
	err = s.pool.QueryRow(ctx, claimWork, pgx.NamedArgs{"now": now, "lease": lease}).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, translate(fmt.Errorf("claim work: %w", err))
	}
	return id, true, nil
}

// A report may have finished the step meanwhile: it stays finished.
const settleStep = `
update tenant_steps set state = @state, attempts = @attempts, detail = @detail, finished_at = @finished
where tenant_id = @id and task = @task and name = @name and state <> 'done'`

// SettleStep implements tenant.WorkStore.
func (s *Store) SettleStep(ctx context.Context, id tenancy.ID, st tenant.Step, due time.Time) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, settleStep, pgx.NamedArgs{
			"id": id, "task": st.Task, "name": st.Name, "state": st.State, "attempts": st.Attempts, "detail": st.Detail, "finished": timeN(st.FinishedAt),
		})
		if err != nil {
			return fmt.Errorf("settle step %s: %w", st.Name, err)
		}
		// A step that somebody else finished meanwhile makes the next one due at once.
		const update = `
update tenant_work set due_at = case when exists (
  select from tenant_steps where tenant_id = $1 and task = $2 and name = $3 and state = 'done') then least($4, now()) else $4 end
where tenant_id = $1 and task = $2`
		if _, err := tx.Exec(ctx, update, id, st.Task, st.Name, due); err != nil {
			return fmt.Errorf("settle work: %w", err)
		}
		const over = `
delete from tenant_work where tenant_id = $1 and task = $2
  and not exists (select from tenant_steps where tenant_id = $1 and task = $2 and state <> 'done')`
		if _, err := tx.Exec(ctx, over, id, st.Task); err != nil {
			return fmt.Errorf("end work: %w", err)
		}
		return nil
	})
}

// PutAuthority implements tenant.WorkStore.
func (s *Store) PutAuthority(ctx context.Context, id tenancy.ID, certificate, sealedKey []byte, at time.Time) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		const insert = "insert into authorities (tenant_id, certificate, sealed_key, created_at) values ($1, $2, $3, $4) on conflict do nothing"
		if _, err := tx.Exec(ctx, insert, id, certificate, sealedKey, at); err != nil {
			return fmt.Errorf("insert intermediate: %w", err)
		}
		return nil
	})
}

// AnnounceTenant implements tenant.WorkStore.
func (s *Store) AnnounceTenant(ctx context.Context, id tenancy.ID) error {
	defer s.wake()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error { return announce(ctx, tx, id, distribute.KindTenant, "") })
}

// Announced implements tenant.WorkStore: the outbox holds nothing of the tenant itself.
func (s *Store) Announced(ctx context.Context, id tenancy.ID) (done bool, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		const query = "select not exists (select from outbox where tenant_id = $1 and kind = 'tenant')"
		if err := tx.QueryRow(ctx, query, id).Scan(&done); err != nil {
			return fmt.Errorf("look into the outbox: %w", err)
		}
		return nil
	})
	return done, err
}

// ActivateTenant implements tenant.WorkStore.
func (s *Store) ActivateTenant(ctx context.Context, id tenancy.ID, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update tenants set status = 'active' where id = $1 and status = 'provisioning'", id)
		if err != nil {
			return fmt.Errorf("activate tenant %s: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		return appendAudit(ctx, tx, e)
	})
}

const reported = `
update tenant_steps p set state = case when @failure = '' then 'done' else p.state end,
  detail = @detail, finished_at = case when @failure = '' then @now::timestamptz end
from tenants t
where t.id = p.tenant_id and t.id = @id and t.cell = @cell and p.task = @task and p.name = 'storage' and p.state <> 'done'`

// StorageReported implements tenant.Store. Of a tenant that is being removed only the removal counts, of another only
// that its storage is there.
func (s *Store) StorageReported(ctx context.Context, id tenancy.ID, r tenant.StorageReport) error {
	defer s.wakeWork()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		t, err := s.tenant(ctx, tx, id)
		if err != nil {
			return err
		}
		if t.Removing != r.Removed && r.Failure == "" {
			return nil
		}
		task, detail := tenant.TaskProvision, ""
		if t.Removing {
			task, detail = tenant.TaskDelete, r.Detail()
		}
		if r.Failure != "" {
			detail = "failed, the cell tries again: " + r.Failure
		}
		tag, err := tx.Exec(ctx, reported, pgx.NamedArgs{
			"id": id, "cell": r.Cell, "task": task, "failure": r.Failure, "detail": detail, "now": time.Now().UTC(),
		})
		if err != nil {
			return fmt.Errorf("note the report of tenant %s: %w", id, err)
		}
		if tag.RowsAffected() == 0 || r.Failure != "" {
			return nil
		}
		const due = "update tenant_work set due_at = least(due_at, now()) where tenant_id = $1 and task = $2 and due_at < now() + interval '1 day'"
		if _, err := tx.Exec(ctx, due, id, task); err != nil {
			return fmt.Errorf("make work due: %w", err)
		}
		return nil
	})
}
