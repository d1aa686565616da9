-- +goose Up

-- The cells that the control plane was told of, and what each last said of itself. They belong to the platform.
create table cells (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
  region text not null,
  url text not null,
  ingest_url text not null,
  mqtt_address text not null,
  mqtt_websocket_url text not null,
  -- draining: it serves the tenants it has and takes no new ones.
  state text not null default 'active' check (state in ('active', 'draining')),
  max_databases integer not null check (max_databases > 0),
  max_events_per_second integer not null check (max_events_per_second > 0),
  registered_at timestamptz not null,
  -- The last heartbeat; null until the first.
  heard_at timestamptz,
  version text not null default '',
  events_per_second double precision not null default 0,
  tenants integer not null default 0,
  devices integer not null default 0,
  databases integer not null default 0,
  disk_free_bytes bigint not null default 0,
  disk_bytes bigint not null default 0,
  log_bytes bigint not null default 0,
  max_log_bytes bigint not null default 0,
  lag_seconds double precision not null default 0
);
grant select, insert, update on cells to millwright_app;

-- What operators of the installation did. Append-only: the application may neither change nor delete an entry.
create table platform_audit (
  number bigint generated always as identity primary key,
  occurred_at timestamptz not null,
  actor text not null,
  action text not null,
  object text not null,
  before_json text not null,
  after_json text not null,
  remote_address text not null,
  request_id text not null
);
grant select, insert on platform_audit to millwright_app;
