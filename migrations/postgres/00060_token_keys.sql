-- +goose Up

-- The keys that sign cell tokens, in the order in which they sign. They belong to the platform. Private halves are sealed
-- with the key-encryption key; the application may store a new one, and change no stored one.
create table token_keys (
  id text primary key,
  public_key bytea not null check (length(public_key) = 32),
  sealed_key bytea not null,
  published_at timestamptz not null,
  signs_from timestamptz not null,
  -- It leaked: nothing that it signed counts any more.
  retired_at timestamptz
);
grant select, insert, delete on token_keys to millwright_app;
grant update (signs_from, retired_at) on token_keys to millwright_app;

-- The one key that there was so far goes on until the next one has been published long enough.
insert into token_keys (id, public_key, sealed_key, published_at, signs_from)
select id, public_key, sealed_key, created_at, created_at from platform_keys where purpose = 'cell_token';
delete from platform_keys where purpose = 'cell_token';

-- A public key is every cell's, and no tenant's.
alter table outbox alter column tenant_id drop not null;
