package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

const insertDevice = `
insert into devices (tenant_id, id, type, status, facility, line, station, labels, metadata, firmware, version, created_at)
values (@tenant, @id, @type, @status, @facility, @line, @station, @labels, @metadata, @firmware, @version, @created_at)`

// InsertDevice implements device.Store.
func (s *Store) InsertDevice(ctx context.Context, id tenancy.ID, d device.Device, e audit.Entry) error {
	return s.changeDevice(ctx, id, d.ID, e, func(tx pgx.Tx) error {
		t, err := s.lockTenant(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.addDevice(ctx, tx, id, d, t.Limits.Devices, e)
	})
}

// addDevice inserts a device with its certificates. The caller holds the lock on the tenant.
func (s *Store) addDevice(ctx context.Context, tx pgx.Tx, id tenancy.ID, d device.Device, limit int64, e audit.Entry) error {
	if err := underLimit(ctx, tx, tenancy.LimitDevices, id, limit); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, insertDevice, pgx.NamedArgs{
		"tenant": id, "id": d.ID, "type": d.Type, "status": d.Status, "facility": d.Location.Facility,
		"line": d.Location.Line, "station": d.Location.Station, "labels": pairs(d.Labels), "metadata": pairs(d.Metadata),
		"firmware": d.Firmware, "version": d.Version, "created_at": d.CreatedAt,
	})
	if violates(err, "devices_pkey") {
		return fmt.Errorf("there is a device %s already, or was one that is retired: choose another id: %w", d.ID, tenancy.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("insert device %s: %w", d.ID, err)
	}
	for _, c := range d.Certificates {
		if err := insertCertificate(ctx, tx, id, d.ID, c); err != nil {
			return err
		}
	}
	if a, ok := ctx.Value(ambientKey{}).(ambient); ok && *a.devices != uncounted {
		*a.devices++
	}
	return ensureNamed(ctx, tx, id, d, e)
}

// ensureNamed makes the type and the places that a device is the first to name.
func ensureNamed(ctx context.Context, tx pgx.Tx, id tenancy.ID, d device.Device, e audit.Entry) error {
	if err := ensureType(ctx, tx, id, d.Type, e); err != nil {
		return err
	}
	return ensurePlace(ctx, tx, id, [3]string{d.Location.Facility, d.Location.Line, d.Location.Station}, e)
}

// changeDevice runs f with the audit entry and the outbox row that every change of a device leaves.
func (s *Store) changeDevice(ctx context.Context, id tenancy.ID, name string, e audit.Entry, f func(tx pgx.Tx) error) error {
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, shareGroups, id); err != nil {
			return fmt.Errorf("lock groups: %w", err)
		}
		if err := f(tx); err != nil {
			return err
		}
		if err := s.regroup(ctx, tx, id, name); err != nil {
			return err
		}
		if err := announce(ctx, tx, id, "device", name); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	if refers(err, "devices_type_fkey") {
		return fmt.Errorf("the type of device %s was deleted just now: try again: %w", name, tenancy.ErrConflict)
	}
	return err
}

// underLimit fails when the tenant already has as many rows of the table that the limit is named after as the limit allows. The
// caller holds the lock on the tenant.
func underLimit(ctx context.Context, tx pgx.Tx, limit string, id tenancy.ID, most int64) error {
	var n int64
	query := "select count(*) from " + pgx.Identifier{limit}.Sanitize() + " where tenant_id = $1"
	if limit == tenancy.LimitDevices {
		query += " and status <> 'retired'"
	}
	batch, ok := ctx.Value(ambientKey{}).(ambient)
	if ok = ok && limit == tenancy.LimitDevices; ok && *batch.devices != uncounted {
		n = *batch.devices
	} else if err := tx.QueryRow(ctx, query, id).Scan(&n); err != nil {
		return fmt.Errorf("count %s: %w", limit, err)
	}
	if ok {
		*batch.devices = n
	}
	if n >= most {
		return &tenancy.LimitError{Limit: limit, Scope: tenancy.ScopeTenant, Current: n, Maximum: most}
	}
	return nil
}

// pairs writes no pairs as an empty object, which a nil map is not.
func pairs(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

const deviceColumns = `
select d.id, d.type, d.status, d.facility, d.line, d.station, d.labels, d.metadata, d.firmware, d.version, d.created_at, d.updated_at, d.retired_at
from devices d `

func scanDevice(row pgx.CollectableRow) (d device.Device, err error) {
	var updated, retired *time.Time
	err = row.Scan(&d.ID, &d.Type, &d.Status, &d.Location.Facility, &d.Location.Line, &d.Location.Station, &d.Labels, &d.Metadata,
		&d.Firmware, &d.Version, &d.CreatedAt, &updated, &retired)
	d.CreatedAt, d.UpdatedAt, d.RetiredAt = d.CreatedAt.UTC(), time0(updated), time0(retired)
	return d, err
}

// Device implements device.Store.
func (s *Store) Device(ctx context.Context, id tenancy.ID, name string) (d device.Device, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		d, err = readDevice(ctx, tx, id, name, forPeople)
		return err
	})
	return d, err
}

