package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/group"
	"github.com/millwright-io/millwright/tenancy"
)

// changeGroup runs f with the audit entry and the outbox row that every change of a group leaves. The lock comes first:
// whoever holds it may wait for the tenant's row and the audit log, and nobody waits for it while they hold those.
func (s *Store) changeGroup(ctx context.Context, id tenancy.ID, name string, e audit.Entry, f func(tx pgx.Tx) error) error {
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockGroups, id); err != nil {
			return fmt.Errorf("lock groups: %w", err)
		}
		if err := f(tx); err != nil {
			return err
		}
		if err := announce(ctx, tx, id, distribute.KindGroup, name); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	return err
}

const insertGroup = `
insert into groups (tenant_id, id, name, query, policy, version, created_at, updated_at)
values (@tenant, @id, @name, @query, @policy, @version, @created_at, @updated_at)`

func groupArgs(id tenancy.ID, g group.Group) pgx.NamedArgs {
	return pgx.NamedArgs{
		"tenant": id, "id": g.ID, "name": g.Name, "query": g.Query, "policy": g.Policy, "version": g.Version,
		"created_at": g.CreatedAt, "updated_at": g.UpdatedAt,
	}
}

// InsertGroup implements group.Store.
func (s *Store) InsertGroup(ctx context.Context, id tenancy.ID, g group.Group, e audit.Entry) error {
	return s.changeGroup(ctx, id, g.ID, e, func(tx pgx.Tx) error {
		t, err := s.lockTenant(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := underLimit(ctx, tx, tenancy.LimitGroups, id, t.Limits.Groups); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertGroup, groupArgs(id, g))
		if violates(err, "groups_pkey") {
			return fmt.Errorf("there is a group %s already: %w", g.ID, tenancy.ErrExists)
		}
		if err != nil {
			return fmt.Errorf("insert group %s: %w", g.ID, err)
		}
		return s.gather(ctx, tx, id, g)
	})
}

const updateGroup = `
update groups set name = @name, query = @query, policy = @policy, version = @version, updated_at = @updated_at
where tenant_id = @tenant and id = @id and version = @version - 1`

// UpdateGroup implements group.Store.
func (s *Store) UpdateGroup(ctx context.Context, id tenancy.ID, g group.Group, e audit.Entry) error {
	return s.changeGroup(ctx, id, g.ID, e, func(tx pgx.Tx) error {
		before, err := readGroup(ctx, tx, id, g.ID)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, updateGroup, groupArgs(id, g))
		if err != nil {
			return fmt.Errorf("update group %s: %w", g.ID, err)
		}
		if tag.RowsAffected() == 0 {
			return group.ErrStale
		}
		if g.Query == before.Query {
			return nil // who is in it stays
		}
		return s.gather(ctx, tx, id, g)
	})
}

// DeleteGroup implements group.Store.
func (s *Store) DeleteGroup(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error {
	return s.changeGroup(ctx, id, name, e, func(tx pgx.Tx) error {
		if err := announceDevices(ctx, tx, id, "select device_id from group_members where tenant_id = $1 and group_id = $2", id, name); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "delete from groups where tenant_id = $1 and id = $2", id, name)
		if refers(err, "gateway_groups_group_fkey") {
			return fmt.Errorf("a gateway speaks for group %s: have it speak for it no more first: %w", name, tenancy.ErrConflict)
		}
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		return notFound(err, "there is no group %s", name)
	})
}

const groupColumns = `
select g.id, g.name, g.query, g.policy, g.version, g.created_at, g.updated_at,
  (select count(*) from group_members m where m.tenant_id = g.tenant_id and m.group_id = g.id)
from groups g where g.tenant_id = $1 `

func scanGroup(row pgx.CollectableRow) (g group.Group, err error) {
	err = row.Scan(&g.ID, &g.Name, &g.Query, &g.Policy, &g.Version, &g.CreatedAt, &g.UpdatedAt, &g.Members)
	g.CreatedAt, g.UpdatedAt = g.CreatedAt.UTC(), g.UpdatedAt.UTC()
	return g, err
}

