package migrations_test

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/pgtest"
)

const (
	tenantA = "aaaaaaaaaaaaaaaa"
	tenantB = "bbbbbbbbbbbbbbbb"
)

// platformTables hold no tenant's data and have no row-level security.
var platformTables = map[string]bool{
	"placements": true, "payment_work": true, "payment_collection": true, "outbox": true, "mail_outbox": true, "job_queue": true, "platform_keys": true, "token_keys": true,
	"cells": true, "flags": true, "announcements": true, "platform_audit": true, "platform_audit_head": true, "tenant_work": true, "billing_work": true, "billing_numbers": true, "coupons": true, "removed_work": true, "budget_work": true, "schema_versions": true,
}

func TestPostgresIsIdempotentAndSafeAtOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := migrations.Postgres(t.Context(), dsn); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	wg.Wait()
	if err := migrations.Postgres(t.Context(), dsn); err != nil {
		t.Errorf("migrate again: %v", err)
	}
}

// TestThePlatformsAuditLogIsChainedFromItsBeginning upgrades a database whose log has entries without hashes.
func TestThePlatformsAuditLogIsChainedFromItsBeginning(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store, err := database.NewStore(database.DialectPostgres, "schema_versions")
	if err != nil {
		t.Fatal(err)
	}
	before, err := goose.NewProvider("", db, os.DirFS("postgres"), goose.WithStore(store))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.UpTo(t.Context(), 67); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, dsn)
	const entry = "insert into platform_audit (occurred_at, actor, action, object, before_json, after_json, remote_address, request_id) values (now(), $1, '', '', '', '', '', '')"
	for _, actor := range []string{"ada", "bob", "carol"} {
		if _, err := conn.Exec(t.Context(), entry, actor); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, conn, "delete from platform_audit where actor = 'bob'") // numbers had gaps
	if err := migrations.Postgres(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "insert into platform_audit (number, occurred_at, actor, action, object, outcome, before_json, after_json, remote_address, request_id, hash)"+
		" values (77, now(), 'dan', '', '', 'ok', '', '', '', '', '')")
	const wrong = `select count(*) from (
		select hash, platform_audit_hash(coalesce(lag(hash) over w, decode(repeat('00', 32), 'hex')), p) as want, number, row_number() over w as nth
		from platform_audit p window w as (order by number)) as log where hash <> want or number <> nth`
	if n, all := countOf(t, conn, wrong), countOf(t, conn, "select count(*) from platform_audit"); n != 0 || all != 3 {
		t.Errorf("%d of %d entries do not follow from the one before", n, all)
	}
	exec(t, conn, "update platform_audit set actor = 'eve' where number = 2")
	if n := countOf(t, conn, wrong); n != 1 {
		t.Errorf("a changed entry: %d are wrong", n)
	}
}

func TestPostgresRefusesANewerDatabase(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	conn := connect(t, dsn)
	exec(t, conn, "insert into schema_versions (version_id, is_applied) values (9999, true)")
	err := migrations.Postgres(t.Context(), dsn)
	if err == nil || !strings.Contains(err.Error(), "has schema version 9999") || !strings.Contains(err.Error(), "start the newer program") {
		t.Errorf("got %v", err)
	}
}

