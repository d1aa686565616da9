-- +goose Up

-- Work on many items that goes on after the call that began it was answered.
create table jobs (
  tenant_id text not null references tenants,
  id text not null,
  kind text not null,
  title text not null,
  state text not null check (state in ('running', 'done', 'canceled')),
  total integer not null check (total >= 0),
  done integer not null default 0,
  failed integer not null default 0,
  -- Who began it, with the rights they had, and the call that did.
  principal jsonb not null,
  call jsonb not null,
  parameters jsonb not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  results_until timestamptz,
  trouble text not null default '',
  primary key (tenant_id, id)
);
create index jobs_by_time on jobs (tenant_id, created_at desc, id);

create table job_items (
  tenant_id text not null,
  job_id text not null,
  number integer not null check (number > 0),
  name text not null,
  input text not null,
  state text not null check (state in ('pending', 'done', 'failed')),
  error text not null default '',
  primary key (tenant_id, job_id, number),
  foreign key (tenant_id, job_id) references jobs
);
create index job_items_pending on job_items (tenant_id, job_id, number) where state = 'pending';
create index job_items_failed on job_items (tenant_id, job_id, number) where state = 'failed';

-- What a job made for its owner to take once, sealed with the key-encryption key.
create table job_results (
  tenant_id text not null,
  job_id text not null,
  number integer not null,
  sealed bytea not null,
  primary key (tenant_id, job_id, number),
  foreign key (tenant_id, job_id) references jobs
);

alter table jobs enable row level security;
alter table jobs force row level security;
alter table job_items enable row level security;
alter table job_items force row level security;
alter table job_results enable row level security;
alter table job_results force row level security;
create policy tenant on jobs using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on job_items using (tenant_id = current_setting('millwright.tenant', true));
create policy tenant on job_results using (tenant_id = current_setting('millwright.tenant', true));
grant select, insert, update, delete on jobs to millwright_app;
grant select, insert, update, delete on job_items to millwright_app;
grant select, insert, delete on job_results to millwright_app;

-- The jobs that a process has to look at, and when: to go on with them, or to forget results that nobody took. It
-- belongs to the platform and holds no tenant's data, only names.
create table job_queue (
  tenant_id text not null references tenants,
  job_id text not null,
  due_at timestamptz not null,
  primary key (tenant_id, job_id)
);
create index job_queue_by_due on job_queue (due_at);
grant select, insert, update, delete on job_queue to millwright_app;
