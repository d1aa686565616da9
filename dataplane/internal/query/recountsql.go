package query

import (
	"fmt"
	"time"
)

// sumError is how much the sum of a window may differ from the recount, as a part of the sum of the values' sizes: the
// order of additions is not the same. 2^-40 allows 2^12 roundings of 2^-52.
const sumError = 1.0 / (1 << 40)

// squareError is the same for the squared distances from the mean, as a part of the sum of the values' squares.
const squareError = 1.0 / (1 << 30)

// recountWindowsSQL selects, once the windows that events received in [from, to) belong to are computed again from all
// of their events, how many there are, how many differ from the stored ones, and some that do. Without any window it
// selects nothing. The bounds of the time have its own precision: against one in whole seconds, the store's index leaves
// out the last second of the range. Equal times are ordered by the place in the log, as the engine does; a later segment
// of a window comes later in the log. Of all devices it looks at one part of so many.
func recountWindowsSQL(from, to time.Time, part, parts uint64) (string, []any) {
	return fmt.Sprintf(`with
touched as (
    select distinct device, toDateTime(toStartOfMinute(time), 'UTC') as start from events
    where received >= fromUnixTimestamp64Nano(?, 'UTC') and received < fromUnixTimestamp64Nano(?, 'UTC') and cityHash64(device) %% ? = ?),
recounted as (
    select device, measurement, start, count() as n, sum(value) as total, sum(abs(value)) as size, min(value) as lowest, max(value) as highest,
        varPopStable(value) * n as deviation, sum(value * value) as square,
        argMin(value, (time, log_sequence, log_index)) as opening, argMax(value, (time, log_sequence, log_index)) as closing
    from (select device, time, start, log_sequence, log_index, names, values
        from (select device, time, toDateTime(toStartOfMinute(time), 'UTC') as start, log_sequence, log_index, names, values from events
            where time >= (select toDateTime64(min(start), 9, 'UTC') from touched)
                and time < (select toDateTime64(max(start), 9, 'UTC') from touched) + interval 1 minute) as e
        left semi join touched as t using (device, start))
    array join names as measurement, values as value
    group by device, measurement, start),
stored as (
    select device, measurement, start, sum(count) as n, sum(sum) as total, min(min) as lowest, max(max) as highest,
        sum(squares) + arraySum((c, m) -> c * (m - total / n) * (m - total / n), groupArray(count), groupArray(sum / count)) as deviation,
        argMin(first, (first_time, segment)) as opening, argMax(last, (last_time, segment)) as closing
    from (select * from minutes final where start >= (select min(start) from touched) and start <= (select max(start) from touched)
        and toStartOfDay(start) >= (select toStartOfDay(min(start)) from touched) and toStartOfDay(start) <= (select toStartOfDay(max(start)) from touched)) as w
    left semi join touched as t using (device, start)
    group by device, measurement, start),
sides as (
    select device, measurement, start, 1 as recount, n, total, lowest, highest, opening, closing, deviation, size, square from recounted
    union all
    select device, measurement, start, 0, n, total, lowest, highest, opening, closing, deviation, 0, 0 from stored),
compared as (
    select device, measurement, start,
        sumIf(n, recount = 0) as sn, anyIf(total, recount = 0) as st, anyIf(lowest, recount = 0) as sl, anyIf(highest, recount = 0) as sh,
        anyIf(opening, recount = 0) as so, anyIf(closing, recount = 0) as sc, anyIf(deviation, recount = 0) as sd,
        sumIf(n, recount = 1) as rn, anyIf(total, recount = 1) as rt, anyIf(lowest, recount = 1) as rl, anyIf(highest, recount = 1) as rh,
        anyIf(opening, recount = 1) as ro, anyIf(closing, recount = 1) as rc, anyIf(deviation, recount = 1) as rd,
        sn != rn or sl != rl or sh != rh or so != ro or sc != rc or abs(st - rt) > max(size) * %g
            or (not isNaN(sd) and abs(sd - rd) > max(square) * %g) as differs
    from sides group by device, measurement, start)
select count() over () as windows, countIf(differs) over () as different, differs,
    device, measurement, start, sn, st, sl, sh, so, sc, rn, rt, rl, rh, ro, rc
from compared order by differs desc, start, device, measurement limit %d`, sumError, squareError, examples), []any{from.UnixNano(), to.UnixNano(), parts, part}
}

// recountSizeSQL selects about how many windows a recount of the range has to compare, or more.
func recountSizeSQL(from, to time.Time) (string, []any) {
	return `select uniq(device, toStartOfMinute(time)) * max(length(names)) from events
where received >= fromUnixTimestamp64Nano(?, 'UTC') and received < fromUnixTimestamp64Nano(?, 'UTC')`, []any{from.UnixNano(), to.UnixNano()}
}

// recountHoursSQL counts what is stored of the events and dead letters that were received in [from, to), by UTC hour. A
// dead letter that was removed meanwhile counts too.
func recountHoursSQL(from, to time.Time) (string, []any) {
	received := "received >= fromUnixTimestamp64Nano(?, 'UTC') and received < fromUnixTimestamp64Nano(?, 'UTC')"
	a, b := from.UnixNano(), to.UnixNano()
	return `select hour, sum(e), sum(p), sum(b), sum(engine), sum(gateway) from (
    select toStartOfHour(received) as hour, count() as e, sum(length(names)) as p, sum(size) as b, 0 as engine, 0 as gateway
    from events where ` + received + ` group by hour
    union all
    select toStartOfHour(received) as hour, 0, 0, 0, countIf(source = 'engine'), countIf(source != 'engine')
    from (select received, source from dead_letters where ` + received + `
        union all
        select received, source from dead_letters_gone final where ` + received + `
            and (source, log_partition, log_sequence, log_index) not in (select source, log_partition, log_sequence, log_index from dead_letters where ` + received + `))
    group by hour)
group by hour order by hour`, []any{a, b, a, b, a, b, a, b}
}
