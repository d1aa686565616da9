-- +goose Up

-- As before, but until a pass finds nothing: deleting a member or a role leaves a row in the outbox.
-- +goose StatementBegin
create or replace function remove_tenant(target text, at timestamptz, exported bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  t regclass;
  n bigint;
  again boolean := true;
  pass integer := 0;
  counts jsonb := '{}';
  last_entry bigint;
begin
  perform set_config('millwright.tenant', target, true);
  perform set_config('millwright.operator', 'removal', true);
  perform 1 from tenants where id = target and removing and delete_due_at <= at for update;
  if not found then
    raise exception 'tenant % is not due to be removed', target;
  end if;
  if exists (select from tenant_steps where tenant_id = target and task = 'delete' and name in ('credentials', 'storage', 'catalog') and state <> 'done') then
    raise exception 'a step before is not done';
  end if;
  select coalesce(max(number), 0) into last_entry from audit_heads where tenant_id = target;
  if last_entry <> exported then
    raise exception 'the audit log has entry %, exported is %', last_entry, exported;
  end if;
  while again and pass < 20 loop
    again := false;
    pass := pass + 1;
    for t in select * from tenant_tables() loop
      begin
        execute format('delete from %s where tenant_id = $1', t) using target;
        get diagnostics n = row_count;
        if n > 0 then
          again := true; -- its triggers may have left rows in a table before
          counts := counts || jsonb_build_object(t::text, coalesce((counts ->> t::text)::bigint, 0) + n);
        end if;
      exception when foreign_key_violation then
        again := true; -- what refers to it goes first
      end;
    end loop;
  end loop;
  delete from tenants where id = target;
  return counts || '{"tenants": 1}';
end $$;
-- +goose StatementEnd
