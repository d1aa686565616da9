package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
)

// The database numbers and hashes the entry.
const insertPlatformAudit = `
insert into platform_audit (occurred_at, actor, action, object, outcome, before_json, after_json, remote_address, request_id)
values (@occurred_at, @actor, @action, @object, @outcome, @before, @after, @remote, @request)`

// appendPlatformAudit notes what an operator did, in the transaction that does it. It waits for the other transactions that have
// done so: do it last, but before the entry of a tenant.
func appendPlatformAudit(ctx context.Context, tx pgx.Tx, e audit.Entry) error {
	_, err := tx.Exec(ctx, insertPlatformAudit, pgx.NamedArgs{
		"occurred_at": e.OccurredAt, "actor": e.Actor, "action": e.Action, "object": e.Object, "outcome": e.Outcome, "before": e.BeforeJSON,
		"after": e.AfterJSON, "remote": e.RemoteAddress, "request": e.RequestID,
	})
	if err != nil {
		return fmt.Errorf("append entry of the platform's audit log: %w", err)
	}
	return nil
}

// appendOperatorAudit notes what an operator did to a tenant in the platform's log, whose objects name the tenant.
func appendOperatorAudit(ctx context.Context, tx pgx.Tx, e audit.Entry) error {
	if tenant := "tenant/" + string(e.Tenant); !strings.HasPrefix(e.Object, tenant) {
		e.Object = tenant + "/" + e.Object
	}
	return appendPlatformAudit(ctx, tx, e)
}

// AppendPlatformAudit writes an entry that belongs to no change.
func (s *Store) AppendPlatformAudit(ctx context.Context, e audit.Entry) error {
	return translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return appendPlatformAudit(ctx, tx, e) }))
}

const platformAuditColumns = `
select number, occurred_at, actor, action, object, outcome, before_json, after_json, remote_address, request_id, hash
from platform_audit
`

const selectPlatformAudit = platformAuditColumns + `
where (@before::bigint = 0 or number < @before)
  and (@actor = '' or actor = @actor)
  and (@action = '' or strpos(lower(action), lower(@action)) > 0)
  and (@object = '' or starts_with(object, @object))
  and (not @done or outcome = 'ok') and (not @refused or outcome <> 'ok')
  and (@start::timestamptz is null or occurred_at >= @start)
  and (@end::timestamptz is null or occurred_at < @end)
order by number desc
limit @limit`

// PlatformAudit implements platform.Store.
func (s *Store) PlatformAudit(ctx context.Context, f audit.Filter, before int64, limit int) ([]audit.Entry, error) {
	return s.readPlatformAudit(ctx, selectPlatformAudit, pgx.NamedArgs{
		"before": before, "limit": limit, "actor": f.Actor, "action": f.Action, "object": f.Object,
		"done": f.Done, "refused": f.Refused, "start": timeN(f.Start), "end": timeN(f.End),
	})
}

// PlatformAuditAfter implements rpc.PlatformAuditReader.
func (s *Store) PlatformAuditAfter(ctx context.Context, number int64, limit int) ([]audit.Entry, error) {
	return s.readPlatformAudit(ctx, platformAuditColumns+"where number > @number order by number limit @limit", pgx.NamedArgs{"number": number, "limit": limit})
}

func (s *Store) readPlatformAudit(ctx context.Context, query string, args pgx.NamedArgs) ([]audit.Entry, error) {
	rows, err := s.pool.Query(ctx, query, args)
	if err != nil {
		return nil, translate(fmt.Errorf("read the platform's audit log: %w", err))
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e audit.Entry, err error) {
		err = row.Scan(&e.ID, &e.OccurredAt, &e.Actor, &e.Action, &e.Object, &e.Outcome, &e.BeforeJSON, &e.AfterJSON,
			&e.RemoteAddress, &e.RequestID, &e.Hash)
		e.OccurredAt = e.OccurredAt.UTC()
		return e, err
	})
	return list, translate(err)
}
