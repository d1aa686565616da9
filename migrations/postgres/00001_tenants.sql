-- +goose Up

-- The application connects as a member of this role. It owns nothing and bypasses no policy; whoever runs the
-- migrations owns the tables and may become it.
-- +goose StatementBegin
do $$
begin
  if not exists (select from pg_roles where rolname = 'millwright_app') then
    create role millwright_app nologin nosuperuser nocreatedb nocreaterole noinherit nobypassrls;
  end if;
exception when duplicate_object or unique_violation then null; -- another database of the cluster made it just now
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
do $$
begin
  execute format('grant millwright_app to %I', current_user);
exception when others then
  if not pg_has_role(current_user, 'millwright_app', 'member') then raise; end if;
end $$;
-- +goose StatementEnd
grant usage on schema public to millwright_app;

-- Every tenant table below has row-level security enabled and forced. A transaction sees the rows of the tenant that
-- its setting millwright.tenant names; without the setting it sees none. Two settings name a caller who has no tenant
-- yet: millwright.person shows a person's own memberships, millwright.key the one key that was presented.

create table tenants (
  id text primary key check (id ~ '^[a-z2-7]{16}$'),
  name text not null check (length(name) between 1 and 80),
  slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$'),
  status text not null check (status in ('provisioning', 'active', 'suspended')),
  plan text not null,
  cell text not null,
  revision bigint not null default 1,
  created_at timestamptz not null
);

-- A row replaces one limit of the plan for one tenant. Only the owner of the tables writes it.
create table limit_overrides (
  tenant_id text not null references tenants,
  name text not null check (name in ('devices', 'events_per_second', 'events_burst', 'events_per_day', 'payload_bytes',
    'measurements_per_device', 'keys', 'members', 'requests_per_second')),
  value bigint not null check (value >= 0),
  primary key (tenant_id, name)
);

create table members (
  tenant_id text not null references tenants,
  person_id text not null,
  email text not null,
  role text not null check (role in ('owner', 'admin', 'operator', 'viewer')),
  created_at timestamptz not null,
  primary key (tenant_id, person_id)
);
create index members_by_person on members (person_id);

-- Which tenant a signed-in session acts for.
create table session_tenants (
  session_id text primary key,
  person_id text not null,
  tenant_id text not null references tenants,
  updated_at timestamptz not null
);

create table keys (
  id text primary key,
  tenant_id text not null references tenants,
  name text not null,
  prefix text not null,
  hash bytea not null check (length(hash) = 32),
  role text not null check (role in ('owner', 'admin', 'operator', 'viewer')),
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz
);
create index keys_by_tenant on keys (tenant_id, created_at, id);

-- The tenant's intermediate CA; its private key is sealed with the key-encryption key.
create table authorities (
  tenant_id text primary key references tenants,
  certificate bytea not null,
  sealed_key bytea not null,
  created_at timestamptz not null
);

alter table tenants enable row level security;
alter table tenants force row level security;
alter table limit_overrides enable row level security;
alter table limit_overrides force row level security;
alter table members enable row level security;
alter table members force row level security;
alter table session_tenants enable row level security;
alter table session_tenants force row level security;
alter table keys enable row level security;
alter table keys force row level security;
alter table authorities enable row level security;
alter table authorities force row level security;

create policy tenant on tenants using (id = current_setting('millwright.tenant', true));
create policy tenant on limit_overrides using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on members using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on keys using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on authorities using (tenant_id = current_setting('millwright.tenant', true));

create policy person on members for select using (person_id = nullif(current_setting('millwright.person', true), ''));
create policy person on tenants for select using (id in (
  select m.tenant_id from members m where m.person_id = nullif(current_setting('millwright.person', true), '')));
create policy person on limit_overrides for select using (tenant_id in (
  select m.tenant_id from members m where m.person_id = nullif(current_setting('millwright.person', true), '')));
create policy person on session_tenants using (person_id = nullif(current_setting('millwright.person', true), ''));
create policy presented on keys for select using (id = nullif(current_setting('millwright.key', true), ''));

grant select, insert, update on tenants to millwright_app;
grant select on limit_overrides to millwright_app;
grant select, insert, delete on members to millwright_app;
grant select, insert, update, delete on session_tenants to millwright_app;
grant select, insert, delete on keys to millwright_app;
grant select, insert on authorities to millwright_app;
