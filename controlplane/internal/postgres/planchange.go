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

// Of two changes that take effect at the same hour, the later one holds.
const insertPlanChange = `
insert into plan_changes (tenant_id, effective_at, plan, requested_at, requested_by, applied)
values (@tenant, @effective, @plan, @at, @by, @applied)
on conflict (tenant_id, effective_at) do update
set plan = excluded.plan, requested_at = excluded.requested_at, requested_by = excluded.requested_by, applied = excluded.applied`

// ChangePlan implements tenant.PlanStore.
func (s *Store) ChangePlan(ctx context.Context, id tenancy.ID, c tenant.PlanChange, e audit.Entry) error {
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		t, err := s.lockTenant(ctx, tx, id)
		if err != nil {
			return err
		}
		if t.Plan != c.From || t.Status == tenant.StatusDeleting {
			return fmt.Errorf("the organisation has the plan %s and is %s by now: preview the change again: %w", t.Plan, t.Status, tenancy.ErrConflict)
		}
		if _, err := tx.Exec(ctx, "delete from plan_changes where tenant_id = $1 and (not applied or effective_at > $2)", id, c.EffectiveAt); err != nil {
			return fmt.Errorf("replace the plan that waits: %w", err)
		}
		_, err = tx.Exec(ctx, insertPlanChange, pgx.NamedArgs{
			"tenant": id, "effective": c.EffectiveAt, "plan": c.Plan, "at": c.At, "by": c.By, "applied": c.AtOnce,
		})
		if err != nil {
			return fmt.Errorf("record plan: %w", err)
		}
		if c.AtOnce {
			if err := setPlan(ctx, tx, id, c.Plan); err != nil {
				return err
			}
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	return err
}

// setPlan gives a tenant a plan and tells its cell.
func setPlan(ctx context.Context, tx pgx.Tx, id tenancy.ID, plan string) error {
	if _, err := tx.Exec(ctx, "update tenants set plan = $2, revision = revision + 1 where id = $1", id, plan); err != nil {
		return fmt.Errorf("set plan: %w", err)
	}
	return announce(ctx, tx, id, distribute.KindTenant, "")
}

// CancelPlanChange implements tenant.PlanStore.
func (s *Store) CancelPlanChange(ctx context.Context, id tenancy.ID, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "delete from plan_changes where tenant_id = $1 and not applied", id)
		if err != nil {
			return fmt.Errorf("cancel the plan that waits: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("no change of plan waits: %w", tenancy.ErrNotFound)
		}
		return appendAudit(ctx, tx, e)
	})
}

// ApplyPlanChange implements tenant.PlanStore. Another process may do the same at the same time: who finds it waiting under the
// lock applies it.
func (s *Store) ApplyPlanChange(ctx context.Context, now time.Time, entry func(id tenancy.ID, from, to string) audit.Entry) (id tenancy.ID, err error) {
	err = s.asOperator(ctx, audit.System, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "select tenant_id from plan_changes where not applied and effective_at <= $1 order by effective_at, tenant_id limit 1", now).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || id == "" {
		return id, err
	}
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		t, err := s.lockTenant(ctx, tx, id)
		if err != nil {
			return err
		}
		var plan string
		err = tx.QueryRow(ctx, "update plan_changes set applied = true where tenant_id = $1 and not applied and effective_at <= $2 returning plan", id, now).Scan(&plan)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("apply the plan that waits: %w", err)
		}
		if err := setPlan(ctx, tx, id, plan); err != nil {
			return err
		}
		return appendAudit(ctx, tx, entry(id, t.Plan, plan))
	})
	if err == nil {
		s.wake()
	}
	return id, err
}

// CountedUse implements tenant.PlanStore.
func (s *Store) CountedUse(ctx context.Context, id tenancy.ID) (used map[string]int64, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		var devices, members, keys, groups, points int64
		if err := tx.QueryRow(ctx, selectCounts, pgx.NamedArgs{"tenant": id}).Scan(&devices, &members, &keys, &groups, &points); err != nil {
			return fmt.Errorf("count against limits: %w", err)
		}
		used = map[string]int64{
			tenancy.LimitDevices: devices, tenancy.LimitMembers: members, tenancy.LimitKeys: keys, tenancy.LimitGroups: groups,
		}
		return nil
	})
	return used, err
}
