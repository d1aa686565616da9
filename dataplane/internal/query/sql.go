package query

import (
	"fmt"
	"strconv"
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
limit ? by measurement limit ?`, append(args, r.Limit+1, MostRows+1)
}

// floor is the start of the window of r's resolution that an expression of a time lies in.
func (r Request) floor(expression string) string {
	return fmt.Sprintf("toStartOfInterval(%s, interval %d second)", expression, time.Duration(r.Resolution)/time.Second)
}

// from is the start of the window that r's start lies in.
func (r Request) from() time.Time { return r.Start.UTC().Truncate(time.Duration(r.Resolution)) }

// named restricts a statement to r's measurements, if it names any.
func (r Request) named(prefix string, args []any) (string, []any) {
	if len(r.Measurements) == 0 {
		return "", args
	}
	return prefix + "measurement in (?)", append(args, r.Measurements)
}

// windowsSQL merges the segments of each minute and the minutes of each window, newest first. The squared distances from a
// common mean are those from each part's own and the parts' from the common one.
func windowsSQL(r Request) (string, []any) {
	source, args := selection{r.from(), r.End, []string{r.Device}, r.Measurements}.source(r.Resolution)
	return `select measurement, ` + r.floor("start") + ` as window, sum(count) as n, sum(sum) as total, min(min) as lowest, max(max) as highest,
    total / n as mean, (sum(squares) + arraySum((c, m) -> c * (m - mean) * (m - mean), groupArray(count), groupArray(sum / count))) / n as variance,
    argMin(first, (first_time, segment)) as opening, argMax(last, (last_time, segment)) as closing
from (` + source + `)
group by measurement, window
order by measurement, window desc
limit ? by measurement limit ?`, append(args, r.Limit+1, MostRows+1)
}

// eventsOf selects r's points as (measurement, time, value, log_sequence, log_index).
func eventsOf(r Request) (string, []any) {
	where, args := r.named(" where ", []any{r.Device, r.from().UnixNano(), r.End.UnixNano()})
	return `select measurement, time, value, log_sequence, log_index from (
    select time, log_sequence, log_index, names, values from events
    where device = ? and time >= fromUnixTimestamp64Nano(?, 'UTC') and time < fromUnixTimestamp64Nano(?, 'UTC')
) array join names as measurement, values as value` + where, args
}

// secondsSQL makes windows from the events, newest first.
func secondsSQL(r Request) (string, []any) {
	events, args := eventsOf(r)
	return `select measurement, toDateTime(` + r.floor("time") + `, 'UTC') as window, count() as n, sum(value) as total, min(value) as lowest,
    max(value) as highest, avg(value) as mean, varPopStable(value) as variance,
    argMin(value, (time, log_sequence, log_index)) as opening, argMax(value, (time, log_sequence, log_index)) as closing
from (` + events + `)
group by measurement, window
order by measurement, window desc
limit ? by measurement limit ?`, append(args, r.Limit+1, MostRows+1)
}

// quantilesSQL selects the quantiles of each window from the events, newest first.
func quantilesSQL(r Request) (string, []any) {
	events, args := eventsOf(r)
	levels := make([]string, 0, len(r.Quantiles))
	for _, q := range r.Quantiles {
		levels = append(levels, strconv.FormatFloat(q, 'f', -1, 64))
	}
	return `select measurement, toDateTime(` + r.floor("time") + `, 'UTC') as window, quantilesExactInclusive(` + strings.Join(levels, ", ") + `)(value)
from (` + events + `)
group by measurement, window
order by measurement, window desc
limit ? by measurement limit ?`, append(args, r.Limit, MostRows+1)
}

// roughly is from which range on whole hours are good enough to tell whether its points fit a limit.
const roughly = 24 * time.Hour

// mostPointsSQL selects how many points the measurement with the most of them has in the range, as the windows say.
func mostPointsSQL(r Request) (string, []any) {
	width := Minute
	if r.End.Sub(r.Start) > roughly {
		width = Hour
	}
	source, args := selection{r.Start.Truncate(time.Duration(width)), r.End, []string{r.Device}, r.Measurements}.source(width)
	return `select max(n) from (select measurement, sum(count) as n from (` + source + `) group by measurement)`, args
}

// among restricts a statement to devices, or to nothing when there are none.
func among(devices []string, prefix string) (string, []any) {
	if len(devices) == 0 {
		return "", nil
	}
	return prefix + "device in (?)", []any{devices}
}

// newestSQL selects each device's newest value of each measurement, as the windows say.
func newestSQL(devices []string) (string, []any) {
	ever, args := everSQL(devices)
	return `select device, measurement, argMax(last, last_time) as value, toUnixTimestamp64Nano(max(last_time)) as at
from (` + ever + `) group by device, measurement order by device, measurement limit 100000`, args
}

// heardSQL selects when each device's newest windowed event was received.
func heardSQL(devices []string) (string, []any) {
	ever, args := everSQL(devices)
	return `select device, toUnixTimestamp64Nano(max(received)) as heard from events
where (device, time) in (select device, max(last_time) from (` + ever + `) group by device)
group by device`, args
}

// recentSQL selects each device's newest event among those received after a time, which may not be in a window yet.
func recentSQL(devices []string, since time.Time) (string, []any) {
	and, args := among(devices, " and ")
	return `select device, toUnixTimestamp64Nano(max(time)) as at, toUnixTimestamp64Nano(max(received)) as heard,
    argMax(names, time) as newest_names, argMax(values, time) as newest_values
from events where received >= fromUnixTimestamp64Nano(?, 'UTC')` + and + ` group by device`, append([]any{since.UnixNano()}, args...)
}

// timesSQL selects when devices were heard last: since a time from the events, ever from the windows, which are fewer.
func timesSQL(devices []string, since time.Time, limit int) (string, []any) {
	if since.IsZero() {
		ever, args := everSQL(devices)
		return `select device, toUnixTimestamp64Nano(max(last_time)) as heard from (` + ever + `) group by device order by device limit ?`, append(args, limit)
	}
	and, args := among(devices, " and ")
	return `select device, toUnixTimestamp64Nano(max(received)) as heard from events
where received >= fromUnixTimestamp64Nano(?, 'UTC')` + and + ` group by device order by device limit ?`, append(append([]any{since.UnixNano()}, args...), limit)
}

// sparklineSQL selects the recent means of one measurement of each device.
func sparklineSQL(devices []string, since time.Time) (string, []any) {
	and, args := among(devices, " and ")
	at := since.Unix()
	all := append([]any{at, at, at, at}, args...)
	return `select device, measurement, start, sum(sum) / sum(count) as mean from minutes final
where start >= toDateTime(?, 'UTC') and toStartOfDay(start) >= toStartOfDay(toDateTime(?, 'UTC')) and (device, measurement) in (
    select device, min(measurement) from minutes where start >= toDateTime(?, 'UTC') and toStartOfDay(start) >= toStartOfDay(toDateTime(?, 'UTC'))` + and + ` group by device)
group by device, measurement, start order by device, start`, all
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
