package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/authority"
	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

const insertCertificateRow = `
insert into certificates (tenant_id, device_id, serial, not_before, not_after, origin, authority_id)
values (@tenant, @device, @serial, @not_before, @not_after, @origin, @authority)`

func insertCertificate(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string, c device.Certificate) error {
	if c.Origin == "" {
		c.Origin = device.OriginAPI
	}
	_, err := tx.Exec(ctx, insertCertificateRow, pgx.NamedArgs{
		"tenant": id, "device": name, "serial": c.Serial, "not_before": c.NotBefore, "not_after": c.NotAfter,
		"origin": c.Origin, "authority": c.Authority,
	})
	if violates(err, "certificates_pkey") {
		return fmt.Errorf("there is a certificate %s already: %w", c.Serial, tenancy.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("insert certificate of device %s: %w", name, err)
	}
	return nil
}

const certificateColumns = "serial, not_before, not_after, revoked_at, origin, authority_id"

// What people see of a device leaves out what ended long ago, what its cell sees whatever ended.
const (
	forPeople = "interval '1 year'"
	forCell   = "interval '0'"
)

func readCertificates(ctx context.Context, tx pgx.Tx, id tenancy.ID, name, since string) ([]device.Certificate, error) {
	rows, err := tx.Query(ctx, "select "+certificateColumns+" from certificates where tenant_id = $1 and device_id = $2 and not_after > now() - "+since+
		" order by not_before, issued", id, name)
	if err != nil {
		return nil, fmt.Errorf("read certificates of device %s: %w", name, err)
	}
	return pgx.CollectRows(rows, scanCertificate)
}

func scanCertificate(row pgx.CollectableRow) (c device.Certificate, err error) {
	return scanCertificateAfter(row)
}

// scanCertificateAfter scans the columns of a certificate behind others.
func scanCertificateAfter(row pgx.CollectableRow, before ...any) (c device.Certificate, err error) {
	var revoked *time.Time
	err = row.Scan(append(before, &c.Serial, &c.NotBefore, &c.NotAfter, &revoked, &c.Origin, &c.Authority)...)
	c.NotBefore, c.NotAfter, c.RevokedAt = c.NotBefore.UTC(), c.NotAfter.UTC(), time0(revoked)
	return c, err
}

func scanOwnedCertificate(row pgx.CollectableRow) (name string, c device.Certificate, err error) {
	c, err = scanCertificateAfter(row, &name)
	return name, c, err
}

// certificateStatus says in SQL what device.StatusOf says.
const certificateStatus = `
case
  when c.revoked_at is not null then 'revoked'
  when c.not_after <= @now then 'expired'
  when exists (select from certificates n where n.tenant_id = c.tenant_id and n.device_id = c.device_id and n.revoked_at is null
    and n.not_after > @now and (n.not_before, n.issued) > (c.not_before, c.issued)) then 'superseded'
  when c.not_before + (c.not_after - c.not_before) * 2 / 3 <= @now then 'expiring'
  else 'active'
end`

// inventory is the certificates with their devices' places and their status.
const inventory = `
(select c.*, d.type, d.facility, d.line, ` + certificateStatus + ` as status
 from certificates c join devices d on d.tenant_id = c.tenant_id and d.id = c.device_id
 where c.tenant_id = @tenant and (cardinality(@facilities::text[]) = 0 or d.facility = any(@facilities::text[]))) i `

const inventoryFilter = `
where (@status = '' or status = @status) and (@before::timestamptz is null or not_after < @before)
  and (@prefix = '' or starts_with(device_id, @prefix)) and (@authority = '' or authority_id = @authority) `

// Certificates implements certificate.Store.
func (s *Store) Certificates(ctx context.Context, id tenancy.ID, f certificate.Filter, after *certificate.Place, size int, now time.Time) (list []certificate.Entry, total int, err error) {
	args := pgx.NamedArgs{
		"tenant": id, "now": now, "facilities": texts(f.Facilities), "status": string(f.Status), "before": timeN(f.ExpiresBefore),
		"prefix": f.DevicePrefix, "authority": f.Authority, "size": size, "after": (*time.Time)(nil), "serial": "",
	}
	if after != nil {
		args["after"], args["serial"] = &after.NotAfter, after.Serial
	}
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "select count(*) from "+inventory+inventoryFilter, args).Scan(&total); err != nil {
			return fmt.Errorf("count certificates: %w", err)
		}
		rows, err := tx.Query(ctx, "select device_id, status, "+certificateColumns+" from "+inventory+inventoryFilter+
			"and (@after::timestamptz is null or (not_after, serial) > (@after, @serial)) order by not_after, serial limit @size", args)
		if err != nil {
			return fmt.Errorf("list certificates: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e certificate.Entry, err error) {
			e.Certificate, err = scanCertificateAfter(row, &e.Device, &e.Status)
			return e, err
		})
		return err
	})
	return list, total, err
}

