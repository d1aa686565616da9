package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

const claimColumns = `
select id, tenant_id, prefix, hash, coalesce(template_id, ''), coalesce(device_id, ''), max_uses, uses, created_by, created_at, expires_at, revoked_at
from claim_tokens `

func scanClaim(row pgx.CollectableRow) (c certificate.Claim, err error) {
	var revoked *time.Time
	err = row.Scan(&c.ID, &c.Tenant, &c.Prefix, &c.Hash, &c.Template, &c.Device, &c.MaxUses, &c.Uses, &c.CreatedBy, &c.CreatedAt, &c.ExpiresAt, &revoked)
	c.CreatedAt, c.ExpiresAt, c.RevokedAt = c.CreatedAt.UTC(), c.ExpiresAt.UTC(), time0(revoked)
	return c, err
}

const insertClaim = `
insert into claim_tokens (id, tenant_id, prefix, hash, template_id, device_id, max_uses, created_by, created_at, expires_at)
values (@id, @tenant, @prefix, @hash, nullif(@template, ''), nullif(@device, ''), @max, @by, @at, @expires)`

// InsertClaim implements certificate.Store. Tokens that ended a month ago make room.
func (s *Store) InsertClaim(ctx context.Context, id tenancy.ID, c certificate.Claim, most int, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		const tidy = "delete from claim_tokens where tenant_id = $1 and expires_at < $2"
		if _, err := tx.Exec(ctx, tidy, id, c.CreatedAt.AddDate(0, -1, 0)); err != nil {
			return fmt.Errorf("tidy claim tokens: %w", err)
		}
		if err := underLimit(ctx, tx, tenancy.LimitClaimTokens, id, int64(most)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertClaim, pgx.NamedArgs{
			"id": c.ID, "tenant": id, "prefix": c.Prefix, "hash": c.Hash, "template": c.Template, "device": c.Device, "max": c.MaxUses,
			"by": c.CreatedBy, "at": c.CreatedAt, "expires": c.ExpiresAt,
		})
		if err != nil {
			return fmt.Errorf("insert claim token: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
}

// Claims implements certificate.Store.
func (s *Store) Claims(ctx context.Context, id tenancy.ID, limit int) (list []certificate.Claim, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, claimColumns+"where tenant_id = $1 order by created_at desc, id limit $2", id, limit)
		if err != nil {
			return fmt.Errorf("list claim tokens: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanClaim)
		return err
	})
	return list, err
}

// PresentedClaim implements certificate.Store: the transaction sees the one token that was presented.
func (s *Store) PresentedClaim(ctx context.Context, name string) (c certificate.Claim, err error) {
	err = s.in(ctx, "millwright.claim", name, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, claimColumns+"where id = $1", name)
		if err == nil {
			c, err = pgx.CollectExactlyOneRow(rows, scanClaim)
		}
		return notFound(err, "there is no claim token %s", name)
	})
	return c, err
}

// RevokeClaim implements certificate.Store.
func (s *Store) RevokeClaim(ctx context.Context, id tenancy.ID, name string, at time.Time, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update claim_tokens set revoked_at = coalesce(revoked_at, $3) where tenant_id = $1 and id = $2", id, name, at)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		if err != nil {
			return notFound(err, "there is no claim token %s", name)
		}
		return appendAudit(ctx, tx, e)
	})
}

// Enrol implements certificate.EnrolStore.
func (s *Store) Enrol(ctx context.Context, c certificate.Claim, d device.Device, cert device.Certificate, e audit.Entry) error {
	return s.changeDevice(ctx, c.Tenant, d.ID, e, func(tx pgx.Tx) error {
		t, err := s.lockTenant(ctx, tx, c.Tenant)
		if err != nil {
			return err
		}
		if err := useClaim(ctx, tx, c, e.OccurredAt); err != nil {
			return err
		}
		if c.Template == "" {
			return insertCertificate(ctx, tx, c.Tenant, d.ID, cert)
		}
		was, err := readDevice(ctx, tx, c.Tenant, d.ID, forPeople)
		switch {
		case errors.Is(err, tenancy.ErrNotFound):
			if err := useTemplate(ctx, tx, c); err != nil {
				return err
			}
			d.Certificates = []device.Certificate{cert}
			return s.addDevice(ctx, tx, c.Tenant, d, t.Limits.Devices, e)
		case err != nil:
			return err
		case len(was.Certificates) > 0 || was.Type != d.Type || was.Status != device.StatusActive:
			return fmt.Errorf("there is a device %s already: renew with its certificate, or ask for a claim token for this device: %w", d.ID, tenancy.ErrExists)
		}
		return insertCertificate(ctx, tx, c.Tenant, d.ID, cert) // registered beforehand, and blank
	})
}

// useClaim counts a use; none is needed for a CA of the tenant's own.
func useClaim(ctx context.Context, tx pgx.Tx, c certificate.Claim, now time.Time) error {
	if c.ID == "" {
		return nil
	}
	const use = `
update claim_tokens set uses = uses + 1
where tenant_id = $1 and id = $2 and uses < max_uses and revoked_at is null and expires_at > $3`
	tag, err := tx.Exec(ctx, use, c.Tenant, c.ID, now)
	if err != nil {
		return fmt.Errorf("use claim token: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("claim token %s… was used up just now: ask for a new one: %w", c.Prefix, tenancy.ErrUnauthenticated)
	}
	return nil
}

// useTemplate counts a device.
func useTemplate(ctx context.Context, tx pgx.Tx, c certificate.Claim) error {
	const use = "update provisioning_templates set devices = devices + 1 where tenant_id = $1 and id = $2 returning name, devices, max_devices"
	var name string
	var devices, most int64
	if err := tx.QueryRow(ctx, use, c.Tenant, c.Template).Scan(&name, &devices, &most); err != nil {
		return notFound(err, "the template is gone")
	}
	if devices > most {
		return &tenancy.LimitError{Limit: tenancy.LimitTemplateDevices, Scope: "template " + name, Current: most, Maximum: most}
	}
	return nil
}
