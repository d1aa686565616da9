-- When a window was stored: telemetry is kept for so many days after it was received, however old the recording is.
alter table {database}.windows add column if not exists stored DateTime('UTC') default now() codec(DoubleDelta, ZSTD(1));