func readGroup(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) (group.Group, error) {
	rows, err := tx.Query(ctx, groupColumns+"and g.id = $2", id, name)
	if err != nil {
		return group.Group{}, fmt.Errorf("read group %s: %w", name, err)
	}
	g, err := pgx.CollectExactlyOneRow(rows, scanGroup)
	if err != nil {
		return group.Group{}, notFound(fmt.Errorf("read group %s: %w", name, err), "there is no group %s", name)
	}
	return g, nil
}

func readGroups(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]group.Group, error) {
	rows, err := tx.Query(ctx, groupColumns+"order by g.id", id)
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	return pgx.CollectRows(rows, scanGroup)
}

// Group implements group.Store.
func (s *Store) Group(ctx context.Context, id tenancy.ID, name string) (g group.Group, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		g, err = readGroup(ctx, tx, id, name)
		return err
	})
	return g, err
}

// Groups implements group.Store.
func (s *Store) Groups(ctx context.Context, id tenancy.ID, device string) (list []group.Group, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if device == "" {
			list, err = readGroups(ctx, tx, id)
			return err
		}
		const of = "and exists (select from group_members m where m.tenant_id = $1 and m.group_id = g.id and m.device_id = $2) order by g.id"
		rows, err := tx.Query(ctx, groupColumns+of, id, device)
		if err != nil {
			return fmt.Errorf("list groups of device %s: %w", device, err)
		}
		list, err = pgx.CollectRows(rows, scanGroup)
		return err
	})
	return list, err
}

// ChangeMembers implements group.Store.
func (s *Store) ChangeMembers(ctx context.Context, id tenancy.ID, name string, add, remove []string, e audit.Entry) error {
	return s.changeGroup(ctx, id, name, e, func(tx pgx.Tx) error {
		if err := devicesExist(ctx, tx, id, add); err != nil {
			return err
		}
		const insert = `
with added as (insert into group_members (tenant_id, group_id, device_id) select $1, $2, unnest($3::text[]) on conflict do nothing returning device_id)
select device_id from added`
		if err := announceDevices(ctx, tx, id, insert, id, name, texts(add)); err != nil {
			return err
		}
		const take = `
with removed as (delete from group_members where tenant_id = $1 and group_id = $2 and device_id = any($3) returning device_id)
select device_id from removed`
		return announceDevices(ctx, tx, id, take, id, name, texts(remove))
	})
}

// devicesExist names the first that does not.
func devicesExist(ctx context.Context, tx pgx.Tx, id tenancy.ID, names []string) error {
	const query = `
select coalesce((select n from unnest($2::text[]) n
  where not exists (select from devices d where d.tenant_id = $1 and d.id = n) limit 1), '')`
	var missing string
	if err := tx.QueryRow(ctx, query, id, texts(names)).Scan(&missing); err != nil {
		return fmt.Errorf("look for devices: %w", err)
	}
	if missing != "" {
		return fmt.Errorf("there is no device %s: %w", missing, tenancy.ErrNotFound)
	}
	return nil
}

// announceDevices leaves the devices that a statement returns in the outbox.
func announceDevices(ctx context.Context, tx pgx.Tx, id tenancy.ID, query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("change members: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("change members: %w", err)
	}
	const insert = `
insert into outbox (cell, tenant_id, kind, object_id) select t.cell, t.id, 'device', unnest($2::text[]) from tenants t where t.id = $1`
	if _, err := tx.Exec(ctx, insert, id, names); err != nil {
		return fmt.Errorf("announce %d devices: %w", len(names), err)
	}
	return nil
}

// GroupMembers implements group.Store.
func (s *Store) GroupMembers(ctx context.Context, id tenancy.ID, name, after string, facilities []string, limit int) (list []string, err error) {
	const query = `
select m.device_id from group_members m join devices d on d.tenant_id = m.tenant_id and d.id = m.device_id
where m.tenant_id = $1 and m.group_id = $2 and m.device_id > $3 and (cardinality($4::text[]) = 0 or d.facility = any($4::text[]))
order by m.device_id limit $5`
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, id, name, after, texts(facilities), limit)
		if err != nil {
			return fmt.Errorf("list members: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return list, err
}
