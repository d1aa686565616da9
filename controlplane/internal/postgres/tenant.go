package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

const insertTenant = `
insert into tenants (id, name, slug, status, plan, cell, revision, created_at, time_zone, units, alert_severity)
values (@id, @name, @slug, @status, @plan, @cell, @revision, @created_at, @time_zone, @units, @alert_severity)`

// InsertTenant implements tenant.Store.
func (s *Store) InsertTenant(ctx context.Context, f tenant.Founding) (tenant.Tenant, error) {
	t := f.Tenant
	err := s.inTenant(ctx, t.ID, func(tx pgx.Tx) error {
		var err error
		if t.Cell, err = place(ctx, tx, f); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertTenant, pgx.NamedArgs{
			"id": t.ID, "name": t.Name, "slug": t.Slug, "status": t.Status, "plan": t.Plan, "cell": t.Cell,
			"revision": t.Revision, "created_at": t.CreatedAt, "time_zone": t.Settings.TimeZone, "units": t.Settings.Units,
			"alert_severity": t.Settings.AlertSeverity,
		})
		if violates(err, "tenants_slug_key") {
			return fmt.Errorf("the name %q is taken in links, choose another slug: %w", t.Slug, tenancy.ErrExists)
		}
		if err != nil {
			return fmt.Errorf("insert tenant: %w", err)
		}
		return s.fillTenant(ctx, tx, f, t)
	})
	if err != nil {
		return tenant.Tenant{}, err
	}
	s.caller("person", f.Person)
	t.Limits = s.plans[t.Plan]
	return t, nil
}

// fillTenant writes what a new tenant begins with.
func (s *Store) fillTenant(ctx context.Context, tx pgx.Tx, f tenant.Founding, t tenant.Tenant) error {
	b := &pgx.Batch{}
	b.Queue("insert into placements (tenant_id, cell) values ($1, $2)", t.ID, t.Cell)
	b.Queue("insert into members (tenant_id, person_id, email, role, created_at) values ($1, $2, $3, $4, $5)",
		t.ID, f.Person, f.Email, tenancy.RoleOwner, t.CreatedAt)
	for i, name := range tenant.TaskProvision.Steps() {
		b.Queue(insertStep, t.ID, tenant.TaskProvision, i+1, name)
	}
	b.Queue("insert into tenant_work (tenant_id, task, due_at) values ($1, $2, $3)", t.ID, tenant.TaskProvision, f.Lease)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("insert tenant: %w", err)
	}
	return appendAudit(ctx, tx, f.Audit)
}

const tenantColumns = `
select t.id, t.name, t.slug, t.status, t.plan, t.cell, t.revision, t.created_at, t.second_factor_required,
  coalesce((select jsonb_object_agg(o.name, o.value) from limit_overrides o
    where o.tenant_id = t.id and (o.expires_at is null or o.expires_at > now())), '{}'),
  t.time_zone, t.units, t.retention_days, t.minute_retention_days, t.hour_retention_days, t.alert_recipients, t.alert_severity, t.settings_version,
  t.suspended_at, t.suspension, t.delete_requested_at, t.delete_requested_by, t.delete_person, t.delete_due_at, t.removing,
  coalesce((select jsonb_agg(jsonb_build_object('Task', p.task, 'Name', p.name, 'State', p.state, 'Attempts', p.attempts,
    'Detail', p.detail, 'FinishedAt', coalesce(p.finished_at, '0001-01-01 00:00:00+00'::timestamptz)) order by p.task, p.position)
    from tenant_steps p where p.tenant_id = t.id), '[]'),
  coalesce((select jsonb_build_object('Refused', h.action = 'block', 'EventsPerSecond', h.events_per_second, 'Reason', h.reason,
    'Since', h.since, 'Until', h.until) from budget_holds h where h.tenant_id = t.id), '{}')`

const selectTenant = tenantColumns + " from tenants t"

