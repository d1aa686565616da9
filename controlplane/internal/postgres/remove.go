package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// EndCredentials implements tenant.WorkStore.
func (s *Store) EndCredentials(ctx context.Context, id tenancy.ID, now time.Time, e audit.Entry) (detail string, err error) {
	defer s.wake()
	var certificates, keys int64
	var ended []string
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update tenants set removing = true, revision = revision + 1 where id = $1 and delete_due_at <= $2", id, now)
		if err != nil {
			return fmt.Errorf("begin removal: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("the deletion is not due: %w", tenancy.ErrConflict)
		}
		if tag, err = tx.Exec(ctx, "update certificates set revoked_at = $2 where tenant_id = $1 and revoked_at is null", id, now); err != nil {
			return fmt.Errorf("revoke certificates: %w", err)
		}
		certificates = tag.RowsAffected()
		rows, err := tx.Query(ctx, "delete from keys where tenant_id = $1 returning id", id)
		if err != nil {
			return fmt.Errorf("delete keys: %w", err)
		}
		if ended, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return fmt.Errorf("delete keys: %w", err)
		}
		keys = int64(len(ended))
		if _, err = tx.Exec(ctx, "delete from invitations where tenant_id = $1", id); err != nil {
			return fmt.Errorf("delete invitations: %w", err)
		}
		if err := announce(ctx, tx, id, distribute.KindTenant, ""); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	for _, k := range ended {
		s.caller("key", k)
	}
	return fmt.Sprintf("%d certificates, %d keys", certificates, keys), err
}

// ForgetCatalog implements tenant.WorkStore.
func (s *Store) ForgetCatalog(ctx context.Context, id tenancy.ID, cell string, forget func(context.Context) (detail string, err error)) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := lockCell(ctx, tx, cell); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from outbox where tenant_id = $1", id); err != nil {
			return fmt.Errorf("empty outbox of tenant: %w", err)
		}
		detail, err := forget(ctx)
		if err != nil {
			return err
		}
		// In the same transaction, so that nothing is sent again: see tenant.Tenant.Forgotten.
		const done = "update tenant_steps set state = 'done', detail = $2, finished_at = now() where tenant_id = $1 and task = 'delete' and name = 'catalog'"
		if _, err := tx.Exec(ctx, done, id, detail); err != nil {
			return fmt.Errorf("note that the cell forgot: %w", err)
		}
		return nil
	})
}

const insertRemoved = `
insert into removed_tenants (id, name, requested_person, requested_by, requested_at, cell, removed_at, counts, usage, audit)
values (@id, @name, @person, @by, @requested_at, @cell, @removed_at, @counts, @usage, @audit)`

const sumUsage = `
select coalesce(jsonb_object_agg(month, meters), '{}') from (
  select month, jsonb_object_agg(meter, value) as meters from (
    select to_char(hour at time zone 'UTC', 'YYYY-MM') as month, meter, sum(value) as value from usage_totals where tenant_id = $1 group by 1, 2) m
  group by month) y`

// RemoveTenant implements tenant.WorkStore.
func (s *Store) RemoveTenant(ctx context.Context, r tenant.Removed, exported int64) error {
	members, err := s.Members(ctx, r.ID)
	if err != nil {
		return err
	}
	err = s.inTenant(ctx, r.ID, func(tx pgx.Tx) error {
		if err := set(ctx, tx, "millwright.removed", string(r.ID)); err != nil {
			return err
		}
		var usage []byte
		if err := tx.QueryRow(ctx, sumUsage, r.ID).Scan(&usage); err != nil {
			return fmt.Errorf("sum up usage: %w", err)
		}
		var counts map[string]int64
		if err := tx.QueryRow(ctx, "select remove_tenant($1, $2, $3)", r.ID, r.RemovedAt, exported).Scan(&counts); err != nil {
			return fmt.Errorf("remove rows: %w", err)
		}
		maps.Copy(counts, r.Counts)
		_, err := tx.Exec(ctx, insertRemoved, pgx.NamedArgs{
			"id": r.ID, "name": r.Name, "person": r.Person, "by": r.RequestedBy, "requested_at": r.RequestedAt, "cell": r.Cell,
			"removed_at": r.RemovedAt, "counts": counts, "usage": string(usage), "audit": r.Audit,
		})
		if err != nil {
			return fmt.Errorf("insert removed tenant: %w", err)
		}
		if _, err := tx.Exec(ctx, "insert into removed_work (tenant_id, due_at) values ($1, $2)", r.ID, r.RemovedAt); err != nil {
			return fmt.Errorf("queue verification: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range members {
		s.caller("person", m.ID)
	}
	return nil
}

const claimUnverified = `
update removed_work set due_at = @lease where tenant_id = (
  select tenant_id from removed_work where due_at <= @now order by due_at limit 1 for update skip locked)
returning tenant_id`

// NextUnverified implements tenant.WorkStore.
func (s *Store) NextUnverified(ctx context.Context, now, lease time.Time) (r tenant.Removed, ok bool, err error) {
	var id tenancy.ID
	err = s.pool.QueryRow(ctx, claimUnverified, pgx.NamedArgs{"now": now, "lease": lease}).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, false, nil
	}
	if err != nil {
		return r, false, translate(fmt.Errorf("claim removed tenant: %w", err))
	}
	err = s.in(ctx, "millwright.removed", string(id), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, removedColumns+"where id = $1", id)
		if err != nil {
			return fmt.Errorf("read removed tenant: %w", err)
		}
		r, err = pgx.CollectExactlyOneRow(rows, scanRemoved)
		return err
	})
	return r, err == nil, err
}

// CountTenant implements tenant.WorkStore.
func (s *Store) CountTenant(ctx context.Context, id tenancy.ID) (counts map[string]int64, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "select count_tenant($1)", id).Scan(&counts); err != nil {
			return fmt.Errorf("count what is left of tenant %s: %w", id, err)
		}
		return nil
	})
	return counts, err
}

// SetVerified implements tenant.WorkStore.
func (s *Store) SetVerified(ctx context.Context, id tenancy.ID, at time.Time) error {
	return s.in(ctx, "millwright.removed", string(id), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "update removed_tenants set verified_at = $2 where id = $1", id, at); err != nil {
			return fmt.Errorf("note verification: %w", err)
		}
		if _, err := tx.Exec(ctx, "delete from removed_work where tenant_id = $1", id); err != nil {
			return fmt.Errorf("end verification: %w", err)
		}
		return nil
	})
}
