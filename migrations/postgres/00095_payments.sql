-- +goose Up

-- The books of what was collected are kept when a tenant is removed: their tables do not refer to it.

-- How a tenant pays: its customer at the payment provider, what of the card may be shown, and how it stands. The customer's creation is
-- recorded before it is asked for: name and generation are what the request is made of, so that a repetition is the same request.
create table payment_accounts (
  tenant_id text primary key,
  customer text not null default '',
  customer_name text not null,
  generation integer not null default 1,
  intended_at timestamptz not null,
  card_brand text not null default '',
  card_last4 text not null default '' check (length(card_last4) <= 4),
  card_month integer not null default 0 check (card_month between 0 and 12),
  card_year integer not null default 0,
  -- A card was entered just now: it becomes the one that is charged.
  adopt_card boolean not null default false,
  standing text not null default 'good' check (standing in ('good', 'past_due', 'suspended')),
  -- On the clock of billing.
  past_due_since timestamptz,
  grace_ends timestamptz,
  -- The last notice that was sent of what is overdue.
  noticed text not null default ''
);
create unique index payment_accounts_by_customer on payment_accounts (customer) where customer <> '';
create index payment_accounts_overdue on payment_accounts (tenant_id) where standing <> 'good';
alter table payment_accounts enable row level security;
alter table payment_accounts force row level security;
create policy tenant on payment_accounts using (tenant_id = current_setting('millwright.tenant', true));
create policy platform on payment_accounts for select using (current_setting('millwright.platform', true) = 'on');
grant select, insert, update on payment_accounts to millwright_app;

-- What is sent to the payment provider for one frozen invoice. bill is the invoice as it was when the entry was made: every request is made of
-- it and of nothing else.
create table payment_entries (
  id text primary key,
  tenant_id text not null,
  invoice_id text not null,
  bill jsonb not null,
  state text not null default 'working' check (state in ('working', 'awaiting', 'done', 'parked')),
  step text not null default 'customer',
  attempts integer not null default 0,
  failure text not null default '' check (length(failure) <= 1000),
  -- The payment provider's name of the invoice, and what is known of its payment.
  reference text not null default '',
  payment text not null default 'pending' check (payment in ('pending', 'paid', 'failed', 'void')),
  charges integer not null default 0,
  decline text not null default '' check (length(decline) <= 1000),
  created_at timestamptz not null,
  paid_at timestamptz,
  unique (tenant_id, invoice_id)
);
create index payment_entries_open on payment_entries (state, created_at) where state <> 'done';
create index payment_entries_failed on payment_entries (tenant_id) where payment = 'failed';
alter table payment_entries enable row level security;
alter table payment_entries force row level security;
create policy tenant on payment_entries using (tenant_id = current_setting('millwright.tenant', true));
create policy platform on payment_entries for select using (current_setting('millwright.platform', true) = 'on');
grant select, insert, update on payment_entries to millwright_app;

-- Each request of an entry, recorded before it is sent: its idempotency key, and what it came to. doubtful: the provider's answer under this
-- key is of no use, so it is looked up and sent under another one.
create table payment_requests (
  entry_id text not null references payment_entries,
  tenant_id text not null,
  step text not null,
  generation integer not null default 1,
  intended_at timestamptz not null,
  doubtful boolean not null default false,
  result text,
  primary key (entry_id, step)
);
alter table payment_requests enable row level security;
alter table payment_requests force row level security;
create policy tenant on payment_requests using (tenant_id = current_setting('millwright.tenant', true));
grant select, insert, update on payment_requests to millwright_app;

-- Which entries and accounts have something to be done, and when. Only names: no row-level security. Whoever takes one puts it off until the
-- lease ends and leaves a mark; what they write counts only while the mark is theirs.
create table payment_work (
  object_id text primary key,
  tenant_id text not null,
  kind text not null check (kind in ('entry', 'account')),
  due_at timestamptz not null,
  lease text not null default '',
  -- Something came while somebody was at it: it is due again at once.
  again boolean not null default false
);
create index payment_work_by_due on payment_work (due_at);
grant select, insert, update, delete on payment_work to millwright_app;

-- What the payment provider told us, each event once. One without a tenant is of a customer that nobody knows here.
create table payment_events (
  event_id text primary key,
  tenant_id text,
  type text not null check (length(type) <= 100),
  object text not null check (length(object) <= 200),
  created_at timestamptz not null,
  received_at timestamptz not null,
  outcome text not null
);
create index payment_events_by_time on payment_events (received_at);
alter table payment_events enable row level security;
alter table payment_events force row level security;
create policy tenant on payment_events using (tenant_id = current_setting('millwright.tenant', true));
create policy platform on payment_events for select using (current_setting('millwright.platform', true) = 'on');
create policy unknown on payment_events for insert with check (tenant_id is null and current_setting('millwright.platform', true) = 'on');
grant select, insert on payment_events to millwright_app;

-- From when on invoices are collected, on the clock of billing: those that were issued before a provider's key was named are not.
create table payment_collection (
  only_one boolean primary key default true check (only_one),
  since timestamptz not null
);
grant select, insert on payment_collection to millwright_app;

-- The books are nothing that goes with a tenant.
-- +goose StatementBegin
create or replace function tenant_tables() returns setof regclass language sql stable set search_path = pg_catalog, public as $$
  select c.oid::regclass from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and a.attname = 'tenant_id' and not a.attisdropped
    and c.relname not in ('removed_work', 'invoices', 'invoice_lines', 'usage_snapshots', 'billing_adjustments',
      'billing_credits', 'billing_credit_uses', 'credit_notes', 'payment_accounts', 'payment_entries', 'payment_requests', 'payment_work', 'payment_events')
  order by c.relname
$$;
-- +goose StatementEnd