func (s *Store) scanTenant(row pgx.Row, more ...any) (t tenant.Tenant, err error) {
	var overrides map[string]int64
	var suspended, requested, due *time.Time
	dest := []any{
		&t.ID, &t.Name, &t.Slug, &t.Status, &t.Plan, &t.Cell, &t.Revision, &t.CreatedAt, &t.SecondFactorRequired, &overrides,
		&t.Settings.TimeZone, &t.Settings.Units, &t.Settings.RetentionDays, &t.Settings.MinuteRetentionDays, &t.Settings.HourRetentionDays,
		&t.Settings.AlertRecipients, &t.Settings.AlertSeverity, &t.Settings.Version,
		&suspended, &t.Suspension.Reason, &requested, &t.Deletion.By, &t.Deletion.Person, &due, &t.Removing, &t.Steps, &t.Hold,
	}
	if err := row.Scan(append(dest, more...)...); err != nil {
		return tenant.Tenant{}, err
	}
	t.CreatedAt, t.Suspension.At = t.CreatedAt.UTC(), time0(suspended)
	t.Deletion.RequestedAt, t.Deletion.DueAt = time0(requested), time0(due)
	t.Settings.Name = t.Name
	if suspended != nil {
		t.Status = tenant.StatusSuspended
	}
	if due != nil {
		t.Status = tenant.StatusDeleting
	}
	t.Limits, err = s.plans[t.Plan].With(overrides)
	t.Limits = t.Limits.Held(t.Hold)
	return t, err
}

// Tenant implements tenant.Store.
func (s *Store) Tenant(ctx context.Context, id tenancy.ID) (t tenant.Tenant, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		t, err = s.tenant(ctx, tx, id)
		return err
	})
	return t, err
}

func (s *Store) tenant(ctx context.Context, tx pgx.Tx, id tenancy.ID) (tenant.Tenant, error) {
	t, err := s.scanTenant(tx.QueryRow(ctx, selectTenant+" where t.id = $1", id))
	if err != nil {
		return tenant.Tenant{}, notFound(fmt.Errorf("read tenant %s: %w", id, err), "there is no organisation %s", id)
	}
	return t, nil
}

// lockTenant reads the tenant and keeps others who do so waiting: counts against its limits then hold. Who only writes a row that
// refers to the tenant does not wait: they may hold the head of the audit log, which the holder of this lock will want.
func (s *Store) lockTenant(ctx context.Context, tx pgx.Tx, id tenancy.ID) (tenant.Tenant, error) {
	t, err := s.scanTenant(tx.QueryRow(ctx, selectTenant+" where t.id = $1 for no key update of t", id))
	if err != nil {
		return tenant.Tenant{}, notFound(fmt.Errorf("lock tenant %s: %w", id, err), "there is no organisation %s", id)
	}
	return t, nil
}

const selectMemberships = tenantColumns + `, m.role, m.facilities
from members m
join tenants t on t.id = m.tenant_id
where m.person_id = @person
order by t.name, t.id
limit 1000`

// Memberships implements tenant.Store.
func (s *Store) Memberships(ctx context.Context, person string) (list []tenant.Membership, err error) {
	err = s.inPerson(ctx, person, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectMemberships, pgx.NamedArgs{"person": person})
		if err != nil {
			return fmt.Errorf("list memberships: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m tenant.Membership, err error) {
			m.Tenant, err = s.scanTenant(row, &m.Role, &m.Facilities)
			return m, err
		})
		return err
	})
	return list, err
}

// SetSecondFactor implements tenant.Store.
func (s *Store) SetSecondFactor(ctx context.Context, id tenancy.ID, required bool, e audit.Entry) error {
	defer s.caller("tenant", string(id))
	defer s.wake()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		const query = "update tenants set second_factor_required = $2, revision = revision + 1 where id = $1"
		if _, err := tx.Exec(ctx, query, id, required); err != nil {
			return fmt.Errorf("require a second factor: %w", err)
		}
		if err := announce(ctx, tx, id, "tenant", ""); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
}

// Authority implements device.Store.
func (s *Store) Authority(ctx context.Context, id tenancy.ID) (certificate, sealedKey []byte, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select a.certificate, a.sealed_key from tenants t left join authorities a on a.tenant_id = t.id
			where t.id = $1`, id).Scan(&certificate, &sealedKey)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("organisation %s: %w", id, tenancy.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("read intermediate of tenant %s: %w", id, err)
		}
		if certificate == nil {
			return fmt.Errorf("the organisation's certificate authority is being made: try again in some seconds: %w", tenancy.ErrUnavailable)
		}
		return nil
	})
	return certificate, sealedKey, err
}

// tenantEntry is the tenant as its cell should know it, with its intermediate CA; nil when it is gone, or has none yet.
func (s *Store) tenantEntry(ctx context.Context, tx pgx.Tx, id tenancy.ID) (*tenant.Tenant, error) {
	t, err := found(s.tenant(ctx, tx, id))
	if err != nil || t == nil || t.Forgotten() {
		return nil, err
	}
	err = tx.QueryRow(ctx, "select certificate from authorities where tenant_id = $1", id).Scan(&t.Intermediate)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read intermediate of tenant %s: %w", id, err)
	}
	t.Authorities, err = activeAuthorities(ctx, tx, id)
	return t, err
}
