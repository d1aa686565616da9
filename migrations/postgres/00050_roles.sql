-- +goose Up

-- What is in the outbox is checked by its reader, who knows every kind.
alter table outbox drop constraint if exists outbox_kind_check;
alter table outbox add constraint outbox_kind_form check (kind ~ '^[a-z_]{1,40}$');

-- Roles that tenants make for themselves. Wherever a role goes, `custom/NAME` is one of the tenant's own.
create table roles (
  tenant_id text not null references tenants,
  id text not null check (id ~ '^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$'),
  title text not null,
  actions text[] not null check (cardinality(actions) between 1 and 100),
  revision bigint not null default 1,
  changed_by text not null,
  changed_at timestamptz not null,
  primary key (tenant_id, id)
);
alter table roles enable row level security;
alter table roles force row level security;
create policy tenant on roles using (tenant_id = current_setting('millwright.tenant', true));
grant select, insert, update, delete on roles to millwright_app;

create function is_role(name text) returns boolean language sql immutable parallel safe as $$
  select name in ('owner', 'admin', 'operator', 'maintenance', 'quality', 'finance', 'viewer')
    or name ~ '^custom/[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$'
$$;

-- A role that somebody has exists: the column beside it is a reference.
alter table members drop constraint members_role_check;
alter table members add constraint members_role_check check (is_role(role));
alter table members add column custom_role text generated always as (case when role like 'custom/%' then substr(role, 8) end) stored;
alter table members add constraint members_custom_role foreign key (tenant_id, custom_role) references roles (tenant_id, id);
create index members_by_custom_role on members (tenant_id, custom_role) where custom_role is not null;
alter table invitations drop constraint invitations_role_check;
alter table invitations add constraint invitations_role_check check (is_role(role));
alter table invitations add column custom_role text generated always as (case when role like 'custom/%' then substr(role, 8) end) stored;
alter table invitations add constraint invitations_custom_role foreign key (tenant_id, custom_role) references roles (tenant_id, id);

-- Cells read from their catalog what members may do, and what the tenant's own roles mean.
-- +goose StatementBegin
create function announce_entry() returns trigger language plpgsql as $$
declare
  changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
  insert into outbox (cell, tenant_id, kind, object_id)
  select p.cell, p.tenant_id, tg_argv[0], changed ->> tg_argv[1] from placements p where p.tenant_id = changed ->> 'tenant_id';
  return null;
end $$;
-- +goose StatementEnd
create trigger announce_entry after insert or update or delete on members for each row execute function announce_entry('member', 'person_id');
create trigger announce_entry after insert or update or delete on roles for each row execute function announce_entry('role', 'id');
create trigger announce after insert or update or delete on roles for each row execute function announce_caller('role', 'tenant_id');
