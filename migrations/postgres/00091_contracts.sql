-- +goose Up

-- What holds for one customer instead of the price book, for whole UTC months: ended_at is the first month for which it does not.
create table contracts (
  tenant_id text not null references tenants,
  id text not null check (id ~ '^[a-z2-7]{16}$'),
  started_at timestamptz not null check (date_trunc('month', started_at at time zone 'UTC') = started_at at time zone 'UTC'),
  ended_at timestamptz check (ended_at >= started_at and date_trunc('month', ended_at at time zone 'UTC') = ended_at at time zone 'UTC'),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  -- Discount, fee, minimum and charges, as the program writes them.
  terms jsonb not null,
  created_at timestamptz not null,
  created_by text not null,
  primary key (tenant_id, id)
);

-- Two contracts of a tenant never hold in the same month, whoever writes them at the same time.
-- +goose StatementBegin
create function keep_contracts_apart() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('contracts/' || new.tenant_id, 0));
  if exists (select from contracts c where c.tenant_id = new.tenant_id and c.id <> new.id
      and c.started_at < coalesce(new.ended_at, 'infinity') and new.started_at < coalesce(c.ended_at, 'infinity')
      and c.started_at is distinct from c.ended_at and new.started_at is distinct from new.ended_at) then
    raise exception 'the contract overlaps another of the organisation' using errcode = 'exclusion_violation';
  end if;
  if tg_op = 'UPDATE' and to_jsonb(new) - 'ended_at' is distinct from to_jsonb(old) - 'ended_at' then
    raise exception 'contract % is frozen: only its end may change', old.id using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger apart before insert or update on contracts for each row execute function keep_contracts_apart();

create table coupons (
  code text primary key check (code ~ '^[A-Z0-9]{3,24}$'),
  percent text not null,
  amount_minor bigint not null check (amount_minor >= 0),
  currency text not null check (currency ~ '^([A-Z]{3})?$'),
  months integer not null check (months between 1 and 120),
  created_at timestamptz not null,
  created_by text not null
);
grant select, insert on coupons to millwright_app;

create table coupon_grants (
  tenant_id text not null references tenants,
  code text not null references coupons,
  first_month timestamptz not null,
  granted_at timestamptz not null,
  granted_by text not null,
  primary key (tenant_id, code)
);

-- Credits and credit notes belong to the books: they stay when a tenant is removed.
create table billing_credits (
  tenant_id text not null,
  id text not null check (id ~ '^[a-z2-7]{16}$'),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  amount_minor bigint not null check (amount_minor > 0),
  granted_at timestamptz not null,
  expires_at timestamptz not null,
  reason text not null check (length(reason) between 1 and 400),
  granted_by text not null,
  primary key (tenant_id, id)
);
create table billing_credit_uses (
  tenant_id text not null,
  credit_id text not null,
  invoice_id text not null references invoices,
  amount_minor bigint not null check (amount_minor > 0),
  primary key (tenant_id, credit_id, invoice_id),
  foreign key (tenant_id, credit_id) references billing_credits
);
create table credit_notes (
  tenant_id text not null,
  number text primary key check (length(number) <= 40),
  invoice_id text not null references invoices,
  amount_minor bigint not null check (amount_minor > 0),
  reason text not null check (length(reason) between 1 and 400),
  issued_at timestamptz not null,
  issued_by text not null
);
create index credit_notes_by_invoice on credit_notes (invoice_id);

-- +goose StatementBegin
do $$
declare
  t text;
begin
  foreach t in array array['contracts', 'coupon_grants', 'billing_credits', 'billing_credit_uses', 'credit_notes'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (tenant_id = current_setting(''millwright.tenant'', true))', t);
    execute format('create policy platform on %I for select using (current_setting(''millwright.platform'', true) = ''on'')', t);
    execute format('grant select, insert on %I to millwright_app', t);
  end loop;
  foreach t in array array['billing_credits', 'billing_credit_uses', 'credit_notes'] loop
    execute format('create trigger frozen before update or delete on %I for each row execute function refuse_change()', t);
    execute format('create trigger no_truncate before truncate on %I execute function refuse_change()', t);
  end loop;
end $$;
-- +goose StatementEnd
grant update (ended_at) on contracts to millwright_app;
