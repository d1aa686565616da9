-- +goose Up

-- A limit that is set, changed or taken back reaches the tenant's cell at once.
-- +goose StatementBegin
create function announce_limits() returns trigger language plpgsql as $$
begin
  insert into outbox (cell, tenant_id, kind, object_id)
  select p.cell, p.tenant_id, 'tenant', '' from placements p
  where p.tenant_id = case when tg_op = 'DELETE' then old.tenant_id else new.tenant_id end;
  return null;
end $$;
-- +goose StatementEnd

create trigger announce after insert or update or delete on limit_overrides
for each row execute function announce_limits();
