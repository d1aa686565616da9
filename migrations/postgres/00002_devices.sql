-- +goose Up

create table devices (
  tenant_id text not null references tenants,
  id text not null check (id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'),
  type text not null,
  status text not null check (status in ('active', 'suspended')),
  facility text not null default '',
  line text not null default '',
  station text not null default '',
  created_at timestamptz not null,
  primary key (tenant_id, id)
);

create table certificates (
  tenant_id text not null,
  device_id text not null,
  serial text not null check (serial ~ '^[0-9a-f]{1,64}$'),
  not_before timestamptz not null,
  not_after timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, serial),
  foreign key (tenant_id, device_id) references devices
);
create index certificates_by_device on certificates (tenant_id, device_id, not_before);

alter table devices enable row level security;
alter table devices force row level security;
alter table certificates enable row level security;
alter table certificates force row level security;
create policy tenant on devices using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on certificates using (tenant_id = current_setting('millwright.tenant', true));

grant select, insert, update on devices to millwright_app;
grant select, insert, update on certificates to millwright_app;
