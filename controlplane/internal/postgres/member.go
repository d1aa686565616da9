package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/member"
	"github.com/millwright-io/millwright/tenancy"
)

const memberColumns = `select person_id, email, role, facilities, created_at from members `

func scanMember(row pgx.CollectableRow) (m member.Member, err error) {
	err = row.Scan(&m.ID, &m.Email, &m.Role, &m.Facilities, &m.CreatedAt)
	m.CreatedAt = m.CreatedAt.UTC()
	return m, err
}

// Members implements member.Store.
func (s *Store) Members(ctx context.Context, id tenancy.ID) (list []member.Member, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		list, err = readMembers(ctx, tx, id)
		return err
	})
	return list, err
}

func readMembers(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]member.Member, error) {
	rows, err := tx.Query(ctx, memberColumns+"where tenant_id = $1 order by email, person_id", id)
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	return pgx.CollectRows(rows, scanMember)
}

// Member implements member.Store.
func (s *Store) Member(ctx context.Context, id tenancy.ID, person string) (m member.Member, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		m, err = readMember(ctx, tx, id, person)
		return err
	})
	return m, err
}

func readMember(ctx context.Context, tx pgx.Tx, id tenancy.ID, person string) (member.Member, error) {
	rows, err := tx.Query(ctx, memberColumns+"where tenant_id = $1 and person_id = $2", id, person)
	if err != nil {
		return member.Member{}, fmt.Errorf("read member: %w", err)
	}
	m, err := pgx.CollectExactlyOneRow(rows, scanMember)
	if err != nil {
		return member.Member{}, notFound(fmt.Errorf("read member: %w", err), "there is no member %s", person)
	}
	return m, nil
}

const insertMember = `
insert into members (tenant_id, person_id, email, role, facilities, created_at)
values (@tenant, @person, @email, @role, @facilities, @created_at)`

func writeMember(ctx context.Context, tx pgx.Tx, id tenancy.ID, m member.Member) error {
	_, err := tx.Exec(ctx, insertMember, pgx.NamedArgs{
		"tenant": id, "person": m.ID, "email": m.Email, "role": m.Role, "facilities": texts(m.Facilities), "created_at": m.CreatedAt,
	})
	if violates(err, "members_pkey") {
		return fmt.Errorf("%s is a member already: %w", m.Email, tenancy.ErrExists)
	}
	if err != nil {
		return roleMissing(fmt.Errorf("insert member: %w", err))
	}
	return nil
}

// texts writes no strings as an empty array, which a nil slice is not.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// UpdateMember implements member.Store.
func (s *Store) UpdateMember(ctx context.Context, id tenancy.ID, m member.Member, e audit.Entry) error {
	defer s.caller("person", m.ID)
	defer s.wake()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := s.keepsOwner(ctx, tx, id, m.ID, m.Role); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "update members set role = $3, facilities = $4 where tenant_id = $1 and person_id = $2",
			id, m.ID, m.Role, texts(m.Facilities))
		if err != nil {
			return roleMissing(fmt.Errorf("update member: %w", err))
		}
		return appendAudit(ctx, tx, e)
	})
}

// DeleteMember implements member.Store.
func (s *Store) DeleteMember(ctx context.Context, id tenancy.ID, person string, e audit.Entry) error {
	defer s.caller("person", person)
	defer s.wake()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := s.keepsOwner(ctx, tx, id, person, ""); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from members where tenant_id = $1 and person_id = $2", id, person); err != nil {
			return fmt.Errorf("delete member: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
}

// keepsOwner fails when the person is the last owner and would be one no longer. The lock on the tenant keeps two owners
// from removing each other.
func (s *Store) keepsOwner(ctx context.Context, tx pgx.Tx, id tenancy.ID, person string, becomes tenancy.Role) error {
	if _, err := s.lockTenant(ctx, tx, id); err != nil {
		return err
	}
	m, err := readMember(ctx, tx, id, person)
	if err != nil || m.Role != tenancy.RoleOwner || becomes == tenancy.RoleOwner {
		return err
	}
	var others int
	const owners = "select count(*) from members where tenant_id = $1 and role = 'owner' and person_id <> $2"
	if err := tx.QueryRow(ctx, owners, id, person).Scan(&others); err != nil {
		return fmt.Errorf("count owners: %w", err)
	}
	if others == 0 {
		return fmt.Errorf("%s is the last owner: make somebody else an owner first: %w", m.Email, tenancy.ErrConflict)
	}
	return nil
}
