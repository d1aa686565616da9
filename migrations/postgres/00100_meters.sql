-- +goose Up

-- More is counted: which meters there are is said by the table in billing, which checks every total before it comes here.
alter table usage_totals drop constraint usage_totals_meter_check;
alter table usage_totals add constraint usage_totals_meter_check check (meter ~ '^[a-z_]{1,40}$');
