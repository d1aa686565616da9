-- +goose Up

-- What an organisation decides for itself, and what stops it. `status` says whether its storage is there; a suspension
-- or a coming deletion stands beside it, so that ending either brings back what was.
alter table tenants
  add column time_zone text not null default 'UTC' check (length(time_zone) between 1 and 64),
  add column units text not null default 'metric' check (units in ('metric', 'imperial')),
  add column retention_days integer not null default 0 check (retention_days between 0 and 36500),
  add column alert_recipients text[] not null default '{}' check (cardinality(alert_recipients) <= 10),
  add column alert_severity text not null default 'warning' check (alert_severity in ('info', 'warning', 'critical')),
  add column settings_version bigint not null default 1,
  add column suspended_at timestamptz,
  add column suspension text not null default '' check (length(suspension) <= 500),
  add column delete_requested_at timestamptz,
  add column delete_requested_by text not null default '',
  add column delete_person text not null default '',
  add column delete_due_at timestamptz,
  -- From here on there is no way back: the cell is told to remove the storage.
  add column removing boolean not null default false;

-- The steps in which a tenant is provisioned or removed, for people to see.
create table tenant_steps (
  tenant_id text not null references tenants,
  task text not null check (task in ('provision', 'delete')),
  position integer not null,
  name text not null,
  state text not null default 'waiting' check (state in ('waiting', 'running', 'done')),
  attempts integer not null default 0,
  detail text not null default '',
  finished_at timestamptz,
  primary key (tenant_id, task, position)
);
alter table tenant_steps enable row level security;
alter table tenant_steps force row level security;
create policy tenant on tenant_steps using (tenant_id = current_setting('millwright.tenant', true));
create policy person on tenant_steps for select using (tenant_id in (
  select m.tenant_id from members m where m.person_id = nullif(current_setting('millwright.person', true), '')));
grant select, insert, update on tenant_steps to millwright_app;

-- Which tenants have a step to be taken, and when. Only names: no row-level security.
create table tenant_work (
  tenant_id text primary key references tenants,
  task text not null check (task in ('provision', 'delete')),
  due_at timestamptz not null
);
create index tenant_work_by_due on tenant_work (due_at);
grant select, insert, update, delete on tenant_work to millwright_app;

-- What is left of a tenant that was deleted. Whoever asked for the deletion may read it.
create table removed_tenants (
  id text primary key,
  name text not null,
  requested_person text not null,
  requested_by text not null,
  requested_at timestamptz not null,
  cell text not null,
  removed_at timestamptz not null,
  verified_at timestamptz,
  counts jsonb not null,
  usage jsonb not null,
  audit text not null
);
create index removed_tenants_by_person on removed_tenants (requested_person, removed_at);
alter table removed_tenants enable row level security;
alter table removed_tenants force row level security;
create policy person on removed_tenants for select using (requested_person = nullif(current_setting('millwright.person', true), ''));
create policy removed on removed_tenants using (id = nullif(current_setting('millwright.removed', true), ''));
grant select, insert, update on removed_tenants to millwright_app;
-- Those that were not looked through again yet. Only names.
create table removed_work (
  tenant_id text primary key references removed_tenants,
  due_at timestamptz not null
);
grant select, insert, update, delete on removed_work to millwright_app;

-- Sessions are a person's; the owner of the tables finds those of a tenant that is removed.
create policy removal on session_tenants to current_user using (tenant_id = current_setting('millwright.tenant', true));

-- Every table that has a tenant's rows says so by its column tenant_id. A table made later is found as well.
-- +goose StatementBegin
create function tenant_tables() returns setof regclass language sql stable set search_path = pg_catalog, public as $$
  select c.oid::regclass from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and a.attname = 'tenant_id' and not a.attisdropped and c.relname <> 'removed_work'
  order by c.relname
$$;
-- +goose StatementEnd

-- Counts what the database still has of a tenant.
-- +goose StatementBegin
create function count_tenant(target text) returns jsonb language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  t regclass;
  n bigint;
  counts jsonb := '{}';
