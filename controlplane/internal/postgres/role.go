package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/role"
	"github.com/millwright-io/millwright/tenancy"
)

const roleColumns = `select id, title, actions, revision, changed_by, changed_at from roles `

func scanRole(row pgx.CollectableRow) (r role.Role, err error) {
	err = row.Scan(&r.Name, &r.Title, &r.Actions, &r.Revision, &r.ChangedBy, &r.ChangedAt)
	r.ChangedAt = r.ChangedAt.UTC()
	return r, err
}

// Roles implements role.Store.
func (s *Store) Roles(ctx context.Context, id tenancy.ID) (list []role.Role, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		list, err = readRoles(ctx, tx, id)
		return err
	})
	return list, err
}

func readRoles(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]role.Role, error) {
	rows, err := tx.Query(ctx, roleColumns+"where tenant_id = $1 order by id", id)
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	return pgx.CollectRows(rows, scanRole)
}

// Role implements role.Store.
func (s *Store) Role(ctx context.Context, id tenancy.ID, name string) (r role.Role, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		r, err = readRole(ctx, tx, id, name)
		return err
	})
	return r, err
}

func readRole(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) (role.Role, error) {
	rows, err := tx.Query(ctx, roleColumns+"where tenant_id = $1 and id = $2", id, name)
	if err != nil {
		return role.Role{}, fmt.Errorf("read role: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRole)
	if err != nil {
		return role.Role{}, notFound(fmt.Errorf("read role: %w", err), "your organisation has no role %s of its own", name)
	}
	return r, nil
}

// CustomRoles implements caller.Source.
func (s *Store) CustomRoles(ctx context.Context, id tenancy.ID) (*tenancy.CustomRoles, error) {
	list, err := s.Roles(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &tenancy.CustomRoles{Actions: make(map[tenancy.Role][]tenancy.Action, len(list))}
	for _, r := range list {
		out.Actions[tenancy.CustomRole(r.Name)] = r.Actions
	}
	return out, nil
}

// InsertRole implements role.Store.
func (s *Store) InsertRole(ctx context.Context, id tenancy.ID, r role.Role, e audit.Entry) error {
	return s.changeRole(ctx, id, e, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		if err := underLimit(ctx, tx, tenancy.LimitRoles, id, role.Maximum); err != nil {
			return err
		}
		const query = `
insert into roles (tenant_id, id, title, actions, revision, changed_by, changed_at)
values (@tenant, @id, @title, @actions, @revision, @by, @at)`
		_, err := tx.Exec(ctx, query, roleArgs(id, r))
		if violates(err, "roles_pkey") {
			return fmt.Errorf("your organisation has a role %s already: %w", r.Name, tenancy.ErrExists)
		}
		return err
	})
}

// UpdateRole implements role.Store.
func (s *Store) UpdateRole(ctx context.Context, id tenancy.ID, r role.Role, e audit.Entry) error {
	return s.changeRole(ctx, id, e, func(tx pgx.Tx) error {
		const query = `
update roles set title = @title, actions = @actions, revision = @revision, changed_by = @by, changed_at = @at
where tenant_id = @tenant and id = @id and revision = @revision - 1`
		tag, err := tx.Exec(ctx, query, roleArgs(id, r))
		if err == nil && tag.RowsAffected() == 0 {
			err = fmt.Errorf("somebody changed the role %s just now: look at it and try again: %w", r.Name, tenancy.ErrConflict)
		}
		return err
	})
}

func roleArgs(id tenancy.ID, r role.Role) pgx.NamedArgs {
	return pgx.NamedArgs{
		"tenant": id, "id": r.Name, "title": r.Title, "actions": r.Actions, "revision": r.Revision, "by": r.ChangedBy, "at": r.ChangedAt,
	}
}

// DeleteRole implements role.Store. The references to a role keep one that somebody has.
func (s *Store) DeleteRole(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error {
	return s.changeRole(ctx, id, e, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "delete from roles where tenant_id = $1 and id = $2", id, name)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "23503" {
			return fmt.Errorf("the role %s is in use by a row of %s: give those who have it another role first: %w", name, pg.TableName, tenancy.ErrConflict)
		}
		return err
	})
}

func (s *Store) changeRole(ctx context.Context, id tenancy.ID, e audit.Entry, f func(tx pgx.Tx) error) error {
	defer s.caller("role", string(id))
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := f(tx); err != nil {
			return roleMissing(err)
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	return err
}

// roleMissing makes the violation of a reference to a role of the tenant's own an ErrNotFound: it was deleted just now.
func roleMissing(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23503" {
		return fmt.Errorf("your organisation has no such role or service account any more: %w", tenancy.ErrNotFound)
	}
	return err
}