func readDevice(ctx context.Context, tx pgx.Tx, id tenancy.ID, name, certificatesSince string) (device.Device, error) {
	rows, err := tx.Query(ctx, deviceColumns+"where d.tenant_id = $1 and d.id = $2", id, name)
	if err != nil {
		return device.Device{}, fmt.Errorf("read device %s: %w", name, err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDevice)
	if err != nil {
		return device.Device{}, notFound(fmt.Errorf("read device %s: %w", name, err), "there is no device %s", name)
	}
	d.Certificates, err = readCertificates(ctx, tx, id, name, certificatesSince)
	return d, err
}

const updateDevice = `
update devices set type = @type, facility = @facility, line = @line, station = @station, labels = @labels, metadata = @metadata,
  firmware = @firmware, version = @version, updated_at = @updated_at
where tenant_id = @tenant and id = @id and version = @version - 1 and status <> 'retired'`

// UpdateDevice implements device.Store.
func (s *Store) UpdateDevice(ctx context.Context, id tenancy.ID, d device.Device, e audit.Entry) error {
	return s.changeDevice(ctx, id, d.ID, e, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, updateDevice, pgx.NamedArgs{
			"tenant": id, "id": d.ID, "type": d.Type, "facility": d.Location.Facility, "line": d.Location.Line, "station": d.Location.Station,
			"labels": pairs(d.Labels), "metadata": pairs(d.Metadata), "firmware": d.Firmware, "version": d.Version, "updated_at": d.UpdatedAt,
		})
		if err != nil {
			return fmt.Errorf("update device %s: %w", d.ID, err)
		}
		if tag.RowsAffected() == 0 {
			return device.ErrStale
		}
		return ensureNamed(ctx, tx, id, d, e)
	})
}

const (
	retireDevice = `
update devices set status = 'retired', retired_at = @at, version = version + 1, updated_at = @at
where tenant_id = @tenant and id = @id and status <> 'retired'`
	revokeAll = `update certificates set revoked_at = @at where tenant_id = @tenant and device_id = @id and revoked_at is null`
)

// RetireDevice implements device.Store.
func (s *Store) RetireDevice(ctx context.Context, id tenancy.ID, name string, at time.Time, e audit.Entry) error {
	return s.changeDevice(ctx, id, name, e, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"tenant": id, "id": name, "at": at}
		tag, err := tx.Exec(ctx, retireDevice, args)
		if err != nil {
			return fmt.Errorf("retire device %s: %w", name, err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("device %s is retired already: %w", name, tenancy.ErrConflict)
		}
		if _, err := tx.Exec(ctx, revokeAll, args); err != nil {
			return fmt.Errorf("revoke certificates of device %s: %w", name, err)
		}
		return nil
	})
}

// SetDeviceStatus implements device.Store.
func (s *Store) SetDeviceStatus(ctx context.Context, id tenancy.ID, name string, status device.Status, e audit.Entry) error {
	return s.changeDevice(ctx, id, name, e, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update devices set status = $3 where tenant_id = $1 and id = $2 and status <> 'retired'", id, name, status)
		if err == nil && tag.RowsAffected() == 0 {
			return fmt.Errorf("device %s is gone or retired: %w", name, tenancy.ErrConflict)
		}
		return err
	})
}

// InsertCertificate implements device.Store.
func (s *Store) InsertCertificate(ctx context.Context, id tenancy.ID, name string, c device.Certificate, e audit.Entry) error {
	return s.changeDevice(ctx, id, name, e, func(tx pgx.Tx) error { return insertCertificate(ctx, tx, id, name, c) })
}

const revokeCertificate = `
update certificates set revoked_at = coalesce(revoked_at, @at)
where tenant_id = @tenant and device_id = @device and serial = @serial`

// RevokeCertificate implements device.Store.
func (s *Store) RevokeCertificate(ctx context.Context, id tenancy.ID, name, serial string, at time.Time, e audit.Entry) error {
	return s.changeDevice(ctx, id, name, e, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, revokeCertificate, pgx.NamedArgs{"tenant": id, "device": name, "serial": serial, "at": at})
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		return notFound(err, "device %s has no certificate %s", name, serial)
	})
}
