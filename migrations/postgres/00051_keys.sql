-- +goose Up

-- Principals that are no persons; any number of keys speak for one.
create table service_accounts (
  tenant_id text not null references tenants,
  id text not null check (id ~ '^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$'),
  title text not null,
  role text not null check (is_role(role)),
  facilities text[] not null default '{}',
  created_by text not null,
  created_at timestamptz not null,
  custom_role text generated always as (case when role like 'custom/%' then substr(role, 8) end) stored,
  primary key (tenant_id, id),
  constraint service_accounts_custom_role foreign key (tenant_id, custom_role) references roles (tenant_id, id)
);

alter table keys drop constraint keys_role_check;
alter table keys alter column role drop not null;
alter table keys add column scopes text[] not null default '{}';
alter table keys add column facilities text[] not null default '{}';
alter table keys add column service_account_id text;
alter table keys add column custom_role text generated always as (case when role like 'custom/%' then substr(role, 8) end) stored;
alter table keys add constraint keys_custom_role foreign key (tenant_id, custom_role) references roles (tenant_id, id);
alter table keys add constraint keys_service_account foreign key (tenant_id, service_account_id) references service_accounts (tenant_id, id);
-- A key has a role of its own or that of its service account.
alter table keys add constraint keys_role_check check ((role is null) = (service_account_id is not null) and (role is null or is_role(role)));
create index keys_by_service_account on keys (tenant_id, service_account_id) where service_account_id is not null;
alter table keys add constraint keys_of_tenant unique (tenant_id, id);
grant update on keys to millwright_app;

-- What a key is presented with: one secret, or two while a rotation overlaps. A secret is 40 random characters, so that
-- one round of SHA-256 guards it as well as a slow hash would.
create table key_secrets (
  tenant_id text not null references tenants,
  key_id text not null,
  number integer not null check (number > 0),
  hash bytea not null check (length(hash) = 32),
  prefix text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  used_at timestamptz,
  used_address text not null default '',
  used_plane text not null default '',
  primary key (tenant_id, key_id, number),
  foreign key (tenant_id, key_id) references keys (tenant_id, id) on delete cascade
);
create index key_secrets_by_key on key_secrets (key_id);

-- +goose StatementBegin
do $$
declare
  tenant text;
begin
  for tenant in select tenant_id from placements loop
    perform set_config('millwright.tenant', tenant, true);
    insert into key_secrets (tenant_id, key_id, number, hash, prefix, created_at)
    select tenant_id, id, 1, hash, prefix, created_at from keys where tenant_id = tenant;
  end loop;
  perform set_config('millwright.tenant', '', true);
end $$;
-- +goose StatementEnd
alter table keys drop column hash;
alter table keys drop column prefix;

alter table service_accounts enable row level security;
alter table service_accounts force row level security;
alter table key_secrets enable row level security;
alter table key_secrets force row level security;
create policy tenant on service_accounts using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on key_secrets using (tenant_id = current_setting('millwright.tenant', true));
-- The one key that was presented, with its secrets and its service account.
create policy presented on key_secrets for select using (key_id = nullif(current_setting('millwright.key', true), ''));
create policy presented on service_accounts for select using ((tenant_id, id) in (
  select k.tenant_id, k.service_account_id from keys k where k.id = nullif(current_setting('millwright.key', true), '')));
grant select, insert, update, delete on service_accounts to millwright_app;
grant select, insert, update, delete on key_secrets to millwright_app;

-- A secret that comes or ends concerns whoever remembers the key; that it was used does not.
create trigger announce after insert or delete or update of hash, expires_at on key_secrets for each row execute function announce_caller('key', 'key_id');

-- A service account's change is one of each of its keys.
-- +goose StatementBegin
create function announce_service_account() returns trigger language plpgsql as $$
declare
  key text;
begin
  for key in select k.id from keys k where k.tenant_id = new.tenant_id and k.service_account_id = new.id loop
    perform pg_notify('millwright_caller', 'key ' || key);
    insert into outbox (cell, tenant_id, kind, object_id)
    select p.cell, p.tenant_id, 'key', key from placements p where p.tenant_id = new.tenant_id;
  end loop;
  return null;
end $$;
-- +goose StatementEnd
create trigger announce after update on service_accounts for each row execute function announce_service_account();
