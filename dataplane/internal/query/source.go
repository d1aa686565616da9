package query

import "time"

// selection says which windows a statement reads: those that begin in [from, to), of some devices and measurements.
type selection struct {
	from, to     time.Time
	devices      []string
	measurements []string
}

// where is the condition on the rows of a table of windows. The unit that the table's key begins with is named besides the start: the
// store does not see that the one follows from the other.
func (s selection) where(unit string) (string, []any) {
	text := "start >= toDateTime(?, 'UTC') and start < toDateTime(?, 'UTC')" +
		" and " + unit + "(start) >= " + unit + "(toDateTime(?, 'UTC')) and " + unit + "(start) <= " + unit + "(toDateTime(?, 'UTC'))"
	args := []any{s.from.Unix(), s.to.Unix(), s.from.Unix(), s.to.Unix()}
	if len(s.devices) == 1 {
		text, args = text+" and device = ?", append(args, s.devices[0])
	} else if len(s.devices) > 1 {
		text, args = text+" and device in (?)", append(args, s.devices)
	}
	if len(s.measurements) > 0 {
		text, args = text+" and measurement in (?)", append(args, s.measurements)
	}
	return text, args
}

// What the keys of minutes and hours begin with.
const (
	unitOfMinutes = "toStartOfDay"
	unitOfHours   = "toStartOfMonth"
)

// source selects windows as (device, measurement, start, segment, count, sum, min, max, squares, first, first_time, last, last_time):
// hours where these are as good, else minutes.
func (s selection) source(r Resolution) (string, []any) {
	if r >= Hour {
		return s.hours()
	}
	where, args := s.where(unitOfMinutes)
	return `select device, measurement, start, segment, count, sum, min, max, squares, first, first_time, last, last_time
    from minutes final where ` + where, args
}

// Up to when hours are made, and when the last minute that is surely in one was stored. A cell that has made none has 1970.
const (
	madeUntil  = "(select max(until) from hours_through)"
	madeStored = "(select max(stored) from hours_through)"
)

// hoursOfMinutes makes hours from the minutes that a condition selects, as the cell does.
const hoursOfMinutes = `select device, measurement, toStartOfHour(start) as hour, sum(count) as n, sum(sum) as total, min(min) as lowest, max(max) as highest,
        sum(squares) + arraySum((c, m) -> c * (m - total / n) * (m - total / n), groupArray(count), groupArray(sum / count)) as deviation,
        argMin(first, (first_time, segment)) as opening, min(first_time) as opened, argMax(last, (last_time, segment)) as closing, max(last_time) as closed
    from minutes final where `

// hours selects hours: those that are made; from minutes, the time since and hours that minutes came to since; of two for the
// same hour the one with more values, for it is the newer. Where the selection ends within an hour, minutes give the part.
func (s selection) hours() (string, []any) {
	where, own := s.where(unitOfMinutes)
	made, _ := s.where(unitOfHours)
	whole := s.to.UTC().Truncate(time.Hour).Unix()
	var args []any
	before := "start < least(" + madeUntil + ", toDateTime(?, 'UTC'))"
	late := where + " and " + before + " and stored >= " + madeStored
	with := func(more ...any) { args = append(append(args, own...), more...) }
	with(whole) // hours
	with(whole) // minutes since
	with(whole) // minutes that came late, and twice which
	with(whole)
	with(whole)
	return `select device, measurement, hour as start, toUInt64(0) as segment, newest.1 as count, newest.2 as sum, newest.3 as min, newest.4 as max, newest.5 as squares,
    newest.6 as first, newest.7 as first_time, newest.8 as last, newest.9 as last_time
from (select device, measurement, hour, argMax((n, total, lowest, highest, deviation, opening, opened, closing, closed), n) as newest from (
    select device, measurement, start as hour, count as n, sum as total, min as lowest, max as highest, squares as deviation,
        first as opening, first_time as opened, last as closing, last_time as closed
    from hours where ` + made + ` and ` + before + `
    union all
    ` + hoursOfMinutes + where + ` and not (` + before + `) group by device, measurement, hour
    union all
    ` + hoursOfMinutes + where + ` and ` + before + `
        and (toStartOfDay(start), device) in (select toStartOfDay(start), device from minutes where ` + late + `)
        and (device, toStartOfHour(start)) in (select device, toStartOfHour(start) from minutes where ` + late + `)
    group by device, measurement, hour
) group by device, measurement, hour)`, args
}

// everSQL selects each device's newest values as (device, measurement, last, last_time), several a measurement: of the hours that are made, and
// of the minutes that may not be in one.
func everSQL(devices []string) (string, []any) {
	and, args := among(devices, " and ")
	where, _ := among(devices, "where ")
	return `select device, measurement, last, last_time from hours ` + where + `
    union all
    select device, measurement, last, last_time from minutes where (start >= ` + madeUntil + ` and toStartOfDay(start) >= toStartOfDay(` + madeUntil + `) or stored >= ` + madeStored + `)` + and, append(args, args...)
}
