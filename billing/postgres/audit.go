package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/tenancy"
)

// noted is what audit logs have of an operator's change. The platform's has all of it; the tenant's is read by people who may not know
// what things cost, so told has no amounts.
type noted struct {
	// object names what was changed, told object what the tenant's log calls it.
	object, toldObject string
	all, told          any
}

const insertPlatformEntry = `
insert into platform_audit (occurred_at, actor, action, object, outcome, before_json, after_json, remote_address, request_id)
values (now(), @actor, @action, @object, 'ok', '', @after, @remote, @request)`

const insertTenantEntry = `
insert into audit_entries (tenant_id, occurred_at, actor, action, object, outcome, before_json, after_json, remote_address, request_id)
values (@tenant, now(), @actor, @action, @object, 'ok', @before, @after, @remote, @request)`

// appendOperator notes in both logs, in the transaction that makes it, what an operator changed of a tenant. It waits for others who
// note something: do it last.
func appendOperator(ctx context.Context, tx pgx.Tx, id tenancy.ID, a contract.Author, n noted) error {
	if err := appendPlatform(ctx, tx, a, "tenant/"+string(id)+"/"+n.object, n.all); err != nil {
		return err
	}
	if n.toldObject == "" {
		n.toldObject = n.object
	}
	return appendEntry(ctx, tx, insertTenantEntry, a, pgx.NamedArgs{"tenant": id, "object": n.toldObject, "before": ""}, n.told)
}

// appendPlatform notes in the platform's log what an operator changed.
func appendPlatform(ctx context.Context, tx pgx.Tx, a contract.Author, object string, after any) error {
	return appendEntry(ctx, tx, insertPlatformEntry, a, pgx.NamedArgs{"object": object}, after)
}

func appendEntry(ctx context.Context, tx pgx.Tx, statement string, a contract.Author, args pgx.NamedArgs, after any) error {
	text, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("write audit entry: %w", err)
	}
	args["actor"], args["action"], args["after"], args["remote"], args["request"] = a.Actor, a.Action, string(text), a.RemoteAddress, a.RequestID
	if _, err := tx.Exec(ctx, statement, args); err != nil {
		return fmt.Errorf("append audit entry: %w", err)
	}
	return nil
}
