package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/devicetype"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/tenancy"
)

const ensureTypeRow = `
insert into device_types (tenant_id, id, created_at, updated_at) values ($1, $2, $3, $3) on conflict do nothing`

// ensureType makes a type that a device is the first to name; it accepts every measurement. e is the entry of the
// device's change, which says who did it.
func ensureType(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string, e audit.Entry) error {
	tag, err := tx.Exec(ctx, ensureTypeRow, id, name, e.OccurredAt)
	if err != nil {
		return fmt.Errorf("make device type %s: %w", name, err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	if err := announce(ctx, tx, id, distribute.KindType, name); err != nil {
		return err
	}
	return appendAudit(ctx, tx, e.Also("device_type/"+name, map[string]string{"unknown_measurements": "accept"}))
}

// changeType runs f with the audit entry and the outbox row that every change of a type leaves.
func (s *Store) changeType(ctx context.Context, id tenancy.ID, name string, e audit.Entry, f func(tx pgx.Tx) error) error {
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if err := announce(ctx, tx, id, distribute.KindType, name); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	return err
}

const insertType = `
insert into device_types (tenant_id, id, description, unknown, measurements, version, created_at, updated_at)
values (@tenant, @id, @description, @unknown, @measurements, @version, @created_at, @updated_at)`

// InsertType implements devicetype.Store.
func (s *Store) InsertType(ctx context.Context, id tenancy.ID, t devicetype.Type, most int64, e audit.Entry) error {
	return s.changeType(ctx, id, t.ID, e, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		if err := underLimit(ctx, tx, tenancy.LimitDeviceTypes, id, most); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertType, typeArgs(id, t))
		if violates(err, "device_types_pkey") {
			return fmt.Errorf("there is a device type %s already: %w", t.ID, tenancy.ErrExists)
		}
		if err != nil {
			return fmt.Errorf("insert device type %s: %w", t.ID, err)
		}
		return nil
	})
}

func typeArgs(id tenancy.ID, t devicetype.Type) pgx.NamedArgs {
	measurements := t.Measurements
	if measurements == nil {
		measurements = []devicetype.Measurement{}
	}
	return pgx.NamedArgs{
		"tenant": id, "id": t.ID, "description": t.Description, "unknown": t.Unknown, "measurements": measurements,
		"version": t.Version, "created_at": t.CreatedAt, "updated_at": t.UpdatedAt,
	}
}

const typeColumns = `
select t.id, t.description, t.unknown, t.measurements, t.version, t.created_at, t.updated_at,
  (select count(*) from devices d where d.tenant_id = t.tenant_id and d.type = t.id)
from device_types t where t.tenant_id = $1 `

func scanType(row pgx.CollectableRow) (t devicetype.Type, err error) {
	var measurements []byte
	err = row.Scan(&t.ID, &t.Description, &t.Unknown, &measurements, &t.Version, &t.CreatedAt, &t.UpdatedAt, &t.Devices)
	t.CreatedAt, t.UpdatedAt = t.CreatedAt.UTC(), t.UpdatedAt.UTC()
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(measurements, &t.Measurements)
}

// Types implements devicetype.Store.
func (s *Store) Types(ctx context.Context, id tenancy.ID) (list []devicetype.Type, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		list, err = readTypes(ctx, tx, id)
		return err
	})
	return list, err
}

func readTypes(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]devicetype.Type, error) {
	rows, err := tx.Query(ctx, typeColumns+"order by t.id", id)
	if err != nil {
		return nil, fmt.Errorf("list device types: %w", err)
	}
	return pgx.CollectRows(rows, scanType)
}

// Type implements devicetype.Store.
func (s *Store) Type(ctx context.Context, id tenancy.ID, name string) (t devicetype.Type, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		t, err = readType(ctx, tx, id, name)
		return err
	})
	return t, err
}

func readType(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) (devicetype.Type, error) {
	rows, err := tx.Query(ctx, typeColumns+"and t.id = $2", id, name)
	if err != nil {
		return devicetype.Type{}, fmt.Errorf("read device type %s: %w", name, err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanType)
	if err != nil {
		return devicetype.Type{}, notFound(fmt.Errorf("read device type %s: %w", name, err), "there is no device type %s", name)
	}
	return t, nil
}

const updateType = `
update device_types set description = @description, unknown = @unknown, measurements = @measurements, version = @version, updated_at = @updated_at
where tenant_id = @tenant and id = @id and version = @version - 1`

// UpdateType implements devicetype.Store.
func (s *Store) UpdateType(ctx context.Context, id tenancy.ID, t devicetype.Type, e audit.Entry) error {
	return s.changeType(ctx, id, t.ID, e, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, updateType, typeArgs(id, t))
		if err != nil {
			return fmt.Errorf("update device type %s: %w", t.ID, err)
		}
		if tag.RowsAffected() == 0 {
			return devicetype.ErrStale
		}
		return nil
	})
}

// DeleteType implements devicetype.Store.
func (s *Store) DeleteType(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error {
	err := s.changeType(ctx, id, name, e, func(tx pgx.Tx) error {
		var devices int
		const count = "select count(*) from devices where tenant_id = $1 and type = $2"
		if err := tx.QueryRow(ctx, count, id, name).Scan(&devices); err != nil {
			return fmt.Errorf("count devices of type %s: %w", name, err)
		}
		if devices > 0 {
			return fmt.Errorf("device type %s is that of %d devices, retired ones included: give them another type first: %w", name, devices, tenancy.ErrConflict)
		}
		tag, err := tx.Exec(ctx, "delete from device_types where tenant_id = $1 and id = $2", id, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		return notFound(err, "there is no device type %s", name)
	})
	if refers(err, "devices_type_fkey") {
		return fmt.Errorf("device type %s was given to a device just now: %w", name, tenancy.ErrConflict)
	}
	return err
}
