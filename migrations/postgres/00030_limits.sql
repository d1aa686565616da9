-- +goose Up

-- An override may end, and says who set it and why. Operators of the installation set it: such a transaction names the
-- operator in millwright.operator, besides the tenant.
alter table limit_overrides drop constraint limit_overrides_name_check;
alter table limit_overrides add constraint limit_overrides_name_check check (name in ('devices', 'groups', 'rules', 'members', 'keys',
  'points_retained', 'events_per_second', 'events_burst', 'events_per_day', 'device_events_per_second', 'device_events_burst',
  'payload_bytes', 'measurements_per_device', 'connections', 'requests_per_second', 'live_sessions', 'query_concurrency'));
alter table limit_overrides add column expires_at timestamptz;
alter table limit_overrides add column reason text not null default '' check (length(reason) <= 400);
alter table limit_overrides add column set_by text not null default '';
alter table limit_overrides add column set_at timestamptz not null default now();

drop policy tenant on limit_overrides;
create policy tenant on limit_overrides for select using (tenant_id = current_setting('millwright.tenant', true));
create policy operator on limit_overrides
  using (tenant_id = current_setting('millwright.tenant', true) and nullif(current_setting('millwright.operator', true), '') is not null);
-- What is past its end shows to whoever takes it away, of all tenants.
create policy ended on limit_overrides for select
  using (expires_at <= now() and nullif(current_setting('millwright.operator', true), '') is not null);
grant insert, update, delete on limit_overrides to millwright_app;
create index limit_overrides_by_end on limit_overrides (expires_at) where expires_at is not null;

-- How much of a limit was used, and how often it refused, minute by minute and by the process that counted it. Absolute
-- totals: a row is replaced by a later one of itself, never added to.
create table limit_uses (
  tenant_id text not null references tenants,
  name text not null,
  scope text not null check (length(scope) <= 100),
  minute timestamptz not null,
  source text not null check (length(source) <= 80),
  used bigint not null check (used >= 0),
  maximum bigint not null check (maximum >= 0),
  refused bigint not null check (refused >= 0),
  primary key (tenant_id, name, minute, scope, source)
);
create index limit_uses_refused on limit_uses (tenant_id, minute) where refused > 0;
create index limit_uses_by_minute on limit_uses (minute);

-- What a tenant's owners and admins were told: once a limit, share and day.
create table limit_notices (
  tenant_id text not null references tenants,
  name text not null,
  day date not null,
  percent integer not null check (percent in (80, 100)),
  used bigint not null,
  maximum bigint not null,
  created_at timestamptz not null,
  primary key (tenant_id, name, day, percent)
);

alter table limit_uses enable row level security;
alter table limit_uses force row level security;
alter table limit_notices enable row level security;
alter table limit_notices force row level security;
create policy tenant on limit_uses using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on limit_notices using (tenant_id = current_setting('millwright.tenant', true));
-- What is older than anybody may ask for goes, of all tenants.
create policy aged on limit_uses for select
  using (minute < now() - interval '8 days' and nullif(current_setting('millwright.operator', true), '') is not null);
create policy aged_away on limit_uses for delete
  using (minute < now() - interval '8 days' and nullif(current_setting('millwright.operator', true), '') is not null);
grant select, insert, update, delete on limit_uses to millwright_app;
grant select, insert on limit_notices to millwright_app;

alter table mail_outbox drop constraint mail_outbox_kind_check;
alter table mail_outbox add constraint mail_outbox_kind_check check (kind in ('invitation', 'limit_notice'));
