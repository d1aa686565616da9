-- +goose Up

-- What a tenant means to spend in a UTC month, before tax and prepaid credits, and what happens when it is spent.
create table budgets (
  tenant_id text primary key references tenants,
  amount_minor bigint not null check (amount_minor > 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  actual_percents integer[] not null check (cardinality(actual_percents) <= 10),
  forecast_percents integer[] not null check (cardinality(forecast_percents) <= 10),
  when_spent text not null check (when_spent in ('notify', 'throttle', 'block')),
  when_credits_spent text not null check (when_credits_spent in ('overage', 'notify', 'throttle', 'block')),
  throttle_events_per_second integer not null check (throttle_events_per_second >= 0),
  set_by text not null,
  set_at timestamptz not null,
  -- Rises with every change, so that a look at an older one settles nothing.
  revision bigint not null default 1
);

-- What a spent budget holds back. It is read with the tenant's limits and reaches its cell as they do.
create table budget_holds (
  tenant_id text primary key references tenants,
  action text not null check (action in ('throttle', 'block')),
  basis text not null check (basis in ('actual', 'credits')),
  events_per_second integer not null check (events_per_second >= 0),
  reason text not null check (length(reason) between 1 and 300),
  since timestamptz not null,
  until timestamptz not null
);

-- What owners, admins and finance were told: once a month for each share of an amount.
create table budget_notices (
  tenant_id text not null references tenants,
  month date not null,
  basis text not null check (basis in ('actual', 'forecast', 'credits')),
  percent integer not null check (percent between 1 and 1000),
  amount_minor bigint not null,
  spent_minor bigint not null,
  currency text not null,
  created_at timestamptz not null,
  primary key (tenant_id, month, basis, percent, amount_minor)
);

-- Whose budget is to be looked at, and when. Only names: no row-level security.
create table budget_work (
  tenant_id text primary key references tenants,
  due_at timestamptz not null
);
create index budget_work_by_due on budget_work (due_at);

alter table budgets enable row level security;
alter table budgets force row level security;
alter table budget_holds enable row level security;
alter table budget_holds force row level security;
alter table budget_notices enable row level security;
alter table budget_notices force row level security;
create policy tenant on budgets using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on budget_holds using (tenant_id = current_setting('millwright.tenant', true));
-- A person's organisations are listed with their limits.
create policy person on budget_holds for select using (tenant_id in (
  select m.tenant_id from members m where m.person_id = nullif(current_setting('millwright.person', true), '')));
create policy tenant on budget_notices using (tenant_id = current_setting('millwright.tenant', true));
grant select, insert, update, delete on budgets, budget_holds, budget_work to millwright_app;
grant select, insert on budget_notices to millwright_app;

create trigger announce after insert or update or delete on budget_holds
for each row execute function announce_limits();
