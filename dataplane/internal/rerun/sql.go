package rerun

import "time"

// touched are the windows that events received in a range belong to. The bounds of a time have its own precision: against whole
// seconds the store's index leaves out the last one.
const touched = `with touched as (
    select distinct device, toDateTime(toStartOfMinute(time), 'UTC') as start from events
    where received >= fromUnixTimestamp64Nano(?, 'UTC') and received < fromUnixTimestamp64Nano(?, 'UTC'))
`

// eventsSQL selects all stored events of those windows in the order of the log. Where a device sent neither sequence nor id, the
// engine went by a hash of the payload, which is not stored: the place in the log stands for it, which nothing else has.
func eventsSQL(from, to time.Time) (string, []any) {
	return touched + `select log_partition, log_sequence, device, toUnixTimestamp64Nano(time), toUnixTimestamp64Nano(received), epoch, sequence, message_id, names, values, size,
    cityHash64(log_partition, log_sequence, log_index) as place
from (select *, toDateTime(toStartOfMinute(time), 'UTC') as start from events
    where time >= (select toDateTime64(min(start), 9, 'UTC') from touched) and time < (select toDateTime64(max(start), 9, 'UTC') from touched) + interval 1 minute) as e
left semi join touched as t using (device, start)
order by log_partition, log_sequence, log_index`, []any{from.UnixNano(), to.UnixNano()}
}

// windowsSQL selects those windows as they are stored, their segments merged.
func windowsSQL(from, to time.Time) (string, []any) {
	return touched + `select device, measurement, start, sum(count), sum(sum), min(min), max(max),
    argMin(first, (first_time, segment)), argMax(last, (last_time, segment))
from (select * from minutes final where start >= (select min(start) from touched) and start <= (select max(start) from touched)
        and toStartOfDay(start) >= (select toStartOfDay(min(start)) from touched) and toStartOfDay(start) <= (select toStartOfDay(max(start)) from touched)) as w
left semi join touched as t using (device, start)
group by device, measurement, start
order by start, device, measurement`, []any{from.UnixNano(), to.UnixNano()}
}
