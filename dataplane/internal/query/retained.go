package query

import (
	"context"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// before is when a resolution's retention began to matter; the zero time: it never does.
func (s *Service) before(days int) time.Time {
	if days == 0 {
		return time.Time{}
	}
	return s.now().AddDate(0, 0, -days)
}

// there returns the resolution itself when what it is made from is still stored for the whole range, else the finest that is made
// from something which is. What was received late is kept longer than its time says, so the values are counted.
func (s *Service) there(ctx context.Context, tenant tenancy.ID, of selection, wanted, coarser Resolution, kept tenancy.Kept) (Resolution, error) {
	whole := of
	whole.from, whole.to = of.from.UTC().Add(time.Hour-1).Truncate(time.Hour), of.to.UTC().Truncate(time.Hour)
	if !whole.from.Before(whole.to) {
		return wanted, nil
	}
	if wanted < Minute && of.from.Before(s.before(kept.Events)) {
		gone, err := s.fewer(ctx, tenant, whole.pointsSQL, whole)
		if err != nil || !gone {
			return wanted, err
		}
		wanted = max(coarser, Minute)
	}
	if wanted >= Minute && wanted < Hour && of.from.Before(s.before(kept.Minutes)) {
		gone, err := s.fewer(ctx, tenant, whole.minutesSQL, whole)
		if err != nil || !gone {
			return wanted, err
		}
		wanted = max(coarser, Hour)
	}
	return wanted, nil
}

// fewer reports whether a statement counts fewer values than the hours of a range have.
func (s *Service) fewer(ctx context.Context, tenant tenancy.ID, count func() (string, []any), of selection) (bool, error) {
	var values, hours uint64
	text, args := count()
	if err := s.store.Query(ctx, tenant, text, args, func(row Row) error { return row.Scan(&values) }); err != nil {
		return false, err
	}
	source, args := of.hours()
	err := s.store.Query(ctx, tenant, "select sum(count) from ("+source+")", args, func(row Row) error { return row.Scan(&hours) })
	return values < hours, err
}

// minutesSQL counts the values in the minutes of a selection.
func (s selection) minutesSQL() (string, []any) {
	source, args := s.source(Minute)
	return "select sum(count) from (" + source + ")", args
}

// pointsSQL counts the points of a selection's events.
func (s selection) pointsSQL() (string, []any) {
	r := Request{Measurements: s.measurements, Start: s.from, End: s.to, Resolution: Second}
	if len(s.devices) == 1 {
		r.Device = s.devices[0]
	}
	events, args := eventsOf(r)
	return "select count() from (" + events + ")", args
}
