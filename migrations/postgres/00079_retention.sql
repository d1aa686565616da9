-- +goose Up

-- Telemetry is kept for so many days by resolution: events, minutes made of them, hours made of those; zero: as long as the plan
-- allows. Who decided on a number of days before decided on it for all.
alter table tenants
  add column minute_retention_days integer not null default 0 check (minute_retention_days between 0 and 36500),
  add column hour_retention_days integer not null default 0 check (hour_retention_days between 0 and 36500);
update tenants set minute_retention_days = retention_days, hour_retention_days = retention_days where retention_days > 0;
