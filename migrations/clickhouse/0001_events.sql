-- One row an event. A measurement's name and value stand at the same place of names and values.
-- The log position (partition, sequence, index) says which place of the log a row comes from.
--
-- non_replicated_deduplication_window: an insert is retried at most from the last checkpoint on, some 100 inserts; ten
-- thousand tokens leave room for a store that was away for long. The fsync settings make an acknowledged insert a
-- durable one: the log is trimmed on the strength of it.
create table if not exists {database}.events (
    device LowCardinality(String),
    time DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)),
    received DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)),
    epoch LowCardinality(String),
    sequence UInt64 codec(Delta, ZSTD(1)),
    message_id String codec(ZSTD(1)),
    names Array(LowCardinality(String)),
    values Array(Float64) codec(ZSTD(1)),
    attributes LowCardinality(String),
    size UInt32 codec(ZSTD(1)),
    log_partition UInt16,
    log_sequence UInt64 codec(Delta, ZSTD(1)),
    log_index UInt32 codec(Delta, ZSTD(1)),
    index log_sequence_range log_sequence type minmax granularity 1
) engine = MergeTree
partition by toYYYYMM(received)
order by (device, time)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    index_granularity = 4096;

-- One row a measurement, for those who read the database with their own tools.
create view if not exists {database}.points as
select device, time, received, measurement, value
from {database}.events
array join names as measurement, values as value;

-- One-minute windows. A segment is one period during which a window was open (late data opens it again); the newest
-- version of a segment replaces the older ones. A reader merges the segments of a window.
create table if not exists {database}.windows (
    device LowCardinality(String),
    measurement LowCardinality(String),
    start DateTime('UTC') codec(DoubleDelta, ZSTD(1)),
    segment UInt64 codec(ZSTD(1)),
    version UInt64 codec(ZSTD(1)),
    count UInt64 codec(T64, ZSTD(1)),
    sum Float64 codec(ZSTD(1)),
    min Float64 codec(ZSTD(1)),
    max Float64 codec(ZSTD(1)),
    first Float64 codec(ZSTD(1)),
    first_time DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)),
    last Float64 codec(ZSTD(1)),
    last_time DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1))
) engine = ReplacingMergeTree(version)
partition by toYear(start)
order by (device, measurement, start, segment)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Messages that were refused because they could not be understood, as they came. (source, log_partition, log_sequence,
-- log_index) is where the row comes from: the gateway's dead-letter stream or the engine's log.
create table if not exists {database}.dead_letters (
    device String,
    received DateTime64(9, 'UTC'),
    reason LowCardinality(String),
    detail String codec(ZSTD(1)),
    payload String codec(ZSTD(1)),
    protocol LowCardinality(String),
    source LowCardinality(String),
    log_partition UInt16,
    log_sequence UInt64,
    log_index UInt32
) engine = MergeTree
partition by toYYYYMM(received)
order by (received, device)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
