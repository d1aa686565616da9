package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/platform"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

const ofTenants = `
from tenants t
where @query = '' or starts_with(lower(t.name), lower(@query)) or starts_with(t.slug, lower(@query)) or starts_with(t.id, @query)`

// AllTenants implements platform.Store: the transaction sees the tenants themselves, and nothing in them.
func (s *Store) AllTenants(ctx context.Context, page platform.Page) (list []tenant.Tenant, total int, err error) {
	args := pgx.NamedArgs{"query": page.Query, "after": page.After, "size": page.Size}
	err = s.in(ctx, "millwright.platform", "on", func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "select count(*) "+ofTenants, args).Scan(&total); err != nil {
			return fmt.Errorf("count tenants: %w", err)
		}
		rows, err := tx.Query(ctx, "select id, name, slug, status, plan, cell, created_at from (select t.* "+ofTenants+") as found where slug > @after order by slug limit @size", args)
		if err != nil {
			return fmt.Errorf("list tenants: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t tenant.Tenant, err error) {
			err = row.Scan(&t.ID, &t.Name, &t.Slug, &t.Status, &t.Plan, &t.Cell, &t.CreatedAt)
			t.CreatedAt = t.CreatedAt.UTC()
			return t, err
		})
		return err
	})
	return list, total, err
}

// Flags implements platform.Store.
func (s *Store) Flags(ctx context.Context) ([]platform.Flag, error) {
	rows, err := s.pool.Query(ctx, "select name, description, percent, tenant_ids, updated_at, updated_by from flags order by name")
	if err != nil {
		return nil, translate(fmt.Errorf("list flags: %w", err))
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f platform.Flag, err error) {
		var ids []string
		err = row.Scan(&f.Name, &f.Description, &f.Percent, &ids, &f.UpdatedAt, &f.UpdatedBy)
		for _, id := range ids {
			f.Tenants = append(f.Tenants, tenancy.ID(id))
		}
		f.UpdatedAt = f.UpdatedAt.UTC()
		return f, err
	})
	return list, translate(err)
}

const upsertFlag = `
insert into flags (name, description, percent, tenant_ids, updated_at, updated_by) values (@name, @description, @percent, @tenants, @at, @by)
on conflict (name) do update set description = excluded.description, percent = excluded.percent, tenant_ids = excluded.tenant_ids,
  updated_at = excluded.updated_at, updated_by = excluded.updated_by`

// SetFlag implements platform.Store.
func (s *Store) SetFlag(ctx context.Context, f platform.Flag, e audit.Entry) error {
	ids := make([]string, 0, len(f.Tenants))
	for _, id := range f.Tenants {
		ids = append(ids, string(id))
	}
	return s.change(ctx, e, "", upsertFlag, pgx.NamedArgs{
		"name": f.Name, "description": f.Description, "percent": f.Percent, "tenants": ids, "at": f.UpdatedAt, "by": f.UpdatedBy,
	})
}

// RemoveFlag implements platform.Store.
func (s *Store) RemoveFlag(ctx context.Context, name string, e audit.Entry) error {
	return s.change(ctx, e, "there is no flag "+name, "delete from flags where name = @name", pgx.NamedArgs{"name": name})
}

// Announcements implements platform.Store.
func (s *Store) Announcements(ctx context.Context, at time.Time) ([]platform.Announcement, error) {
	const query = `
select id, text, severity, created_at, created_by, ends_at from announcements
where ends_at is null or ends_at > $1 order by created_at desc, id limit 100`
	rows, err := s.pool.Query(ctx, query, at)
	if err != nil {
		return nil, translate(fmt.Errorf("list announcements: %w", err))
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a platform.Announcement, err error) {
		var ends *time.Time
		err = row.Scan(&a.ID, &a.Text, &a.Severity, &a.CreatedAt, &a.CreatedBy, &ends)
		a.CreatedAt, a.EndsAt = a.CreatedAt.UTC(), time0(ends)
		return a, err
	})
	return list, translate(err)
}

// InsertAnnouncement implements platform.Store.
func (s *Store) InsertAnnouncement(ctx context.Context, a platform.Announcement, e audit.Entry) error {
	const statement = `
insert into announcements (id, text, severity, created_at, created_by, ends_at) values (@id, @text, @severity, @at, @by, @ends)`
	return s.change(ctx, e, "", statement, pgx.NamedArgs{
		"id": a.ID, "text": a.Text, "severity": a.Severity, "at": a.CreatedAt, "by": a.CreatedBy, "ends": timeN(a.EndsAt),
	})
}

// RemoveAnnouncement implements platform.Store.
func (s *Store) RemoveAnnouncement(ctx context.Context, id string, e audit.Entry) error {
	return s.change(ctx, e, "there is no announcement "+id, "delete from announcements where id = @id", pgx.NamedArgs{"id": id})
}

// change runs a statement on a table of the platform, with its entry. missing says what an unmatched row means; empty: nothing.
func (s *Store) change(ctx context.Context, e audit.Entry, missing, statement string, args pgx.NamedArgs) error {
	return translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, statement, args)
		if err != nil {
			return fmt.Errorf("change %s: %w", e.Object, err)
		}
		if missing != "" && tag.RowsAffected() == 0 {
			return fmt.Errorf("%s: %w", missing, tenancy.ErrNotFound)
		}
		return appendPlatformAudit(ctx, tx, e)
	}))
}