func TestEveryTenantTableIsWalled(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t))
	rows, err := conn.Query(t.Context(), `select relname, relrowsecurity, relforcerowsecurity from pg_class
		where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace`)
	if err != nil {
		t.Fatal(err)
	}
	var name string
	var enabled, forced bool
	_, err = pgx.ForEachRow(rows, []any{&name, &enabled, &forced}, func() error {
		if !platformTables[name] && (!enabled || !forced) {
			t.Errorf("%s: row-level security enabled %t, forced %t", name, enabled, forced)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestATenantSeesItsOwnRowsOnly(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t))
	for _, id := range []string{tenantA, tenantB} {
		fill(t, conn, id)
	}
	exec(t, conn, "set role "+migrations.AppRole)
	columns := map[string]string{"tenants": "id"}
	for _, table := range []string{
		"tenants", "limit_overrides", "members", "session_tenants", "roles", "service_accounts", "keys", "key_secrets", "authorities", "invitations", "device_types", "devices", "device_labels", "places", "certificates", "audit_entries", "audit_heads", "usage_totals", "usage_notes", "usage_mismatches", "jobs", "job_items", "job_results",
		"groups", "group_members", "gateway_devices", "gateway_groups", "limit_uses", "limit_notices", "payment_accounts", "payment_entries", "payment_requests", "payment_events", "payment_meter_events", "plan_changes", "invoices", "invoice_lines", "usage_snapshots", "billing_adjustments", "contracts", "coupon_grants", "billing_credits", "billing_credit_uses", "credit_notes",
	} {
		if n := countOf(t, conn, "select count(*) from "+table); n != 0 {
			t.Errorf("%s: %d rows visible without a tenant", table, n)
		}
		if table == "session_tenants" {
			continue // shown by person, below
		}
		column := "tenant_id"
		if c := columns[table]; c != "" {
			column = c
		}
		exec(t, conn, "select set_config('millwright.tenant', '"+tenantA+"', false)")
		if n := countOf(t, conn, "select count(*) from "+table); n != 1 {
			t.Errorf("%s: %d rows visible to tenant A, want its 1", table, n)
		}
		if n := countOf(t, conn, "select count(*) from "+table+" where "+column+" = '"+tenantB+"'"); n != 0 {
			t.Errorf("%s: %d rows of tenant B visible to tenant A", table, n)
		}
		exec(t, conn, "select set_config('millwright.tenant', '', false)")
	}
	exec(t, conn, "select set_config('millwright.person', 'person-"+tenantA+"', false)")
	for table, want := range map[string]int{"session_tenants": 1, "members": 1, "tenants": 1, "devices": 0, "keys": 0, "audit_entries": 0} {
		if n := countOf(t, conn, "select count(*) from "+table); n != want {
			t.Errorf("%s: %d rows visible to a person without a tenant, want %d", table, n, want)
		}
	}
}

func TestTheApplicationMayDoLittle(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t))
	fill(t, conn, tenantA)
	fill(t, conn, tenantB)
	exec(t, conn, "set role "+migrations.AppRole)
	exec(t, conn, "select set_config('millwright.tenant', '"+tenantA+"', false)")
	for _, statement := range []string{
		"update audit_entries set outcome = 'ok'",
		"delete from audit_entries",
		"truncate audit_entries",
		"update audit_heads set number = 0",
		"delete from audit_heads",
		"insert into audit_heads values ('" + tenantA + "', 7, '')",
		"update limit_notices set used = 1",
		"insert into limit_overrides (tenant_id, name, value) values ('" + tenantA + "', 'keys', 1)",
		"delete from tenants",
		"delete from usage_totals",
		"delete from usage_notes",
		"delete from usage_mismatches",
		"update authorities set sealed_key = ''",
		"update placements set cell = 'x'",
		"delete from cells",
		"update platform_audit set actor = ''",
		"delete from platform_audit",
		"truncate platform_audit",
		"update platform_audit_head set number = 0",
		"delete from platform_audit_head",
		"update payment_meter_events set amount = 1",
		"delete from payment_entries",
		"update payment_events set outcome = ''",
		"insert into platform_audit_head (number, hash) values (7, '')",
		"alter table tenants disable row level security",
		"create table mine (id text)",
		"insert into devices (tenant_id, id, type, status, created_at) values ('" + tenantB + "', 'x', 't', 'active', now())",
		"insert into members (tenant_id, person_id, email, role, created_at) values ('" + tenantB + "', 'x', 't', 'owner', now())",
		"insert into audit_entries (tenant_id, occurred_at, actor, action, object, outcome, after_json, remote_address, request_id)" +
			" values ('" + tenantB + "', now(), '', '', '', '', '', '', '')",
	} {
		if _, err := conn.Exec(t.Context(), statement); err == nil {
			t.Errorf("the application may: %s", statement)
		}
	}
	tag, err := conn.Exec(t.Context(), "update devices set status = 'suspended' where tenant_id = '"+tenantB+"'")
	if err != nil || tag.RowsAffected() != 0 {
		t.Errorf("tenant A changed %d devices of tenant B (%v)", tag.RowsAffected(), err)
	}
}

