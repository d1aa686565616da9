-- +goose Up

-- The platform's audit log becomes a chain as the tenants' are: the database numbers and hashes each entry, the application
-- can neither choose nor change either. The form of the hash is written down at millwright.audit.v1.Entry; the word platform
-- stands in place of the tenant id. It notes refused attempts as well.

alter table platform_audit add column outcome text not null default 'ok';
alter table platform_audit alter column outcome drop default;
alter table platform_audit add column hash bytea;

-- The last number and hash. The application may only read it.
create table platform_audit_head (
  one boolean primary key default true check (one),
  number bigint not null,
  hash bytea not null
);
grant select on platform_audit_head to millwright_app;

-- +goose StatementBegin
create function platform_audit_hash(previous bytea, e platform_audit) returns bytea language plpgsql stable as $$
declare
  field text;
  text_of bytea;
  all_of bytea := previous;
begin
  foreach field in array array['platform', e.number::text,
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
create function platform_audit_chain() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  head platform_audit_head;
begin
  select * into head from platform_audit_head for update;
  new.number := head.number + 1;
  new.hash := platform_audit_hash(head.hash, new);
  update platform_audit_head set number = new.number, hash = new.hash;
  return new;
end $$;
-- +goose StatementEnd

-- What is there already is numbered and chained in its order.
alter table platform_audit alter column number drop identity;
-- +goose StatementBegin
do $$
declare
  e platform_audit;
  n bigint := 0;
  last bytea := decode(repeat('00', 32), 'hex');
begin
  for e in select * from platform_audit order by number loop
    n := n + 1;
    update platform_audit set number = n where number = e.number;
    e.number := n;
    last := platform_audit_hash(last, e);
    update platform_audit set hash = last where number = n;
  end loop;
  insert into platform_audit_head (number, hash) values (n, last);
end $$;
-- +goose StatementEnd
alter table platform_audit alter column hash set not null;
create trigger chain before insert on platform_audit for each row execute function platform_audit_chain();
create index platform_audit_by_time on platform_audit (occurred_at);
