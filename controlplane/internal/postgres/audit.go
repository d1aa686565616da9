package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

const insertAudit = `
insert into audit_entries (tenant_id, occurred_at, actor, action, object, outcome, after_json, remote_address, request_id)
values (@tenant, @occurred_at, @actor, @action, @object, @outcome, @after, @remote, @request)`

// appendAudit writes an entry into the transaction of the change it tells of.
func appendAudit(ctx context.Context, tx pgx.Tx, e audit.Entry) error {
	_, err := tx.Exec(ctx, insertAudit, pgx.NamedArgs{
		"tenant": e.Tenant, "occurred_at": e.OccurredAt, "actor": e.Actor, "action": e.Action, "object": e.Object,
		"outcome": e.Outcome, "after": e.AfterJSON, "remote": e.RemoteAddress, "request": e.RequestID,
	})
	if err != nil {
		return fmt.Errorf("append audit entry: %w", err)
	}
	return nil
}

// AppendAudit writes an entry that belongs to no change.
func (s *Store) AppendAudit(ctx context.Context, e audit.Entry) error {
	return s.inTenant(ctx, e.Tenant, func(tx pgx.Tx) error { return appendAudit(ctx, tx, e) })
}

const selectAudit = `
select id, occurred_at, actor, action, object, outcome, after_json, remote_address, request_id
from audit_entries
where tenant_id = @tenant and (@before::bigint = 0 or id < @before)
order by id desc
limit @limit`

// AuditEntries returns entries with ids below before (0: the newest), newest first.
func (s *Store) AuditEntries(ctx context.Context, id tenancy.ID, before int64, limit int) (list []audit.Entry, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectAudit, pgx.NamedArgs{"tenant": id, "before": before, "limit": limit})
		if err != nil {
			return fmt.Errorf("list audit entries: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (audit.Entry, error) {
			e := audit.Entry{Tenant: id}
			err := row.Scan(&e.ID, &e.OccurredAt, &e.Actor, &e.Action, &e.Object, &e.Outcome, &e.AfterJSON, &e.RemoteAddress, &e.RequestID)
			return e, err
		})
		return err
	})
	return list, err
}