// TestOnlyAnOperatorChangesLimits: a transaction that names no operator changes none, and one that does changes those of the
// tenant that it names only.
func TestOnlyAnOperatorChangesLimits(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t))
	fill(t, conn, tenantA)
	fill(t, conn, tenantB)
	exec(t, conn, "set role "+migrations.AppRole)
	exec(t, conn, "select set_config('millwright.tenant', '"+tenantA+"', false)")
	changed := func(statement string) int64 {
		tag, err := conn.Exec(t.Context(), statement)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		return tag.RowsAffected()
	}
	for _, statement := range []string{"update limit_overrides set value = 7", "delete from limit_overrides"} {
		if n := changed(statement); n != 0 {
			t.Errorf("%s: changed %d rows without an operator", statement, n)
		}
	}
	exec(t, conn, "select set_config('millwright.operator', 'ops@example.com', false)")
	if n := changed("update limit_overrides set value = 7"); n != 1 {
		t.Errorf("an operator changed %d rows, want tenant A's one", n)
	}
	if n := changed("update limit_overrides set value = 7 where tenant_id = '" + tenantB + "'"); n != 0 {
		t.Errorf("an operator changed %d rows of a tenant that was not named", n)
	}
}

func fill(t *testing.T, conn *pgx.Conn, id string) {
	t.Helper()
	for _, statement := range []string{
		"insert into tenants (id, name, slug, status, plan, cell, created_at) values ('ID', 'n', 'slug-ID', 'active', 'team', 'c', now())",
		"insert into limit_overrides values ('ID', 'devices', 1)",
		"insert into limit_uses values ('ID', 'devices', 'tenant', now(), 's', 1, 1, 0)",
		"insert into limit_notices values ('ID', 'devices', now(), 80, 1, 1, now())",
		"insert into invoices values ('ID', 'ID', 'ID', now(), now() + interval '1 day', false, 'n', 'EUR', '', now(), now(), 0, 0, 0, 0, '{}', sha256(''), 'open', now())",
		"insert into invoice_lines values ('ID', 'ID', 1, 'flat', null, null, '', '', 0, 0, '[]', '', '', false, 0)",
		"insert into usage_snapshots values ('ID', sha256('ID'), 'ID')",
		"insert into contracts values ('ID', 'ID', '2026-11-01 00:00+00', null, 'EUR', '{}', now(), '')",
		"insert into coupons values ('ABC', '10', 0, '', 1, now(), '') on conflict do nothing",
		"insert into coupon_grants values ('ID', 'ABC', now(), now(), '')",
		"insert into billing_credits values ('ID', 'ID', 'EUR', 1, now(), now(), 'r', '')",
		"insert into billing_credit_uses values ('ID', 'ID', 'ID', 1)",
		"insert into credit_notes values ('ID', 'ID', 'ID', 1, 'r', now(), '')",
		"insert into billing_adjustments values ('ID', 'ID', 'EUR', 1, '', null, now())",
		"insert into members values ('ID', 'person-ID', 'e', 'owner', now())",
		"insert into session_tenants values ('session-ID', 'person-ID', 'ID', now())",
		"insert into roles values ('ID', 'mine', 't', '{tenant.read}', 1, 'me', now())",
		"insert into service_accounts values ('ID', 'robot', 't', 'custom/mine', '{}', 'me', now())",
		"insert into keys (id, tenant_id, name, service_account_id, created_by, created_at) values ('key-ID', 'ID', 'n', 'robot', 'me', now())",
		"insert into key_secrets (tenant_id, key_id, number, hash, prefix, created_at) values ('ID', 'key-ID', 1, sha256('x'), 'p', now())",
		"insert into invitations values ('invitation-ID', 'ID', 'e', 'viewer', '{}', 'me', now(), now(), null, null, '')",
		"insert into authorities values ('ID', '', '', now())",
		"insert into places (tenant_id, id, kind, name, folded, created_at) values ('ID', 'ID', 'facility', 'n', 'n', now())",
		"insert into device_types (tenant_id, id, created_at, updated_at) values ('ID', 't', now(), now())",
		`insert into devices (tenant_id, id, type, status, created_at, labels) values ('ID', 'd', 't', 'active', now(), '{"a": "b"}')`,
		"insert into certificates values ('ID', 'd', 'ab', now(), now(), null)",
		"insert into audit_entries (tenant_id, occurred_at, actor, action, object, outcome, after_json, remote_address, request_id)" +
			" values ('ID', now(), '', '', '', '', '', '', '')",
		"insert into groups values ('ID', 'g', 'n', '', '{}', 1, now(), now())",
		"insert into group_members values ('ID', 'g', 'd')",
		"insert into gateway_devices values ('ID', 'd', 'd')",
		"insert into gateway_groups values ('ID', 'd', 'g')",
		"insert into jobs values ('ID', 'j', 'k', 't', 'running', 1, 0, 0, '{}', '{}', '{}', now())",
		"insert into job_items values ('ID', 'j', 1, 'n', '', 'pending')",
		"insert into job_results values ('ID', 'j', 1, '')",
		"insert into usage_totals values ('ID', now(), 'c', 0, 'events', 1, 1)",
		"insert into payment_accounts (tenant_id, customer_name, intended_at) values ('ID', 'n', now())",
		"insert into payment_entries (id, tenant_id, invoice_id, bill, created_at) values ('e-ID', 'ID', 'i', '{}', now())",
		"insert into payment_requests (entry_id, tenant_id, step, intended_at) values ('e-ID', 'ID', 's', now())",
		"insert into payment_events values ('evt-ID', 'ID', 't', 'o', now(), now(), '')",
		"insert into payment_meter_events (identifier, tenant_id, meter, hour, amount) values ('m-ID', 'ID', 'events', now(), 1)",
		"insert into usage_notes values ('ID', now(), 'c', 0, 'events', 1, 1, 1, now())",
		"insert into usage_mismatches values ('ID', now(), 'c', 0, 'events', 'rows', 1, 1, 0, now())",
	} {
		exec(t, conn, strings.ReplaceAll(statement, "ID", id))
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.WithoutCancel(t.Context()), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func countOf(t *testing.T, conn *pgx.Conn, query string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestPostgresNeedsNoSuperuser(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	admin := connect(t, dsn)
	var database string
	if err := admin.QueryRow(t.Context(), "select current_database()").Scan(&database); err != nil {
		t.Fatal(err)
	}
	owner := "owner_of_" + database
	exec(t, admin, "create role "+owner+" login createrole nosuperuser nobypassrls")
	exec(t, admin, "alter database "+database+" owner to "+owner)
	// The server's other databases have the role already: whoever made it must let the owner pass it on.
	exec(t, admin, "grant "+migrations.AppRole+" to "+owner+" with admin option")
	t.Cleanup(func() {
		cleanup := connect(t, dsn)
		exec(t, cleanup, "reassign owned by "+owner+" to current_user")
		exec(t, cleanup, "drop owned by "+owner)
		exec(t, cleanup, "drop role "+owner)
	})
	url := strings.Replace(dsn, "postgres://postgres@", "postgres://"+owner+"@", 1)
	if err := migrations.Postgres(t.Context(), url); err != nil {
		t.Fatalf("migrate as the database's owner: %v", err)
	}
	conn := connect(t, url)
	if n := countOf(t, conn, "select count(*) from tenants"); n != 0 {
		t.Errorf("%d tenants", n)
	}
	exec(t, conn, "set role "+migrations.AppRole)
}

// TestTheBooksStayWhenATenantGoes holds the tables that a removal empties against those that never change: such a one would stop it.
func TestTheBooksStayWhenATenantGoes(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t))
	const frozen = `select count(*) from tenant_tables() t join pg_trigger g on g.tgrelid = t
		join pg_proc p on p.oid = g.tgfoid where p.proname in ('refuse_change', 'keep_invoice', 'keep_adjustment')`
	if n := countOf(t, conn, frozen); n != 0 {
		t.Errorf("%d triggers of tables that go with a tenant refuse it", n)
	}
}
