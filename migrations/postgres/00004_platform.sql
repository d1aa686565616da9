-- +goose Up

-- The tables of the platform itself hold no tenant's data, only names: they have no row-level security.

-- Where each tenant lives. The application places a tenant once and cannot move it.
create table placements (
  tenant_id text primary key references tenants,
  cell text not null
);
create index placements_by_cell on placements (cell);

-- Catalog entries that changed and have yet to reach the tenant's cell. A row names the object; what is sent is the
-- object as it is at that moment.
create table outbox (
  seq bigint generated always as identity primary key,
  cell text not null,
  tenant_id text not null references tenants,
  kind text not null check (kind in ('tenant', 'device', 'key')),
  object_id text not null
);

-- The platform's own keys: the root CA and the signing key of cell tokens. Private keys are
-- sealed with the key-encryption key.
create table platform_keys (
  id text primary key,
  purpose text not null unique check (purpose in ('root_ca', 'cell_token')),
  certificate bytea not null,
  public_key bytea not null,
  sealed_key bytea not null,
  created_at timestamptz not null
);

grant select, insert on placements to millwright_app;
grant select, insert, delete on outbox to millwright_app;
grant select, insert on platform_keys to millwright_app;
