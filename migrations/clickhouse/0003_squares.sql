-- The sum of the squared distances from the window's mean; over count, the variance. Windows that a program wrote which
-- did not keep it have NaN.
alter table {database}.windows add column if not exists squares Float64 default nan codec(ZSTD(1)) after max;
