package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// warnDays are the times of the warnings, by how far a certificate was warned of.
var warnDays = map[int]int{1: 14, 2: 7, 3: 1}

// Tenants implements certificate.WarningStore.
func (s *Store) Tenants(ctx context.Context) ([]tenancy.ID, error) {
	rows, err := s.pool.Query(ctx, "select tenant_id from placements order by tenant_id")
	if err != nil {
		return nil, translate(fmt.Errorf("list tenants: %w", err))
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[tenancy.ID])
	return ids, translate(err)
}

// A certificate is told of once at each time; what was told of beside another process is not told again.
const warnOfExpiry = `
update certificates c set warned = i.level
from (
  select device_id, serial, case
      when not_after - @now < least(interval '1 day', (not_after - not_before) * 3 / 10) then 3
      when not_after - @now < least(interval '7 days', (not_after - not_before) * 3 / 10) then 2
      when not_after - @now < least(interval '14 days', (not_after - not_before) * 3 / 10) then 1
      else 0 end as level
  from ` + inventory + `where status in ('active', 'expiring')
) i
where c.tenant_id = @tenant and c.serial = i.serial and c.warned < i.level
returning c.device_id, c.warned, c.serial, c.not_before, c.not_after, c.revoked_at, c.origin, c.authority_id`

// Warn implements certificate.WarningStore.
func (s *Store) Warn(ctx context.Context, id tenancy.ID, now time.Time, tell func(string, certificate.Warning) (string, string, audit.Entry)) error {
	told := false
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, warnOfExpiry, pgx.NamedArgs{"tenant": id, "now": now, "facilities": []string{}})
		if err != nil {
			return fmt.Errorf("find certificates that end: %w", err)
		}
		by := make(map[int][]certificate.Entry)
		_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e certificate.Entry, err error) {
			var level int
			e.Certificate, err = scanCertificateAfter(row, &e.Device, &level)
			by[level] = append(by[level], e)
			return e, err
		})
		if err != nil {
			return fmt.Errorf("find certificates that end: %w", err)
		}
		if len(by) == 0 {
			return nil
		}
		told = true
		return s.tellOfExpiry(ctx, tx, id, now, by, tell)
	})
	if err == nil && told {
		s.wakeMail()
	}
	return err
}

func (s *Store) tellOfExpiry(ctx context.Context, tx pgx.Tx, id tenancy.ID, now time.Time, by map[int][]certificate.Entry, tell func(string, certificate.Warning) (string, string, audit.Entry)) error {
	t, err := s.tenant(ctx, tx, id)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "select email from members where tenant_id = $1 and role in ('owner', 'admin') order by email limit 100", id)
	if err != nil {
		return fmt.Errorf("list owners and admins: %w", err)
	}
	readers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list owners and admins: %w", err)
	}
	b := &pgx.Batch{}
	var entries []audit.Entry
	for level := len(warnDays); level > 0; level-- {
		if len(by[level]) == 0 {
			continue
		}
		subject, text, e := tell(t.Name, certificate.Warning{Days: warnDays[level], Entries: by[level]})
		entries = append(entries, e)
		for _, to := range readers {
			queueLetter(b, id, tenant.Letter{To: to, Subject: subject, Text: text}, now)
		}
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("queue e-mails: %w", err)
	}
	for _, e := range entries {
		if err := appendAudit(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}
