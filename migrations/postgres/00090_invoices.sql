-- +goose Up

-- Which plan a tenant had since when. Bills are cut by it: each row holds from its hour until the next one's.
create table plan_changes (
  tenant_id text not null references tenants,
  effective_at timestamptz not null check (date_trunc('hour', effective_at at time zone 'UTC') = effective_at at time zone 'UTC'),
  plan text not null check (length(plan) between 1 and 40),
  requested_at timestamptz not null,
  requested_by text not null,
  -- Not applied: it waits for the end of the month, and the tenant still has the plan before.
  applied boolean not null default true,
  primary key (tenant_id, effective_at)
);
create unique index plan_changes_pending on plan_changes (tenant_id) where not applied;
alter table plan_changes enable row level security;
alter table plan_changes force row level security;
create policy tenant on plan_changes using (tenant_id = current_setting('millwright.tenant', true));
-- Those that wait show to whoever applies them, of all tenants.
create policy pending on plan_changes for select
  using (not applied and nullif(current_setting('millwright.operator', true), '') is not null);
grant select, insert, update, delete on plan_changes to millwright_app;

-- The next month to be closed for each tenant. Only names: no row-level security.
create table billing_work (
  tenant_id text primary key references tenants,
  period_start timestamptz not null check (date_trunc('month', period_start at time zone 'UTC') = period_start at time zone 'UTC')
);
create index billing_work_by_period on billing_work (period_start, tenant_id);
grant select, insert, update on billing_work to millwright_app;

-- A tenant has a plan, and months to be closed, from its founding on.
-- +goose StatementBegin
create function begin_billing() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  insert into plan_changes (tenant_id, effective_at, plan, requested_at, requested_by)
  values (new.id, date_trunc('hour', new.created_at at time zone 'UTC') at time zone 'UTC', new.plan, new.created_at, '');
  insert into billing_work (tenant_id, period_start)
  values (new.id, date_trunc('month', new.created_at at time zone 'UTC') at time zone 'UTC');
  return null;
end $$;
-- +goose StatementEnd
create trigger begin_billing after insert on tenants for each row execute function begin_billing();

-- Tenants that are there already had their plan from the beginning; months before this one are not billed.
-- +goose StatementBegin
do $$
declare
  tenant text;
begin
  for tenant in select tenant_id from placements loop
    perform set_config('millwright.tenant', tenant, true);
    insert into plan_changes (tenant_id, effective_at, plan, requested_at, requested_by)
    select id, date_trunc('hour', created_at at time zone 'UTC') at time zone 'UTC', plan, created_at, '' from tenants where id = tenant;
    insert into billing_work (tenant_id, period_start)
    values (tenant, date_trunc('month', now() at time zone 'UTC') at time zone 'UTC');
  end loop;
  perform set_config('millwright.tenant', '', true);
end $$;
-- +goose StatementEnd

-- The last number of each series and year. A number is taken in the transaction that uses it, so that none is left out.
create table billing_numbers (
  series text not null check (series in ('invoice', 'credit_note')),
  year integer not null,
  last bigint not null,
  primary key (series, year)
);
grant select, insert, update on billing_numbers to millwright_app;

-- The books are kept when a tenant is removed: their tables do not refer to it.
create table invoices (
  id text primary key check (id ~ '^[a-z2-7]{16}$'),
  tenant_id text not null check (tenant_id ~ '^[a-z2-7]{16}$'),
  number text not null unique check (length(number) <= 40),
  period_start timestamptz not null,
  period_end timestamptz not null check (period_end > period_start),
  -- The tenant has ended with it.
  final boolean not null,
  tenant_name text not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  price_book text not null,
  issued_at timestamptz not null,
  due_at timestamptz not null,
  subtotal_minor bigint not null check (subtotal_minor >= 0),
  tax_minor bigint not null check (tax_minor >= 0),
  total_minor bigint not null check (total_minor >= 0),
  carried_minor bigint not null check (carried_minor <= 0),
  -- All that the bill follows from, but usage.
  terms jsonb not null,
  sha256 bytea not null check (length(sha256) = 32),
  status text not null check (status in ('open', 'paid', 'past_due', 'uncollectible', 'void')),
  status_at timestamptz not null,
  payment_reference text not null default '' check (length(payment_reference) <= 200),
  unique (tenant_id, period_start)
);
create index invoices_by_status on invoices (status, due_at);
create index invoices_by_issue on invoices (issued_at, id);

