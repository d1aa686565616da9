-- +goose Up

-- Where devices stand: facilities, the lines in them, the stations of those. A device refers to its place by the names,
-- which the catalog, the members' facilities and the devices' own messages use as well; a place's id outlives its names.
create table places (
  tenant_id text not null references tenants,
  id text not null check (id ~ '^[a-z2-7]{16}$'),
  kind text not null check (kind in ('facility', 'line', 'station')),
  parent_id text not null default '',
  name text not null check (length(name) between 1 and 64),
  -- The name as two names are compared: in lower case.
  folded text not null,
  latitude double precision check (latitude between -90 and 90),
  longitude double precision check (longitude between -180 and 180),
  version bigint not null default 1,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  constraint places_folded_key unique (tenant_id, parent_id, folded),
  check ((kind = 'facility') = (parent_id = '')),
  check ((latitude is null) = (longitude is null))
);

alter table places enable row level security;
alter table places force row level security;
create policy tenant on places using (tenant_id = current_setting('millwright.tenant', true));
grant select, insert, update, delete on places to millwright_app;

-- Places that devices have already. Of names that differ in case only, one becomes a place; the devices keep theirs.
-- +goose StatementBegin
do $$
declare
  tenant text;
begin
  for tenant in select tenant_id from placements loop
    perform set_config('millwright.tenant', tenant, true);
    insert into places (tenant_id, id, kind, name, folded, created_at)
    select tenant, translate(substr(md5(tenant || '/' || facility), 1, 16), '01589', 'ghijk'), 'facility', left(facility, 64), lower(left(facility, 64)), now()
    from devices where tenant_id = tenant and facility <> '' group by facility on conflict do nothing;
    insert into places (tenant_id, id, kind, parent_id, name, folded, created_at)
    select tenant, translate(substr(md5(p.id || '/' || d.line), 1, 16), '01589', 'ghijk'), 'line', p.id, left(d.line, 64), lower(left(d.line, 64)), now()
    from devices d join places p on p.tenant_id = tenant and p.kind = 'facility' and p.name = d.facility
    where d.tenant_id = tenant and d.line <> '' group by p.id, d.line on conflict do nothing;
    insert into places (tenant_id, id, kind, parent_id, name, folded, created_at)
    select tenant, translate(substr(md5(l.id || '/' || d.station), 1, 16), '01589', 'ghijk'), 'station', l.id, left(d.station, 64), lower(left(d.station, 64)), now()
    from devices d join places p on p.tenant_id = tenant and p.kind = 'facility' and p.name = d.facility
      join places l on l.tenant_id = tenant and l.parent_id = p.id and l.name = d.line
    where d.tenant_id = tenant and d.station <> '' group by l.id, d.station on conflict do nothing;
  end loop;
  perform set_config('millwright.tenant', '', true);
end $$;
-- +goose StatementEnd

create index devices_by_line on devices (tenant_id, facility, line, id);
-- Everything that a list of devices is filtered by except labels, so that devices that are left out are not looked at.
create index devices_search on devices (tenant_id, id) include (status, type, facility, line, station, firmware);
