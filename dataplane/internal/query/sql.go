package query

import (
	"strings"
	"time"
)

// rawSQL selects each measurement's newest points of the range, newest first, and one more than the limit.
func rawSQL(r Request) (string, []any) {
	args := []any{r.Device, r.Start.UnixNano(), r.End.UnixNano()}
	where := ""
	if len(r.Measurements) > 0 {
		where = " where measurement in (?)"
		args = append(args, r.Measurements)
	}
	return `select measurement, toUnixTimestamp64Nano(at), value from (
    select time as at, log_sequence, log_index, names, values from events
    where device = ? and time >= fromUnixTimestamp64Nano(?, 'UTC') and time < fromUnixTimestamp64Nano(?, 'UTC')
) array join names as measurement, values as value` + where + `
order by measurement, at desc, log_sequence desc, log_index desc
limit ? by measurement`, append(args, r.Limit+1)
}

// windowsSQL merges the segments of each window.
func windowsSQL(r Request) (string, []any) {
	args := []any{r.Device, r.Start.Truncate(time.Minute).Unix(), r.End.Unix()}
	where := ""
	if len(r.Measurements) > 0 {
		where = " and measurement in (?)"
		args = append(args, r.Measurements)
	}
	return `select measurement, start, sum(count) as n, min(min) as lowest, max(max) as highest, sum(sum) / n as mean,
    argMin(first, (first_time, segment)) as opening, argMax(last, (last_time, segment)) as closing
from windows final
where device = ? and start >= toDateTime(?, 'UTC') and start < toDateTime(?, 'UTC')` + where + `
group by measurement, start
order by measurement, start desc
limit ? by measurement`, append(args, r.Limit+1)
}

// among restricts a statement to devices, or to nothing when there are none.
func among(devices []string, prefix string) (string, []any) {
	if len(devices) == 0 {
		return "", nil
	}
	return prefix + "device in (?)", []any{devices}
}

// newestSQL selects each device's newest value of each measurement from the windows.
func newestSQL(devices []string) (string, []any) {
	where, args := among(devices, "where ")
	return `select device, measurement, argMax(last, last_time) as value, toUnixTimestamp64Nano(max(last_time)) as at
from windows ` + where + ` group by device, measurement order by device, measurement limit 100000`, args
}

// heardSQL selects when each device's newest windowed event was received.
func heardSQL(devices []string) (string, []any) {
	where, args := among(devices, "where ")
	return `select device, toUnixTimestamp64Nano(max(received)) as heard from events
where (device, time) in (select device, max(last_time) from windows ` + where + ` group by device)
group by device`, args
}

// recentSQL selects each device's newest event among those received after a time, which may not be in a window yet.
func recentSQL(devices []string, since time.Time) (string, []any) {
	and, args := among(devices, " and ")
	return `select device, toUnixTimestamp64Nano(max(time)) as at, toUnixTimestamp64Nano(max(received)) as heard,
    argMax(names, time) as newest_names, argMax(values, time) as newest_values
from events where received >= fromUnixTimestamp64Nano(?, 'UTC')` + and + ` group by device`, append([]any{since.UnixNano()}, args...)
}

// sparklineSQL selects the recent means of one measurement of each device.
func sparklineSQL(devices []string, since time.Time) (string, []any) {
	and, args := among(devices, " and ")
	all := append([]any{since.Unix(), since.Unix()}, args...)
	return `select device, measurement, start, sum(sum) / sum(count) as mean from windows final
where start >= toDateTime(?, 'UTC') and (device, measurement) in (
    select device, min(measurement) from windows where start >= toDateTime(?, 'UTC')` + and + ` group by device)
group by device, measurement, start order by device, start`, all
}

// lettersSQL selects dead letters, newest first.
func lettersSQL(device string, limit int) (string, []any) {
	where, args := "", []any{}
	if device != "" {
		where, args = " where device = ?", append(args, device)
	}
	return "select device, received, reason, detail, payload from dead_letters" + where +
		" order by received desc limit ?", append(args, limit)
}

// identitiesSQL selects what identifies the events of devices within a range of event times.
func identitiesSQL(devices []string, from, to int64) (string, []any) {
	var b strings.Builder
	b.WriteString("select device, epoch, sequence, message_id from events where device in (?)")
	args := []any{devices}
	if from > 0 {
		b.WriteString(" and time >= fromUnixTimestamp64Nano(?, 'UTC') and time <= fromUnixTimestamp64Nano(?, 'UTC')")
		args = append(args, from, to)
	}
	return b.String(), args
}
