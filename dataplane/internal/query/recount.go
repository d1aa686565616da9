package query

import (
	"context"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// comparedTogether is how many windows a statement compares at most, about: each takes it a kilobyte. Devices that catch up may have
// brought a million within an hour.
const comparedTogether = 200_000

// Summary is what is known of one measurement in one window; the zero value: nothing.
type Summary struct {
	Count                      uint64
	Sum, Min, Max, First, Last float64
}

// Difference is a window that is not what its events make.
type Difference struct {
	Device, Measurement string
	Start               time.Time
	Stored, Recounted   Summary
}

// Count is what is stored of the events that were received in one UTC hour.
type Count struct {
	Start                                 time.Time
	Events, Points, Bytes                 uint64
	EngineDeadLetters, GatewayDeadLetters uint64
}

// Recounted is the outcome of a Recount.
type Recounted struct {
	// Windows were compared, Different of them differ; Examples are some of those.
	Windows, Different uint64
	Examples           []Difference
	// Counts has an entry for every hour with something stored, oldest first.
	Counts []Count
}

// Recount computes the windows again that events received in [from, to) belong to, from all of their events, and
// compares them with what the engine stored; and it counts those events and dead letters by hour. A window that the
// engine has still in its hands differs for some seconds: ask again before believing a difference.
func (s *Service) Recount(ctx context.Context, tenant tenancy.ID, from, to time.Time) (Recounted, error) {
	var r Recounted
	var windows uint64
	text, args := recountSizeSQL(from, to)
	if err := s.store.Query(ctx, tenant, text, args, func(row Row) error { return row.Scan(&windows) }); err != nil {
		return r, err
	}
	parts := windows/s.together + 1
	for part := range parts {
		if err := s.recount(ctx, tenant, from, to, part, parts, &r); err != nil {
			return r, err
		}
	}
	var err error
	r.Counts, err = s.Counts(ctx, tenant, from, to)
	return r, err
}

// recount adds the windows of one part of the devices.
func (s *Service) recount(ctx context.Context, tenant tenancy.ID, from, to time.Time, part, parts uint64, r *Recounted) error {
	var windows, different uint64
	text, args := recountWindowsSQL(from, to, part, parts)
	if err := s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var d Difference
		var differs bool
		if err := row.Scan(&windows, &different, &differs, &d.Device, &d.Measurement, &d.Start,
			&d.Stored.Count, &d.Stored.Sum, &d.Stored.Min, &d.Stored.Max, &d.Stored.First, &d.Stored.Last,
			&d.Recounted.Count, &d.Recounted.Sum, &d.Recounted.Min, &d.Recounted.Max, &d.Recounted.First, &d.Recounted.Last); err != nil {
			return err
		}
		d.Start = d.Start.UTC()
		if differs && len(r.Examples) < examples {
			r.Examples = append(r.Examples, d)
		}
		return nil
	}); err != nil {
		return err
	}
	r.Windows, r.Different = r.Windows+windows, r.Different+different
	return nil
}

// Counts says what is stored of the events and dead letters that were received in [from, to), by UTC hour.
func (s *Service) Counts(ctx context.Context, tenant tenancy.ID, from, to time.Time) ([]Count, error) {
	var counts []Count
	text, args := recountHoursSQL(from, to)
	err := s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var c Count
		err := row.Scan(&c.Start, &c.Events, &c.Points, &c.Bytes, &c.EngineDeadLetters, &c.GatewayDeadLetters)
		c.Start = c.Start.UTC()
		counts = append(counts, c)
		return err
	})
	return counts, err
}
