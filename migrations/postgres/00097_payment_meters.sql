-- +goose Up

-- Hours before this one were told to the payment provider's meters, or are about to be.
alter table payment_accounts add column metered_until timestamptz;

-- What is told to them: an hour's total as it was when the event was made, and its name, by which a repetition is known. Neither changes.
create table payment_meter_events (
  identifier text primary key,
  tenant_id text not null,
  meter text not null,
  hour timestamptz not null,
  amount bigint not null check (amount > 0),
  -- When it was first sent, if it was; when it was taken; why it is not sent again.
  intended_at timestamptz,
  sent_at timestamptz,
  failure text not null default '' check (length(failure) <= 1000)
);
create index payment_meter_events_unsent on payment_meter_events (hour, identifier) where sent_at is null and failure = '';
create index payment_meter_events_by_tenant on payment_meter_events (tenant_id);
alter table payment_meter_events enable row level security;
alter table payment_meter_events force row level security;
create policy tenant on payment_meter_events using (tenant_id = current_setting('millwright.tenant', true));
create policy platform on payment_meter_events for select using (current_setting('millwright.platform', true) = 'on');
grant select, insert on payment_meter_events to millwright_app;
grant update (intended_at, sent_at, failure) on payment_meter_events to millwright_app;

-- The books are nothing that goes with a tenant.
-- +goose StatementBegin
create or replace function tenant_tables() returns setof regclass language sql stable set search_path = pg_catalog, public as $$
  select c.oid::regclass from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and a.attname = 'tenant_id' and not a.attisdropped
    and c.relname not in ('removed_work', 'invoices', 'invoice_lines', 'usage_snapshots', 'billing_adjustments',
      'billing_credits', 'billing_credit_uses', 'credit_notes', 'payment_accounts', 'payment_entries', 'payment_requests', 'payment_work', 'payment_events',
      'payment_meter_events')
  order by c.relname
$$;
-- +goose StatementEnd
