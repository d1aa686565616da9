package query

import (
	"context"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// DeviceUsage is what is stored of what one device sent.
type DeviceUsage struct {
	Device                             string
	Events, Points, Bytes, DeviceHours uint64
}

// UsageByDevice counts what was received in [from, to) by device and calls each with one after the other, the one with the most events first.
func (s *Service) UsageByDevice(ctx context.Context, tenant tenancy.ID, from, to time.Time, each func(DeviceUsage)) error {
	return s.store.Query(ctx, tenant, `select toString(device), count() as e, sum(length(names)), sum(size), uniqExact(toStartOfHour(received)) from events
where received >= fromUnixTimestamp64Nano(?, 'UTC') and received < fromUnixTimestamp64Nano(?, 'UTC')
group by device order by e desc, device`,
		[]any{from.UnixNano(), to.UnixNano()}, func(row Row) error {
			var u DeviceUsage
			if err := row.Scan(&u.Device, &u.Events, &u.Points, &u.Bytes, &u.DeviceHours); err != nil {
				return err
			}
			each(u)
			return nil
		})
}
