-- +goose Up

-- What a cell found when it counted a partition's hour again from what is stored. A newer note replaces an older one.
create table usage_notes (
  tenant_id text not null references tenants,
  hour timestamptz not null,
  cell text not null,
  partition integer not null check (partition >= 0),
  meter text not null check (meter ~ '^[a-z_]{1,40}$'),
  version bigint not null check (version >= 0),
  counted bigint not null check (counted >= 0),
  stored bigint not null check (stored >= 0),
  noted_at timestamptz not null,
  primary key (tenant_id, hour, cell, partition, meter)
);

-- Where what is stored, what was counted and what is billed are not the same: open until a later look finds them equal.
create table usage_mismatches (
  tenant_id text not null references tenants,
  hour timestamptz not null,
  cell text not null,
  partition integer not null,
  meter text not null,
  kind text not null check (kind in ('rows', 'ledger', 'unnoted', 'sum')),
  ledger bigint not null,
  counted bigint not null,
  stored bigint not null,
  found_at timestamptz not null,
  resolved_at timestamptz,
  primary key (tenant_id, hour, cell, partition, meter, kind)
);
create index usage_mismatches_open on usage_mismatches (found_at) where resolved_at is null;

alter table usage_notes enable row level security;
alter table usage_notes force row level security;
alter table usage_mismatches enable row level security;
alter table usage_mismatches force row level security;
create policy tenant on usage_notes using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on usage_mismatches using (tenant_id = current_setting('millwright.tenant', true));
create policy platform on usage_mismatches for select using (current_setting('millwright.platform', true) = 'on');

grant select, insert, update on usage_notes to millwright_app;
grant select, insert, update on usage_mismatches to millwright_app;
