-- Minutes in the order of time: the table windows began its key with the device, so that a question about a fleet read every
-- device's granules whatever its range. A day is the unit of the key: one device's day of a measurement is one range of rows, and
-- so is a fleet's. A segment is one period during which a window was open (late data opens it again); the newest version of a
-- segment replaces the older ones. A reader merges the segments of a window. stored is when the row came: what is kept is
-- counted from there, however old the recording is, and hours are brought up to date from the rows stored since.
create table if not exists {database}.minutes (
    device LowCardinality(String),
    measurement LowCardinality(String),
    start DateTime('UTC') codec(DoubleDelta, ZSTD(1)),
    segment UInt64 codec(ZSTD(1)),
    version UInt64 codec(ZSTD(1)),
    count UInt64 codec(T64, ZSTD(1)),
    sum Float64 codec(ZSTD(1)),
    min Float64 codec(ZSTD(1)),
    max Float64 codec(ZSTD(1)),
    squares Float64 default nan codec(ZSTD(1)),
    first Float64 codec(ZSTD(1)),
    first_time DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)),
    last Float64 codec(ZSTD(1)),
    last_time DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)),
    stored DateTime('UTC') default now() codec(DoubleDelta, ZSTD(1)),
    index stored_range stored type minmax granularity 1
) engine = ReplacingMergeTree(version)
partition by toYYYYMM(start)
order by (toStartOfDay(start), measurement, device, start, segment)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    index_granularity = 4096;

-- Hours, made from minutes by the cell. An hour only grows, so the row with more values is the newer one.
create table if not exists {database}.hours (
    device LowCardinality(String),
    measurement LowCardinality(String),
    start DateTime('UTC') codec(DoubleDelta, ZSTD(1)),
    count UInt64 codec(T64, ZSTD(1)),
    sum Float64 codec(ZSTD(1)),
    min Float64 codec(ZSTD(1)),
    max Float64 codec(ZSTD(1)),
    squares Float64 codec(ZSTD(1)),
    first Float64 codec(ZSTD(1)),
    first_time DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)),
    last Float64 codec(ZSTD(1)),
    last_time DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)),
    stored DateTime('UTC') default now() codec(DoubleDelta, ZSTD(1))
) engine = ReplacingMergeTree(count)
partition by toYear(start)
order by (toStartOfMonth(start), measurement, device, start)
settings fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 4096;

-- Every minute that was stored before `stored` and starts before `until` is in its hour; the highest values count.
create table if not exists {database}.hours_through (
    stored DateTime('UTC'),
    until DateTime('UTC')
) engine = ReplacingMergeTree(stored)
order by tuple()
settings fsync_after_insert = 1, fsync_part_directory = 1;

-- What was in windows, and what an older program puts there meanwhile. The empty table is for a second run, after the last statement.
create table if not exists {database}.windows as {database}.minutes engine = Null;
create materialized view if not exists {database}.windows_to_minutes to {database}.minutes as
select device, measurement, start, segment, version, count, sum, min, max, squares, first, first_time, last, last_time, stored from {database}.windows;
insert into {database}.minutes (device, measurement, start, segment, version, count, sum, min, max, squares, first, first_time, last, last_time, stored)
select device, measurement, start, segment, version, count, sum, min, max, squares, first, first_time, last, last_time, stored from {database}.windows;
drop view if exists {database}.windows_to_minutes;
drop table if exists {database}.windows settings max_table_size_to_drop = 0;
