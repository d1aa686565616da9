-- +goose Up

-- Operators of the installation see what every tenant is called, where it lives and how it stands, and nothing in it.
create policy platform on tenants for select using (current_setting('millwright.platform', true) = 'on');

-- Feature flags and announcements belong to the platform.
create table flags (
  name text primary key check (name ~ '^[a-z][a-z0-9_]{1,39}$'),
  description text not null,
  percent integer not null check (percent between 0 and 100),
  tenant_ids text[] not null default '{}',
  updated_at timestamptz not null,
  updated_by text not null
);
grant select, insert, update, delete on flags to millwright_app;

create table announcements (
  id text primary key,
  text text not null check (length(text) between 1 and 500),
  severity text not null check (severity in ('info', 'warning')),
  created_at timestamptz not null,
  created_by text not null,
  ends_at timestamptz
);
grant select, insert, delete on announcements to millwright_app;
