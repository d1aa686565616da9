package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/limit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

const upsertOverride = `
insert into limit_overrides (tenant_id, name, value, expires_at, reason, set_by, set_at)
values (@tenant, @name, @value, @expires_at, @reason, @by, @at)
on conflict (tenant_id, name) do update
set value = excluded.value, expires_at = excluded.expires_at, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at`

// PutOverride implements limit.Store. A trigger tells the tenant's cell.
func (s *Store) PutOverride(ctx context.Context, id tenancy.ID, o tenant.Override, e audit.Entry) error {
	return s.changeOverride(ctx, id, e, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, upsertOverride, pgx.NamedArgs{
			"tenant": id, "name": o.Limit, "value": o.Maximum, "expires_at": timeN(o.ExpiresAt), "reason": o.Reason, "by": o.SetBy, "at": o.SetAt,
		})
		if err != nil {
			return fmt.Errorf("write override of %s: %w", o.Limit, err)
		}
		return appendOperatorAudit(ctx, tx, e)
	})
}

// DeleteOverride implements limit.Store.
func (s *Store) DeleteOverride(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error {
	return s.changeOverride(ctx, id, e, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "delete from limit_overrides where tenant_id = $1 and name = $2", id, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		if err != nil {
			return notFound(err, "organisation %s has no override of %s", id, name)
		}
		return appendOperatorAudit(ctx, tx, e)
	})
}

func (s *Store) changeOverride(ctx context.Context, id tenancy.ID, e audit.Entry, f func(tx pgx.Tx) error) error {
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := set(ctx, tx, "millwright.operator", e.Actor); err != nil {
			return err
		}
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	return err
}

// EndOverrides implements limit.Rounds. Another process may do the same at the same time: who deletes writes the entry.
func (s *Store) EndOverrides(ctx context.Context, entry func(id tenancy.ID, name string) audit.Entry) (ended int, err error) {
	type override struct {
		tenant tenancy.ID
		name   string
	}
	var due []override
	err = s.asOperator(ctx, audit.System, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select tenant_id, name from limit_overrides where expires_at <= now() limit 1000")
		if err != nil {
			return fmt.Errorf("find ended overrides: %w", err)
		}
		due, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o override, err error) {
			err = row.Scan(&o.tenant, &o.name)
			return o, err
		})
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, o := range due {
		gone := false
		e := entry(o.tenant, o.name)
		err := s.changeOverride(ctx, o.tenant, e, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, "delete from limit_overrides where tenant_id = $1 and name = $2 and expires_at <= now()", o.tenant, o.name)
			if err == nil && tag.RowsAffected() == 0 {
				gone, err = true, pgx.ErrNoRows
			}
			return err
		})
		if err != nil && !gone {
			return ended, fmt.Errorf("end override of %s: %w", o.name, err)
		}
		if !gone {
			ended++
		}
	}
	return ended, nil
}

// LimitNotices implements limit.Store.
func (s *Store) LimitNotices(ctx context.Context, id tenancy.ID, since time.Time) (list []limit.Notice, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		const query = `
select name, percent, used, maximum, created_at from limit_notices
where tenant_id = $1 and created_at > $2 order by created_at desc, name, percent desc`
		rows, err := tx.Query(ctx, query, id, since)
		if err != nil {
			return fmt.Errorf("read notices: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n limit.Notice, err error) {
			err = row.Scan(&n.Limit, &n.Percent, &n.Used, &n.Maximum, &n.CreatedAt)
			n.CreatedAt = n.CreatedAt.UTC()
			return n, err
		})
		return err
	})
	return list, err
}

const insertNotice = `
insert into limit_notices (tenant_id, name, day, percent, used, maximum, created_at)
values (@tenant, @name, (@at::timestamptz at time zone 'UTC')::date, @percent, @used, @maximum, @at)
on conflict do nothing`

// One e-mail an owner and admin. The object names the notice and the person.
const queueNotice = `
insert into mail_outbox (tenant_id, kind, object_id, due_at)
select tenant_id, 'limit_notice', @notice || '/' || person_id, @at from members
where tenant_id = @tenant and role in ('owner', 'admin')`

// PutNotice implements limit.Rounds.
func (s *Store) PutNotice(ctx context.Context, id tenancy.ID, n limit.Notice) error {
	fresh := false
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"tenant": id, "name": n.Limit, "percent": n.Percent, "used": n.Used, "maximum": n.Maximum, "at": n.CreatedAt,
			"notice": fmt.Sprintf("%s/%s/%d", n.Limit, n.CreatedAt.UTC().Format(time.DateOnly), n.Percent),
		}
		tag, err := tx.Exec(ctx, insertNotice, args)
		if err != nil {
			return fmt.Errorf("write notice: %w", err)
		}
		if fresh = tag.RowsAffected() > 0; !fresh {
			return nil
		}
		if _, err := tx.Exec(ctx, queueNotice, args); err != nil {
			return fmt.Errorf("queue e-mail: %w", err)
		}
		return nil
	})
	if fresh && err == nil {
		s.wakeMail()
	}
	return err
}
