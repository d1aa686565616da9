-- What the cell found when it counted an hour again that had settled: what it had counted then, up to which version, and what was
-- stored. The row noted last counts. It stays when the events are gone, so that a bill can be followed to here after that.
create table if not exists {database}.usage_hours (
    hour DateTime('UTC') codec(DoubleDelta, ZSTD(1)),
    partition UInt32,
    meter LowCardinality(String),
    version UInt64 codec(ZSTD(1)),
    counted UInt64 codec(ZSTD(1)),
    stored UInt64 codec(ZSTD(1)),
    noted DateTime64(3, 'UTC')
) engine = ReplacingMergeTree(noted)
order by (hour, partition, meter)
ttl hour + interval 4000 day
settings fsync_after_insert = 1, fsync_part_directory = 1;
