-- +goose Up

-- Every change and every refused attempt. Append-only: the application may neither change nor delete an entry.
create table audit_entries (
  tenant_id text not null references tenants,
  id bigint generated always as identity,
  occurred_at timestamptz not null,
  actor text not null,
  action text not null,
  object text not null,
  outcome text not null,
  after_json text not null,
  remote_address text not null,
  request_id text not null,
  primary key (tenant_id, id)
);

-- Absolute totals: a row is replaced by a later version of itself, never added to.
create table usage_totals (
  tenant_id text not null references tenants,
  hour timestamptz not null,
  cell text not null,
  partition integer not null check (partition >= 0),
  meter text not null check (meter in ('events', 'points', 'duplicates', 'dead_letters', 'bytes')),
  value bigint not null check (value >= 0),
  version bigint not null check (version >= 0),
  primary key (tenant_id, hour, cell, partition, meter)
);

alter table audit_entries enable row level security;
alter table audit_entries force row level security;
alter table usage_totals enable row level security;
alter table usage_totals force row level security;
create policy tenant on audit_entries using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on usage_totals using (tenant_id = current_setting('millwright.tenant', true));

grant select, insert on audit_entries to millwright_app;
grant select, insert, update on usage_totals to millwright_app;
