-- +goose Up

-- Sets of devices, with what their devices are held to. A group with a query has the devices that the query finds; who
-- they are is worked out with every change and kept.
create table groups (
  tenant_id text not null references tenants,
  id text not null check (id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'),
  name text not null,
  query text not null default '',
  policy jsonb not null default '{}',
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);

create table group_members (
  tenant_id text not null,
  group_id text not null,
  device_id text not null,
  primary key (tenant_id, group_id, device_id),
  foreign key (tenant_id, group_id) references groups on delete cascade,
  foreign key (tenant_id, device_id) references devices on delete cascade
);
create index group_members_by_device on group_members (tenant_id, device_id, group_id);

-- For whom a device speaks: devices and groups.
create table gateway_devices (
  tenant_id text not null,
  gateway_id text not null,
  device_id text not null,
  primary key (tenant_id, gateway_id, device_id),
  foreign key (tenant_id, gateway_id) references devices on delete cascade,
  foreign key (tenant_id, device_id) references devices on delete cascade
);
create index gateway_devices_by_device on gateway_devices (tenant_id, device_id, gateway_id);

create table gateway_groups (
  tenant_id text not null,
  gateway_id text not null,
  group_id text not null,
  primary key (tenant_id, gateway_id, group_id),
  foreign key (tenant_id, gateway_id) references devices on delete cascade,
  constraint gateway_groups_group_fkey foreign key (tenant_id, group_id) references groups
);
create index gateway_groups_by_group on gateway_groups (tenant_id, group_id, gateway_id);

alter table groups enable row level security;
alter table groups force row level security;
alter table group_members enable row level security;
alter table group_members force row level security;
alter table gateway_devices enable row level security;
alter table gateway_devices force row level security;
alter table gateway_groups enable row level security;
alter table gateway_groups force row level security;
create policy tenant on groups using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on group_members using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on gateway_devices using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on gateway_groups using (tenant_id = current_setting('millwright.tenant', true));
grant select, insert, update, delete on groups to millwright_app;
grant select, insert, delete on group_members to millwright_app;
grant select, insert, delete on gateway_devices to millwright_app;
grant select, insert, delete on gateway_groups to millwright_app;
