-- +goose Up

-- How long a tenant's statements may take is a limit, too.
alter table limit_overrides drop constraint limit_overrides_name_check;
alter table limit_overrides add constraint limit_overrides_name_check check (name in ('devices', 'groups', 'rules', 'members', 'keys',
  'points_retained', 'events_per_second', 'events_burst', 'events_per_day', 'device_events_per_second', 'device_events_burst',
  'payload_bytes', 'measurements_per_device', 'series', 'connections', 'requests_per_second', 'live_sessions', 'query_concurrency', 'query_time'));
