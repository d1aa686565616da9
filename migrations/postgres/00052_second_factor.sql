-- +goose Up

-- People must sign in with a second factor to act for the tenant.
alter table tenants add column second_factor_required boolean not null default false;

-- Whoever acts for the tenant is remembered with it.
create trigger announce after update of second_factor_required on tenants for each row execute function announce_caller('tenant', 'id');
