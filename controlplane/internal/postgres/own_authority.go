package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/tenancy"
)

const authorityColumns = `
select id, name, status, certificate, key_hash, identity, coalesce(template_id, ''), verification_code, created_by, created_at, verified_at, revoked_at
from tenant_authorities `

func scanAuthority(row pgx.CollectableRow) (a certificate.Authority, err error) {
	var verified, revoked *time.Time
	err = row.Scan(&a.ID, &a.Name, &a.Status, &a.Certificate, &a.KeyHash, &a.Identity, &a.Template, &a.VerificationCode, &a.CreatedBy, &a.CreatedAt, &verified, &revoked)
	a.CreatedAt, a.VerifiedAt, a.RevokedAt = a.CreatedAt.UTC(), time0(verified), time0(revoked)
	return a, err
}

const insertAuthority = `
insert into tenant_authorities (tenant_id, id, name, status, certificate, key_hash, identity, template_id, verification_code, created_by, created_at)
values (@tenant, @id, @name, @status, @certificate, @hash, @identity, nullif(@template, ''), @code, @by, @at)`

// InsertAuthority implements certificate.Store. Those that were never verified, and are older than a week, make room.
func (s *Store) InsertAuthority(ctx context.Context, id tenancy.ID, a certificate.Authority, most int, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		var n int64
		const count = "select count(*) from tenant_authorities where tenant_id = $1 and (status = 'active' or status = 'pending' and created_at > $2)"
		if err := tx.QueryRow(ctx, count, id, a.CreatedAt.AddDate(0, 0, -7)).Scan(&n); err != nil {
			return fmt.Errorf("count authorities: %w", err)
		}
		if n >= int64(most) {
			return &tenancy.LimitError{Limit: tenancy.LimitAuthorities, Scope: tenancy.ScopeTenant, Current: n, Maximum: int64(most)}
		}
		_, err := tx.Exec(ctx, insertAuthority, pgx.NamedArgs{
			"tenant": id, "id": a.ID, "name": a.Name, "status": a.Status, "certificate": a.Certificate, "hash": a.KeyHash, "identity": a.Identity,
			"template": a.Template, "code": a.VerificationCode, "by": a.CreatedBy, "at": a.CreatedAt,
		})
		if err != nil {
			return fmt.Errorf("insert authority: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
}

// Authorities implements certificate.Store.
func (s *Store) Authorities(ctx context.Context, id tenancy.ID) (list []certificate.Authority, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, authorityColumns+"where tenant_id = $1 order by created_at desc, id limit 1000", id)
		if err != nil {
			return fmt.Errorf("list authorities: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanAuthority)
		return err
	})
	return list, err
}

// OwnAuthority implements certificate.Store.
func (s *Store) OwnAuthority(ctx context.Context, id tenancy.ID, name string) (a certificate.Authority, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, authorityColumns+"where tenant_id = $1 and id = $2", id, name)
		if err == nil {
			a, err = pgx.CollectExactlyOneRow(rows, scanAuthority)
		}
		return notFound(err, "there is no authority %s", name)
	})
	return a, err
}

// ActivateAuthority implements certificate.Store.
func (s *Store) ActivateAuthority(ctx context.Context, id tenancy.ID, name string, at time.Time, e audit.Entry) error {
	const activate = "update tenant_authorities set status = 'active', verified_at = $3 where tenant_id = $1 and id = $2 and status = 'pending'"
	return s.changeAuthority(ctx, id, name, activate, at, e)
}

// RevokeAuthority implements certificate.Store.
func (s *Store) RevokeAuthority(ctx context.Context, id tenancy.ID, name string, at time.Time, e audit.Entry) error {
	const revoke = "update tenant_authorities set status = 'revoked', revoked_at = $3 where tenant_id = $1 and id = $2 and status <> 'revoked'"
	return s.changeAuthority(ctx, id, name, revoke, at, e)
}

// changeAuthority tells the tenant's cell, too.
func (s *Store) changeAuthority(ctx context.Context, id tenancy.ID, name, statement string, at time.Time, e audit.Entry) error {
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, statement, id, name, at)
		if violates(err, "tenant_authorities_active") {
			return fmt.Errorf("this CA's key is registered and active already: %w", tenancy.ErrExists)
		}
		if err != nil {
			return fmt.Errorf("change authority %s: %w", name, err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("authority %s was changed by somebody else just now: %w", name, tenancy.ErrConflict)
		}
		if err := announce(ctx, tx, id, distribute.KindTenant, ""); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	return err
}

// activeAuthorities are those that a cell should know.
func activeAuthorities(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]certificate.Authority, error) {
	rows, err := tx.Query(ctx, authorityColumns+"where tenant_id = $1 and status = 'active' order by id", id)
	if err != nil {
		return nil, fmt.Errorf("list authorities: %w", err)
	}
	return pgx.CollectRows(rows, scanAuthority)
}
