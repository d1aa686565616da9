package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/member"
	"github.com/millwright-io/millwright/tenancy"
)

const invitationColumns = `
select id, tenant_id, email, role, facilities, invited_by, created_at, expires_at, sent_at, failure, token_hash from invitations `

func scanInvitation(row pgx.CollectableRow) (i member.Invitation, err error) {
	var sent *time.Time
	err = row.Scan(&i.ID, &i.Tenant, &i.Email, &i.Role, &i.Facilities, &i.InvitedBy, &i.CreatedAt, &i.ExpiresAt, &sent, &i.Failure, &i.TokenHash)
	i.CreatedAt, i.ExpiresAt, i.SentAt = i.CreatedAt.UTC(), i.ExpiresAt.UTC(), time0(sent)
	return i, err
}

func readInvitation(ctx context.Context, tx pgx.Tx, id string) (member.Invitation, error) {
	rows, err := tx.Query(ctx, invitationColumns+"where id = $1", id)
	if err != nil {
		return member.Invitation{}, fmt.Errorf("read invitation: %w", err)
	}
	i, err := pgx.CollectExactlyOneRow(rows, scanInvitation)
	if err != nil {
		return member.Invitation{}, notFound(fmt.Errorf("read invitation: %w", err), "there is no invitation %s", id)
	}
	return i, nil
}

// Invitations implements member.InvitationStore.
func (s *Store) Invitations(ctx context.Context, id tenancy.ID) (list []member.Invitation, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, invitationColumns+"where tenant_id = $1 order by created_at desc, id", id)
		if err != nil {
			return fmt.Errorf("list invitations: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanInvitation)
		return err
	})
	return list, err
}

// Invitation implements member.InvitationStore.
func (s *Store) Invitation(ctx context.Context, id tenancy.ID, name string) (i member.Invitation, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		i, err = readInvitation(ctx, tx, name)
		return err
	})
	return i, err
}

// PresentedInvitation implements member.InvitationStore: the transaction sees the one invitation that was presented.
func (s *Store) PresentedInvitation(ctx context.Context, name string) (i member.Invitation, err error) {
	err = s.in(ctx, "millwright.invitation", name, func(tx pgx.Tx) error {
		i, err = readInvitation(ctx, tx, name)
		return err
	})
	return i, err
}

const upsertInvitation = `
insert into invitations (id, tenant_id, email, role, facilities, invited_by, created_at, expires_at)
values (@id, @tenant, @email, @role, @facilities, @by, @created_at, @expires_at)
on conflict (tenant_id, email) do update
set id = excluded.id, role = excluded.role, facilities = excluded.facilities, invited_by = excluded.invited_by,
  created_at = excluded.created_at, expires_at = excluded.expires_at, token_hash = null, sent_at = null, failure = ''`

// PutInvitation implements member.InvitationStore.
func (s *Store) PutInvitation(ctx context.Context, i member.Invitation, e audit.Entry) error {
	err := s.inTenant(ctx, i.Tenant, func(tx pgx.Tx) error {
		if err := s.roomForMember(ctx, tx, i); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, upsertInvitation, pgx.NamedArgs{
			"id": i.ID, "tenant": i.Tenant, "email": i.Email, "role": i.Role, "facilities": texts(i.Facilities), "by": i.InvitedBy,
			"created_at": i.CreatedAt, "expires_at": i.ExpiresAt,
		})
		if err != nil {
			return roleMissing(fmt.Errorf("write invitation: %w", err))
		}
		const queue = "insert into mail_outbox (tenant_id, kind, object_id, due_at) values ($1, 'invitation', $2, $3)"
		if _, err := tx.Exec(ctx, queue, i.Tenant, i.ID, e.OccurredAt); err != nil {
			return fmt.Errorf("queue e-mail: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wakeMail()
	}
	return err
}

// roomForMember counts members and invitations of other addresses against the limit of members.
func (s *Store) roomForMember(ctx context.Context, tx pgx.Tx, i member.Invitation) error {
	t, err := s.lockTenant(ctx, tx, i.Tenant)
	if err != nil {
		return err
	}
	const counts = `
select (select count(*) from members where tenant_id = @tenant) + (select count(*) from invitations where tenant_id = @tenant and email <> @email),
  exists (select from members where tenant_id = @tenant and email = @email)`
	var n int64
	var member bool
	if err := tx.QueryRow(ctx, counts, pgx.NamedArgs{"tenant": i.Tenant, "email": i.Email}).Scan(&n, &member); err != nil {
		return fmt.Errorf("count members: %w", err)
	}
	if member {
		return fmt.Errorf("%s is a member already: %w", i.Email, tenancy.ErrExists)
	}
	if n >= t.Limits.Members {
		return &tenancy.LimitError{Limit: tenancy.LimitMembers, Scope: tenancy.ScopeTenant, Current: n, Maximum: t.Limits.Members}
	}
	return nil
}

// DeleteInvitation implements member.InvitationStore.
func (s *Store) DeleteInvitation(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "delete from invitations where tenant_id = $1 and id = $2", id, name); err != nil {
			return fmt.Errorf("delete invitation: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
}

// AcceptInvitation implements member.InvitationStore.
func (s *Store) AcceptInvitation(ctx context.Context, i member.Invitation, m member.Member, session string, e audit.Entry) error {
	defer s.caller("person", m.ID)
	defer s.wake()
	err := s.inTenant(ctx, i.Tenant, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "delete from invitations where tenant_id = $1 and id = $2 and token_hash = $3", i.Tenant, i.ID, i.TokenHash)
		if err != nil {
			return fmt.Errorf("take invitation: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("this invitation was accepted or sent anew just now: %w", tenancy.ErrNotFound)
		}
		if err := writeMember(ctx, tx, i.Tenant, m); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err != nil {
		return err
	}
	return s.inPerson(ctx, m.ID, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, upsertSession, pgx.NamedArgs{"session": session, "person": m.ID, "tenant": i.Tenant, "now": e.OccurredAt})
		if err != nil {
			return fmt.Errorf("switch session: %w", err)
		}
		return nil
	})
}
