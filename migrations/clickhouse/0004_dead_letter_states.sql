-- What became of a dead letter: the newest version of a letter's row counts, a letter without one is open. The letter's
-- own row is never changed. reason and detail are those of the last try when it failed otherwise than the first.
create table if not exists {database}.dead_letter_states (
    source LowCardinality(String),
    log_partition UInt16,
    log_sequence UInt64,
    log_index UInt32,
    version UInt64,
    state LowCardinality(String),
    refusals UInt32,
    reason LowCardinality(String),
    detail String codec(ZSTD(1)),
    at DateTime64(9, 'UTC'),
    actor String,
    note String codec(ZSTD(1)),
    events UInt32
) engine = ReplacingMergeTree(version)
order by (source, log_partition, log_sequence, log_index)
ttl toDateTime(at) + interval 400 day
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- The places of dead letters that were removed because a tenant had too many or they were too old. Usage counted them,
-- so whoever counts again must know them. A row is written here before the letter goes.
create table if not exists {database}.dead_letters_gone (
    received DateTime64(9, 'UTC') codec(DoubleDelta, ZSTD(1)),
    source LowCardinality(String),
    log_partition UInt16,
    log_sequence UInt64 codec(Delta, ZSTD(1)),
    log_index UInt32 codec(Delta, ZSTD(1))
) engine = ReplacingMergeTree
order by (source, log_partition, log_sequence, log_index)
ttl toDateTime(received) + interval 400 day
settings fsync_after_insert = 1, fsync_part_directory = 1;
