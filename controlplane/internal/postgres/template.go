package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/tenancy"
)

const templateColumns = `
select id, name, device_type, facility, line, station, labels, id_pattern, max_devices, devices, created_by, created_at from provisioning_templates `

func scanTemplate(row pgx.CollectableRow) (t certificate.Template, err error) {
	err = row.Scan(&t.ID, &t.Name, &t.DeviceType, &t.Location.Facility, &t.Location.Line, &t.Location.Station, &t.Labels, &t.IDPattern,
		&t.MaxDevices, &t.Devices, &t.CreatedBy, &t.CreatedAt)
	t.CreatedAt = t.CreatedAt.UTC()
	return t, err
}

const insertTemplate = `
insert into provisioning_templates (tenant_id, id, name, device_type, facility, line, station, labels, id_pattern, max_devices, created_by, created_at)
values (@tenant, @id, @name, @type, @facility, @line, @station, @labels, @pattern, @max, @by, @at)`

// InsertTemplate implements certificate.Store.
func (s *Store) InsertTemplate(ctx context.Context, id tenancy.ID, t certificate.Template, most int, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		if err := underLimit(ctx, tx, tenancy.LimitProvisioningTemplates, id, int64(most)); err != nil {
			return err
		}
		labels := t.Labels
		if labels == nil {
			labels = map[string]string{}
		}
		_, err := tx.Exec(ctx, insertTemplate, pgx.NamedArgs{
			"tenant": id, "id": t.ID, "name": t.Name, "type": t.DeviceType, "facility": t.Location.Facility, "line": t.Location.Line,
			"station": t.Location.Station, "labels": labels, "pattern": t.IDPattern, "max": t.MaxDevices, "by": t.CreatedBy, "at": t.CreatedAt,
		})
		if violates(err, "provisioning_templates_tenant_id_name_key") {
			return fmt.Errorf("there is a template %s already: %w", t.Name, tenancy.ErrExists)
		}
		if err != nil {
			return fmt.Errorf("insert template: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
}

// Templates implements certificate.Store.
func (s *Store) Templates(ctx context.Context, id tenancy.ID) (list []certificate.Template, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, templateColumns+"where tenant_id = $1 order by name", id)
		if err != nil {
			return fmt.Errorf("list templates: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanTemplate)
		return err
	})
	return list, err
}

// Template implements certificate.Store.
func (s *Store) Template(ctx context.Context, id tenancy.ID, name string) (t certificate.Template, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, templateColumns+"where tenant_id = $1 and id = $2", id, name)
		if err == nil {
			t, err = pgx.CollectExactlyOneRow(rows, scanTemplate)
		}
		return notFound(err, "there is no template %s", name)
	})
	return t, err
}

// DeleteTemplate implements certificate.Store.
func (s *Store) DeleteTemplate(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "delete from provisioning_templates where tenant_id = $1 and id = $2", id, name)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "23503" {
			return fmt.Errorf("an authority uses this template: revoking it does not free it, register the authority with another one: %w", tenancy.ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("delete template: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
}
