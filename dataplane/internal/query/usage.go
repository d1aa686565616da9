package query

import (
	"context"
	"math"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// LetterPartition stands for the gateway in totals and counts of usage: its dead letters pass no partition of the log.
const LetterPartition = math.MaxUint16

// HourCount is what is stored of what was received in one UTC hour through one partition of the log.
type HourCount struct {
	Start                                           time.Time
	Partition                                       int
	Events, Points, Bytes, DeviceHours, DeadLetters uint64
}

// HourCounts counts again what was received in [from, to), by UTC hour and partition. Of no partitions, it counts all.
func (s *Service) HourCounts(ctx context.Context, tenant tenancy.ID, partitions []int, from, to time.Time) ([]HourCount, error) {
	var counts []HourCount
	text, args := hourCountsSQL(partitions, from, to)
	err := s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var c HourCount
		var partition uint32
		err := row.Scan(&c.Start, &partition, &c.Events, &c.Points, &c.Bytes, &c.DeviceHours, &c.DeadLetters)
		c.Start, c.Partition = c.Start.UTC(), int(partition)
		counts = append(counts, c)
		return err
	})
	return counts, err
}

// hourCountsSQL counts events and dead letters that were received in [from, to), by UTC hour and partition. A dead letter that was removed
// meanwhile counts too.
func hourCountsSQL(partitions []int, from, to time.Time) (string, []any) {
	list := make([]uint32, len(partitions))
	for i, p := range partitions {
		list[i] = uint32(p) //nolint:gosec // a partition's number
	}
	received := "received >= fromUnixTimestamp64Nano(?, 'UTC') and received < fromUnixTimestamp64Nano(?, 'UTC')"
	a, b := from.UnixNano(), to.UnixNano()
	return `select hour, part, sum(e), sum(p), sum(b), sum(d), sum(l) from (
    select toStartOfHour(received) as hour, toUInt32(log_partition) as part, count() as e, sum(length(names)) as p, sum(size) as b, uniqExact(device) as d, 0 as l
    from events where ` + received + ` group by hour, part
    union all
    select toStartOfHour(received) as hour, if(source = 'engine', toUInt32(log_partition), 65535) as part, 0, 0, 0, 0, count()
    from (select received, source, log_partition from dead_letters where ` + received + `
        union all
        select received, source, log_partition from dead_letters_gone final where ` + received + `
            and (source, log_partition, log_sequence, log_index) not in (select source, log_partition, log_sequence, log_index from dead_letters where ` + received + `))
    group by hour, part)
where empty(?) or has(?, part)
group by hour, part order by hour, part`, []any{a, b, a, b, a, b, a, b, list, list}
}

// NotedHour is what the cell noted of a meter of a partition's hour when it counted it again.
type NotedHour struct {
	Start                    time.Time
	Partition                int
	Meter                    string
	Version, Counted, Stored uint64
	Noted                    time.Time
}

// NotedHours returns what was noted of the hours that begin in [from, to).
func (s *Service) NotedHours(ctx context.Context, tenant tenancy.ID, from, to time.Time) ([]NotedHour, error) {
	var noted []NotedHour
	err := s.store.Query(ctx, tenant, `select hour, partition, meter, version, counted, stored, noted from usage_hours final
where hour >= fromUnixTimestamp64Nano(?, 'UTC') and hour < fromUnixTimestamp64Nano(?, 'UTC') order by hour, partition, meter`,
		[]any{from.UnixNano(), to.UnixNano()}, func(row Row) error {
			var n NotedHour
			var partition uint32
			err := row.Scan(&n.Start, &partition, &n.Meter, &n.Version, &n.Counted, &n.Stored, &n.Noted)
			n.Start, n.Partition = n.Start.UTC(), int(partition)
			noted = append(noted, n)
			return err
		})
	return noted, err
}
