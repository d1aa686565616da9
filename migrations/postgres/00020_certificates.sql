-- +goose Up

-- How a certificate came to be, which CA of the tenant's own issued it ('' is the one that the platform keeps for the
-- tenant), and how far its owners were warned of its end.
alter table certificates add column origin text not null default 'api' check (origin in ('api', 'claim', 'renewal', 'own_authority'));
alter table certificates add column authority_id text not null default '';
alter table certificates add column warned smallint not null default 0;
create index certificates_by_end on certificates (tenant_id, not_after, serial);

-- Devices that may be made when they first enrol.
create table provisioning_templates (
  tenant_id text not null references tenants,
  id text not null,
  name text not null check (length(name) between 1 and 80),
  device_type text not null,
  facility text not null default '',
  line text not null default '',
  station text not null default '',
  labels jsonb not null default '{}',
  id_pattern text not null,
  max_devices integer not null check (max_devices > 0),
  devices integer not null default 0 check (devices >= 0),
  created_by text not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, name)
);

-- Secrets with which devices enrol; only their hash is kept.
create table claim_tokens (
  id text primary key,
  tenant_id text not null references tenants,
  prefix text not null,
  hash bytea not null check (length(hash) = 32),
  template_id text,
  device_id text,
  max_uses integer not null check (max_uses > 0),
  uses integer not null default 0 check (uses between 0 and max_uses),
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  check ((template_id is null) <> (device_id is null)),
  foreign key (tenant_id, template_id) references provisioning_templates on delete cascade,
  foreign key (tenant_id, device_id) references devices on delete cascade
);
create index claim_tokens_by_tenant on claim_tokens (tenant_id, created_at desc, id);

-- CAs of tenants' own. One is active in one tenant at most: its key says whose device a certificate is.
create table tenant_authorities (
  tenant_id text not null references tenants,
  id text not null,
  name text not null check (length(name) between 1 and 80),
  status text not null check (status in ('pending', 'active', 'revoked')),
  certificate bytea not null,
  key_hash bytea not null check (length(key_hash) = 32),
  identity text not null check (identity in ('common_name', 'uri')),
  template_id text,
  verification_code text not null,
  created_by text not null,
  created_at timestamptz not null,
  verified_at timestamptz,
  revoked_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, template_id) references provisioning_templates
);
create unique index tenant_authorities_active on tenant_authorities (key_hash) where status = 'active';

alter table provisioning_templates enable row level security;
alter table provisioning_templates force row level security;
alter table claim_tokens enable row level security;
alter table claim_tokens force row level security;
alter table tenant_authorities enable row level security;
alter table tenant_authorities force row level security;
create policy tenant on provisioning_templates using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on claim_tokens using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on tenant_authorities using (tenant_id = current_setting('millwright.tenant', true));
-- The one token that was presented.
create policy presented on claim_tokens for select using (id = nullif(current_setting('millwright.claim', true), ''));

grant select, insert, update, delete on provisioning_templates to millwright_app;
grant select, insert, update, delete on claim_tokens to millwright_app;
grant select, insert, update on tenant_authorities to millwright_app;
