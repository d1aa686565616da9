-- +goose Up

-- Seven roles; members may be confined to facilities.
alter table members drop constraint members_role_check;
alter table members add constraint members_role_check
  check (role in ('owner', 'admin', 'operator', 'maintenance', 'quality', 'finance', 'viewer'));
alter table members add column facilities text[] not null default '{}';
alter table keys drop constraint keys_role_check;
alter table keys add constraint keys_role_check
  check (role in ('owner', 'admin', 'operator', 'maintenance', 'quality', 'finance', 'viewer'));
grant update on members to millwright_app;

-- Who is asked to become a member. The link's token is made when the e-mail is sent, and only its hash is kept; nobody
-- can accept before that, or again.
create table invitations (
  id text primary key,
  tenant_id text not null references tenants,
  email text not null,
  role text not null check (role in ('owner', 'admin', 'operator', 'maintenance', 'quality', 'finance', 'viewer')),
  facilities text[] not null default '{}',
  invited_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  token_hash bytea check (length(token_hash) = 32),
  sent_at timestamptz,
  failure text not null default '',
  unique (tenant_id, email)
);
alter table invitations enable row level security;
alter table invitations force row level security;
create policy tenant on invitations using (tenant_id = current_setting('millwright.tenant', true));
-- The one invitation whose token was presented.
create policy presented on invitations for select using (id = nullif(current_setting('millwright.invitation', true), ''));
grant select, insert, update, delete on invitations to millwright_app;

-- E-mails that are to be sent. A row names the object; what is sent is the object as it is at that moment, so that no
-- secret waits here.
create table mail_outbox (
  seq bigint generated always as identity primary key,
  tenant_id text not null references tenants,
  kind text not null check (kind in ('invitation')),
  object_id text not null,
  attempts integer not null default 0,
  due_at timestamptz not null
);
create index mail_outbox_by_due on mail_outbox (due_at);
grant select, insert, update, delete on mail_outbox to millwright_app;

-- What a process remembers of callers is dropped everywhere when it changes: `person ID` or `key ID`.
-- +goose StatementBegin
create function announce_caller() returns trigger language plpgsql as $$
declare
  changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
  perform pg_notify('millwright_caller', tg_argv[0] || ' ' || (changed ->> tg_argv[1]));
  return null;
end $$;
-- +goose StatementEnd
create trigger announce after insert or update or delete on members for each row execute function announce_caller('person', 'person_id');
create trigger announce after insert or update or delete on session_tenants for each row execute function announce_caller('person', 'person_id');
create trigger announce after insert or update or delete on keys for each row execute function announce_caller('key', 'id');
