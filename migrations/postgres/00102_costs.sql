-- +goose Up

-- Operators see what every organisation used, to set what it costs us beside what it is billed.
create policy platform on usage_totals for select using (current_setting('millwright.platform', true) = 'on');