begin
  perform set_config('millwright.tenant', target, true);
  for t in select * from tenant_tables() loop
    execute format('select count(*) from %s where tenant_id = $1', t) into n using target;
    if n > 0 then
      counts := counts || jsonb_build_object(t::text, n);
    end if;
  end loop;
  select count(*) into n from tenants where id = target;
  if n > 0 then
    counts := counts || jsonb_build_object('tenants', n);
  end if;
  return counts;
end $$;
-- +goose StatementEnd

-- Removes every row of a tenant and returns how many of each table. It refuses while the tenant is not due, while a step
-- before is not done, and when the audit log grew beyond the entry that the caller has exported.
-- +goose StatementBegin
create function remove_tenant(target text, at timestamptz, exported bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  t regclass;
  n bigint;
  again boolean := true;
  pass integer := 0;
  counts jsonb := '{}';
  last_entry bigint;
begin
  perform set_config('millwright.tenant', target, true);
  perform set_config('millwright.operator', 'removal', true);
  perform 1 from tenants where id = target and removing and delete_due_at <= at for update;
  if not found then
    raise exception 'tenant % is not due to be removed', target;
  end if;
  if exists (select from tenant_steps where tenant_id = target and task = 'delete' and name in ('credentials', 'storage', 'catalog') and state <> 'done') then
    raise exception 'a step before is not done';
  end if;
  select coalesce(max(number), 0) into last_entry from audit_heads where tenant_id = target;
  if last_entry <> exported then
    raise exception 'the audit log has entry %, exported is %', last_entry, exported;
  end if;
  while again and pass < 20 loop
    again := false;
    pass := pass + 1;
    for t in select * from tenant_tables() loop
      begin
        execute format('delete from %s where tenant_id = $1', t) using target;
        get diagnostics n = row_count;
        if n > 0 then
          counts := counts || jsonb_build_object(t::text, coalesce((counts ->> t::text)::bigint, 0) + n);
        end if;
      exception when foreign_key_violation then
        again := true; -- what refers to it goes first
      end;
    end loop;
  end loop;
  delete from tenants where id = target;
  return counts || '{"tenants": 1}';
end $$;
-- +goose StatementEnd
revoke all on function remove_tenant(text, timestamptz, bigint), count_tenant(text), tenant_tables() from public;
grant execute on function remove_tenant(text, timestamptz, bigint), count_tenant(text) to millwright_app;

-- Tenants that are there already: those being prepared take the steps that are left.
-- +goose StatementBegin
do $$
declare
  tenant text;
begin
  for tenant in select tenant_id from placements loop
    perform set_config('millwright.tenant', tenant, true);
    insert into tenant_steps (tenant_id, task, position, name, state, finished_at)
    select t.id, 'provision', s.position, s.name, case when t.status = 'active' or s.position < 3 then 'done' else 'waiting' end,
      case when t.status = 'active' or s.position < 3 then t.created_at end
    from tenants t, (values (1, 'authority'), (2, 'catalog'), (3, 'storage'), (4, 'ready')) as s (position, name)
    where t.id = tenant;
    insert into tenant_work select t.id, 'provision', now() from tenants t where t.id = tenant and t.status = 'provisioning';
  end loop;
  perform set_config('millwright.tenant', '', true);
end $$;
-- +goose StatementEnd

-- E-mails that tell a person of something, as they were when it happened: no secret is in them.
create table letters (
  id text primary key,
  tenant_id text not null references tenants,
  recipient text not null,
  subject text not null check (length(subject) <= 200),
  body text not null check (length(body) <= 10000),
  created_at timestamptz not null
);
alter table letters enable row level security;
alter table letters force row level security;
create policy tenant on letters using (tenant_id = current_setting('millwright.tenant', true));
grant select, insert, delete on letters to millwright_app;
alter table mail_outbox drop constraint mail_outbox_kind_check;
alter table mail_outbox add constraint mail_outbox_kind_check check (kind ~ '^[a-z_]{1,40}$');
grant delete on tenant_steps, invitations to millwright_app;
