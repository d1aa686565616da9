-- +goose Up

-- The audit log becomes a chain: each entry has a number without gaps and a hash over itself and the entry before. The
-- database makes both; the application can neither choose nor change them. The form of the hash is written down at
-- millwright.audit.v1.Entry.

alter table audit_entries add column before_json text not null default '';
alter table audit_entries add column hash bytea;

-- The last number and hash of each tenant's chain. The application may only read it.
create table audit_heads (
  tenant_id text primary key references tenants,
  number bigint not null,
  hash bytea not null
);
alter table audit_heads enable row level security;
alter table audit_heads force row level security;
create policy tenant on audit_heads using (tenant_id = current_setting('millwright.tenant', true));
grant select on audit_heads to millwright_app;

-- +goose StatementBegin
create function audit_hash(previous bytea, e audit_entries) returns bytea language plpgsql stable as $$
declare
  field text;
  text_of bytea;
  all_of bytea := previous;
begin
  foreach field in array array[e.tenant_id, e.id::text,
    to_char(e.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    e.actor, e.action, e.object, e.outcome, e.before_json, e.after_json, e.remote_address, e.request_id]
  loop
    text_of := convert_to(field, 'UTF8');
    all_of := all_of || int4send(length(text_of)) || text_of;
  end loop;
  return sha256(all_of);
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function audit_chain() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  head audit_heads;
begin
  insert into audit_heads values (new.tenant_id, 0, decode(repeat('00', 32), 'hex')) on conflict do nothing;
  select * into head from audit_heads where tenant_id = new.tenant_id for update;
  new.id := head.number + 1;
  new.hash := audit_hash(head.hash, new);
  update audit_heads set number = new.id, hash = new.hash where tenant_id = new.tenant_id;
  return new;
end $$;
-- +goose StatementEnd

-- What is there already is numbered and chained in its order.
alter table audit_entries alter column id drop identity;
-- +goose StatementBegin
do $$
declare
  tenant text;
  e audit_entries;
  n bigint;
  last bytea;
begin
  for tenant in select tenant_id from placements loop
    perform set_config('millwright.tenant', tenant, true);
    n := 0;
    last := decode(repeat('00', 32), 'hex');
    for e in select * from audit_entries where tenant_id = tenant order by id loop
      n := n + 1;
      update audit_entries set id = n where tenant_id = tenant and id = e.id;
      e.id := n;
      last := audit_hash(last, e);
      update audit_entries set hash = last where tenant_id = tenant and id = n;
    end loop;
    if n > 0 then
      insert into audit_heads values (tenant, n, last);
    end if;
  end loop;
  perform set_config('millwright.tenant', '', true);
end $$;
-- +goose StatementEnd
alter table audit_entries alter column hash set not null;
create trigger chain before insert on audit_entries for each row execute function audit_chain();
create index audit_entries_by_time on audit_entries (tenant_id, occurred_at);
