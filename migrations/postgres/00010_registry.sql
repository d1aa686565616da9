-- +goose Up

-- A type says what devices of one kind measure. It is made with the first device that names it.
create table device_types (
  tenant_id text not null references tenants,
  id text not null check (id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'),
  description text not null default '',
  unknown text not null default 'accept' check (unknown in ('accept', 'drop', 'dead_letter')),
  measurements jsonb not null default '[]',
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);

-- +goose StatementBegin
do $$
declare
  tenant text;
begin
  for tenant in select tenant_id from placements loop
    perform set_config('millwright.tenant', tenant, true);
    insert into device_types (tenant_id, id, created_at, updated_at)
    select tenant_id, type, min(created_at), min(created_at) from devices where tenant_id = tenant group by tenant_id, type;
  end loop;
  perform set_config('millwright.tenant', '', true);
end $$;
-- +goose StatementEnd

alter table devices
  add column labels jsonb not null default '{}',
  add column metadata jsonb not null default '{}',
  add column firmware text not null default '',
  add column version bigint not null default 1,
  add column updated_at timestamptz,
  add column retired_at timestamptz,
  add constraint devices_type_fkey foreign key (tenant_id, type) references device_types deferrable initially deferred;
alter table devices drop constraint devices_status_check;
alter table devices add constraint devices_status_check check (status in ('active', 'suspended', 'retired'));

-- Row-level security keeps Postgres from using an index for operators that might tell of rows they refuse, such as those
-- of jsonb; it uses one for the equality of text. So each label is a row as well, kept by a trigger, and read in the
-- order of devices.
create table device_labels (
  tenant_id text not null,
  key text not null,
  value text not null,
  device_id text not null,
  primary key (tenant_id, key, value, device_id),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
create index device_labels_by_device on device_labels (tenant_id, device_id);

-- +goose StatementBegin
create function index_labels() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    delete from device_labels where tenant_id = new.tenant_id and device_id = new.id;
  end if;
  insert into device_labels (tenant_id, key, value, device_id)
  select new.tenant_id, l.key, l.value, new.id from jsonb_each_text(new.labels) l;
  return null;
end $$;
-- +goose StatementEnd
create trigger index_labels_of_new after insert on devices for each row when (new.labels <> '{}') execute function index_labels();
create trigger index_labels after update of labels on devices for each row when (new.labels <> old.labels) execute function index_labels();

create index devices_by_type on devices (tenant_id, type, id);
create index devices_by_location on devices (tenant_id, facility, line, station, id);
create index devices_out_of_use on devices (tenant_id, status, id) where status <> 'active';
create index devices_by_firmware on devices (tenant_id, firmware, id) where firmware <> '';

alter table device_types enable row level security;
alter table device_types force row level security;
alter table device_labels enable row level security;
alter table device_labels force row level security;
create policy tenant on device_types using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on device_labels using (tenant_id = current_setting('millwright.tenant', true));
grant select, insert, update, delete on device_types to millwright_app;
grant select, insert, delete on device_labels to millwright_app;

alter table outbox drop constraint outbox_kind_check;
alter table outbox add constraint outbox_kind_check check (kind ~ '^[a-z_]{1,30}$'); -- the code knows the kinds