create table invoice_lines (
  tenant_id text not null,
  invoice_id text not null references invoices,
  position integer not null check (position > 0),
  kind text not null,
  period_start timestamptz,
  period_end timestamptz,
  plan text not null,
  meter text not null,
  quantity numeric(20) not null check (quantity >= 0),
  included numeric(20) not null check (included >= 0),
  parts jsonb not null,
  reference text not null,
  reason text not null,
  trial boolean not null,
  amount_minor bigint not null,
  -- The usage that a line was made of.
  snapshot_sha256 bytea check (length(snapshot_sha256) = 32),
  primary key (invoice_id, position)
);

-- The usage that lines were made of, in the canonical text that its name is the hash of.
create table usage_snapshots (
  tenant_id text not null,
  sha256 bytea not null check (sha256 = sha256(canonical)),
  canonical bytea not null,
  primary key (tenant_id, sha256)
);

-- Corrections of earlier bills: each is on the first bill in its currency that is closed after it was made.
create table billing_adjustments (
  tenant_id text not null,
  id text not null check (length(id) between 1 and 80),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  amount_minor bigint not null,
  reason text not null check (length(reason) <= 400),
  -- What was rated anew, if that made it.
  of_invoice text references invoices,
  created_at timestamptz not null,
  -- The invoice that it is on; null until then.
  invoice_id text references invoices,
  primary key (tenant_id, id)
);
create index billing_adjustments_open on billing_adjustments (tenant_id) where invoice_id is null;

-- +goose StatementBegin
do $$
declare
  t text;
begin
  foreach t in array array['invoices', 'invoice_lines', 'usage_snapshots', 'billing_adjustments'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (tenant_id = current_setting(''millwright.tenant'', true))', t);
    execute format('create policy platform on %I for select using (current_setting(''millwright.platform'', true) = ''on'')', t);
    execute format('grant select, insert on %I to millwright_app', t);
  end loop;
end $$;
-- +goose StatementEnd
grant update (status, status_at, payment_reference) on invoices to millwright_app;
grant update (invoice_id) on billing_adjustments to millwright_app;

-- Not even the owner of the tables changes what was frozen.
-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % are frozen', lower(tg_op), tg_table_name using errcode = 'integrity_constraint_violation';
end $$;
-- +goose StatementEnd
create trigger frozen before update or delete on invoice_lines for each row execute function refuse_change();
create trigger frozen before update or delete on usage_snapshots for each row execute function refuse_change();
create trigger no_delete before delete on invoices for each row execute function refuse_change();
create trigger no_delete before delete on billing_adjustments for each row execute function refuse_change();
create trigger no_truncate before truncate on invoices execute function refuse_change();
create trigger no_truncate before truncate on invoice_lines execute function refuse_change();
create trigger no_truncate before truncate on usage_snapshots execute function refuse_change();
create trigger no_truncate before truncate on billing_adjustments execute function refuse_change();

-- +goose StatementBegin
create function keep_invoice() returns trigger language plpgsql as $$
begin
  if to_jsonb(new) - '{status,status_at,payment_reference}'::text[] is distinct from to_jsonb(old) - '{status,status_at,payment_reference}'::text[] then
    raise exception 'invoice % is frozen: only how it stands may change', old.number using errcode = 'integrity_constraint_violation';
  end if;
  if new.status <> old.status and not (
    (old.status = 'open' and new.status in ('paid', 'past_due', 'uncollectible', 'void'))
    or (old.status = 'past_due' and new.status in ('paid', 'uncollectible', 'void'))
    or (old.status = 'uncollectible' and new.status in ('paid', 'void'))
    or (old.status = 'paid' and new.status = 'past_due')) then
    raise exception 'invoice % is %, it cannot become %', old.number, old.status, new.status using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger frozen before update on invoices for each row execute function keep_invoice();

-- +goose StatementBegin
create function keep_adjustment() returns trigger language plpgsql as $$
begin
  if to_jsonb(new) - 'invoice_id' is distinct from to_jsonb(old) - 'invoice_id' or old.invoice_id is not null then
    raise exception 'adjustment % is frozen', old.id using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger frozen before update on billing_adjustments for each row execute function keep_adjustment();

-- The books are nothing that goes with a tenant.
-- +goose StatementBegin
create or replace function tenant_tables() returns setof regclass language sql stable set search_path = pg_catalog, public as $$
  select c.oid::regclass from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and a.attname = 'tenant_id' and not a.attisdropped
    and c.relname not in ('removed_work', 'invoices', 'invoice_lines', 'usage_snapshots', 'billing_adjustments')
  order by c.relname
$$;
-- +goose StatementEnd
