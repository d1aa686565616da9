package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// SetSuspension implements tenant.LifeStore.
func (s *Store) SetSuspension(ctx context.Context, id tenancy.ID, to tenant.Suspension, e audit.Entry) error {
	defer s.wake()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		const update = "update tenants set suspended_at = $2, suspension = $3, revision = revision + 1 where id = $1"
		if _, err := tx.Exec(ctx, update, id, timeN(to.At), to.Reason); err != nil {
			return fmt.Errorf("set suspension: %w", err)
		}
		if err := announce(ctx, tx, id, distribute.KindTenant, ""); err != nil {
			return err
		}
		if err := appendOperatorAudit(ctx, tx, e); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
}

// TransferOwnership implements tenant.LifeStore. The lock on the tenant keeps two transfers from meeting.
func (s *Store) TransferOwnership(ctx context.Context, id tenancy.ID, from, to string, at time.Time, e audit.Entry, tell func(from, to string) []tenant.Letter) error {
	defer s.caller("person", from)
	defer s.caller("person", to)
	defer s.wakeMail()
	defer s.wake()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		giver, err := readMember(ctx, tx, id, from)
		if err != nil {
			return err
		}
		if giver.Role != tenancy.RoleOwner {
			return fmt.Errorf("%s owns the organisation no longer: %w", giver.Email, tenancy.ErrConflict)
		}
		taker, err := readMember(ctx, tx, id, to)
		if err != nil {
			return err
		}
		const update = "update members set role = $3, facilities = '{}' where tenant_id = $1 and person_id = $2"
		b := &pgx.Batch{}
		b.Queue(update, id, from, tenancy.RoleAdmin)
		b.Queue(update, id, to, tenancy.RoleOwner)
		for _, n := range tell(giver.Email, taker.Email) {
			queueLetter(b, id, n, at)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("transfer ownership: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
}

// queueLetter leaves an e-mail in the transaction of what it tells of.
func queueLetter(b *pgx.Batch, id tenancy.ID, n tenant.Letter, at time.Time) {
	name := string(tenancy.NewID())
	b.Queue("insert into letters (id, tenant_id, recipient, subject, body, created_at) values ($1, $2, $3, $4, $5, $6)",
		name, id, n.To, n.Subject, n.Text, at)
	b.Queue("insert into mail_outbox (tenant_id, kind, object_id, due_at) values ($1, 'letter', $2, $3)", id, name, at)
}

const scheduleDeletion = `
update tenants set delete_requested_at = @at, delete_requested_by = @by, delete_person = @person, delete_due_at = @due, revision = revision + 1
where id = @id and delete_due_at is null`

// ScheduleDeletion implements tenant.LifeStore.
func (s *Store) ScheduleDeletion(ctx context.Context, id tenancy.ID, d tenant.Deletion, e audit.Entry, tell func(owner string) tenant.Letter) error {
	defer s.wakeMail()
	defer s.wake()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, scheduleDeletion, pgx.NamedArgs{"id": id, "at": d.RequestedAt, "by": d.By, "person": d.Person, "due": d.DueAt})
		if err != nil {
			return fmt.Errorf("schedule deletion: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("the organisation is to be deleted already: %w", tenancy.ErrConflict)
		}
		rows, err := tx.Query(ctx, "select email from members where tenant_id = $1 and role = 'owner'", id)
		if err != nil {
			return fmt.Errorf("list owners: %w", err)
		}
		owners, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list owners: %w", err)
		}
		b := &pgx.Batch{}
		b.Queue("delete from tenant_steps where tenant_id = $1 and task = 'delete'", id)
		for i, name := range tenant.TaskDelete.Steps() {
			b.Queue(insertStep, id, tenant.TaskDelete, i+1, name)
		}
		b.Queue(putWork, id, tenant.TaskDelete, d.DueAt)
		for _, owner := range owners {
			queueLetter(b, id, tell(owner), d.RequestedAt)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("schedule deletion: %w", err)
		}
		if err := announce(ctx, tx, id, distribute.KindTenant, ""); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
}

const cancelDeletion = `
update tenants set delete_requested_at = null, delete_requested_by = '', delete_person = '', delete_due_at = null, revision = revision + 1
where id = @id and delete_due_at > @now and not removing`

// CancelDeletion implements tenant.LifeStore. A provisioning that the deletion interrupted goes on.
func (s *Store) CancelDeletion(ctx context.Context, id tenancy.ID, now time.Time, e audit.Entry) error {
	defer s.wakeWork()
	defer s.wake()
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, cancelDeletion, pgx.NamedArgs{"id": id, "now": now})
		if err != nil {
			return fmt.Errorf("cancel deletion: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("there is no deletion that can be cancelled: %w", tenancy.ErrConflict)
		}
		b := &pgx.Batch{}
		b.Queue("delete from tenant_steps where tenant_id = $1 and task = 'delete'", id)
		b.Queue("delete from tenant_work where tenant_id = $1", id)
		b.Queue("insert into tenant_work (tenant_id, task, due_at) select id, 'provision', $2 from tenants where id = $1 and status = 'provisioning'", id, now)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("cancel deletion: %w", err)
		}
		if err := announce(ctx, tx, id, distribute.KindTenant, ""); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
}

// Removed implements tenant.LifeStore.
func (s *Store) Removed(ctx context.Context, person string) (list []tenant.Removed, err error) {
	err = s.inPerson(ctx, person, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, removedColumns+"where requested_person = $1 order by removed_at desc, id limit 100", person)
		if err != nil {
			return fmt.Errorf("list removed tenants: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanRemoved)
		return err
	})
	return list, err
}

const removedColumns = `
select id, name, cell, requested_person, requested_by, requested_at, removed_at, verified_at, counts, audit from removed_tenants `

func scanRemoved(row pgx.CollectableRow) (r tenant.Removed, err error) {
	var verified *time.Time
	err = row.Scan(&r.ID, &r.Name, &r.Cell, &r.Person, &r.RequestedBy, &r.RequestedAt, &r.RemovedAt, &verified, &r.Counts, &r.Audit)
	r.RequestedAt, r.RemovedAt, r.VerifiedAt = r.RequestedAt.UTC(), r.RemovedAt.UTC(), time0(verified)
	return r, err
}