// CertificateOverview implements certificate.Store.
func (s *Store) CertificateOverview(ctx context.Context, id tenancy.ID, facilities []string, now time.Time) (o certificate.Overview, err error) {
	args := pgx.NamedArgs{"tenant": id, "now": now, "facilities": texts(facilities)}
	o.Counts = make(map[device.CertificateStatus]int)
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select status, count(*) from "+inventory+"group by status", args)
		if err != nil {
			return fmt.Errorf("count certificates: %w", err)
		}
		var status device.CertificateStatus
		var n int
		if _, err := pgx.ForEachRow(rows, []any{&status, &n}, func() error { o.Counts[status] = n; return nil }); err != nil {
			return fmt.Errorf("count certificates: %w", err)
		}
		const byDay = "select to_char(not_after at time zone 'UTC', 'YYYY-MM-DD') as day, count(*) from " + inventory +
			"where status in ('active', 'expiring') and not_after < @now + interval '90 days' group by day order by day"
		if rows, err = tx.Query(ctx, byDay, args); err != nil {
			return fmt.Errorf("count certificates by day: %w", err)
		}
		o.Expiry, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d certificate.Day, err error) {
			err = row.Scan(&d.Day, &d.Count)
			return d, err
		})
		return err
	})
	return o, err
}

const selection = `
where status in ('active', 'expiring', 'superseded')
  and (cardinality(@serials::text[]) = 0 or serial = any(@serials::text[]))
  and (cardinality(@devices::text[]) = 0 or device_id = any(@devices::text[]))
  and (@type = '' or type = @type) and (@facility = '' or facility = @facility) and (@line = '' or line = @line)
  and (not @superseded or status = 'superseded')
  and (@group = '' or device_id in (select m.device_id from group_members m where m.tenant_id = @tenant and m.group_id = @group)) `

// RevokeCertificates implements certificate.Store.
func (s *Store) RevokeCertificates(ctx context.Context, id tenancy.ID, sel certificate.Selection, now time.Time, dry bool, e audit.Entry) (by map[string][]string, err error) {
	args := pgx.NamedArgs{
		"tenant": id, "now": now, "facilities": texts(sel.Facilities), "serials": texts(sel.Serials), "devices": texts(sel.Devices),
		"type": sel.Type, "facility": sel.Facility, "line": sel.Line, "group": sel.Group, "superseded": sel.SupersededOnly,
	}
	by = make(map[string][]string)
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		query := "select device_id, serial from " + inventory + selection
		if !dry {
			query = "update certificates set revoked_at = @now where tenant_id = @tenant and serial in (select serial from " + inventory + selection + ") returning device_id, serial"
		}
		rows, err := tx.Query(ctx, query, args)
		if err != nil {
			return fmt.Errorf("revoke certificates: %w", err)
		}
		var name, serial string
		if _, err := pgx.ForEachRow(rows, []any{&name, &serial}, func() error { by[name] = append(by[name], serial); return nil }); err != nil {
			return fmt.Errorf("revoke certificates: %w", err)
		}
		if dry || len(by) == 0 {
			return nil
		}
		names := make([]string, 0, len(by))
		for name := range by {
			names = append(names, name)
		}
		const queue = "insert into outbox (cell, tenant_id, kind, object_id) select t.cell, t.id, 'device', d from tenants t, unnest($2::text[]) d where t.id = $1"
		if _, err := tx.Exec(ctx, queue, id, names); err != nil {
			return fmt.Errorf("announce revoked certificates: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil && !dry {
		s.wake()
	}
	return by, err
}

// RevokedCertificates are those of the tenant's CA that have not ended yet.
func (s *Store) RevokedCertificates(ctx context.Context, id tenancy.ID, now time.Time) (list []authority.Revoked, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		const query = "select serial, revoked_at from certificates where tenant_id = $1 and authority_id = '' and revoked_at is not null and not_after > $2 order by revoked_at, serial"
		rows, err := tx.Query(ctx, query, id, now)
		if err != nil {
			return fmt.Errorf("list revoked certificates: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r authority.Revoked, err error) {
			err = row.Scan(&r.Serial, &r.At)
			return r, err
		})
		return err
	})
	return list, err
}
