package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// The database numbers and hashes the entry.
const insertAudit = `
insert into audit_entries (tenant_id, occurred_at, actor, action, object, outcome, before_json, after_json, remote_address, request_id)
values (@tenant, @occurred_at, @actor, @action, @object, @outcome, @before, @after, @remote, @request)`

// appendAudit writes an entry into the transaction of the change it tells of. It waits for the tenant's other
// transactions that have done so: do it last.
func appendAudit(ctx context.Context, tx pgx.Tx, e audit.Entry) error {
	_, err := tx.Exec(ctx, insertAudit, pgx.NamedArgs{
		"tenant": e.Tenant, "occurred_at": e.OccurredAt, "actor": e.Actor, "action": e.Action, "object": e.Object, "outcome": e.Outcome,
		"before": e.BeforeJSON, "after": e.AfterJSON, "remote": e.RemoteAddress, "request": e.RequestID,
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

const auditColumns = `
select id, occurred_at, actor, action, object, outcome, before_json, after_json, remote_address, request_id, hash
from audit_entries
`

const selectAudit = auditColumns + `
where tenant_id = @tenant and (@before::bigint = 0 or id < @before)
  and (@actor = '' or actor = @actor)
  and (@action = '' or strpos(lower(action), lower(@action)) > 0)
  and (@object = '' or starts_with(object, @object))
  and (not @done or outcome = 'ok') and (not @refused or outcome <> 'ok')
  and (@start::timestamptz is null or occurred_at >= @start)
  and (@end::timestamptz is null or occurred_at < @end)
order by id desc
limit @limit`

// AuditEntries implements rpc.AuditLog.
func (s *Store) AuditEntries(ctx context.Context, id tenancy.ID, f audit.Filter, before int64, limit int) (list []audit.Entry, err error) {
	return s.readAudit(ctx, id, selectAudit, pgx.NamedArgs{
		"tenant": id, "before": before, "limit": limit, "actor": f.Actor, "action": f.Action, "object": f.Object,
		"done": f.Done, "refused": f.Refused, "start": timeN(f.Start), "end": timeN(f.End),
	})
}

// AuditAfter implements web.AuditLog.
func (s *Store) AuditAfter(ctx context.Context, id tenancy.ID, number int64, limit int) ([]audit.Entry, error) {
	return s.readAudit(ctx, id, auditColumns+"where tenant_id = @tenant and id > @number order by id limit @limit",
		pgx.NamedArgs{"tenant": id, "number": number, "limit": limit})
}

func (s *Store) readAudit(ctx context.Context, id tenancy.ID, query string, args pgx.NamedArgs) (list []audit.Entry, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args)
		if err != nil {
			return fmt.Errorf("read audit entries: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (audit.Entry, error) {
			e := audit.Entry{Tenant: id}
			err := row.Scan(&e.ID, &e.OccurredAt, &e.Actor, &e.Action, &e.Object, &e.Outcome, &e.BeforeJSON, &e.AfterJSON,
				&e.RemoteAddress, &e.RequestID, &e.Hash)
			e.OccurredAt = e.OccurredAt.UTC()
			return e, err
		})
		return err
	})
	return list, err
}
