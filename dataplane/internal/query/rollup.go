package query

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// rollupDevices is how many devices one statement takes: the store bounds the length of a statement.
const rollupDevices = 2000

// Place is where devices stand; the empty fields are beyond the level that is asked for.
type Place struct{ Facility, Line, Station string }

// RollupRequest says which devices, by the places that they count for, what and when.
type RollupRequest struct {
	// Places are the devices with theirs; a nil map means all devices at the zero Place.
	Places       map[string]Place
	Measurements []string
	// Start is included, End is not.
	Start, End time.Time
	// Resolution is a minute or more; Auto: the finest with at most Limit windows.
	Resolution Resolution
	Limit      int
	// Kept is how long the tenant's telemetry is kept: where minutes are gone, hours answer.
	Kept tenancy.Kept
}

// RollupWindow is one measurement's summary of all devices of a place over [Start, Start + the resolution).
type RollupWindow struct {
	Start               time.Time
	Count               uint64
	Sum, Min, Max, Mean float64
	// Variance is NaN where it was not kept.
	Variance float64
	Devices  uint64
	// deviation is the sum of the squared distances from the mean.
	deviation float64
}

// merge adds another part. The squared distances from a common mean are those from each part's own and the parts' from it.
func (w *RollupWindow) merge(o RollupWindow) {
	if w.Count == 0 {
		*w = o
		return
	}
	n, m := float64(w.Count), float64(o.Count)
	apart := o.Sum/m - w.Sum/n
	w.deviation += o.deviation + apart*apart*n*m/(n+m)
	w.Count += o.Count
	w.Sum += o.Sum
	w.Min, w.Max = min(w.Min, o.Min), max(w.Max, o.Max)
	w.Devices += o.Devices
}

// PlaceSeries is one measurement at one place, oldest first.
type PlaceSeries struct {
	Place       Place
	Measurement string
	Windows     []RollupWindow
}

// Rollup is the outcome.
type Rollup struct {
	Series     []PlaceSeries
	Resolution Resolution
	Truncated  bool
}

// Rollup answers a request for places from the windows of their devices.
func (s *Service) Rollup(ctx context.Context, tenant tenancy.ID, r RollupRequest) (Rollup, error) {
	coarser := choose(Request{Start: r.Start, End: r.End, Limit: r.Limit})
	if r.Resolution == Auto {
		r.Resolution = coarser
	}
	var err error
	if r.Resolution, err = s.there(ctx, tenant, selection{from: r.Start, to: r.End, measurements: r.Measurements}, r.Resolution, coarser, r.Kept); err != nil {
		return Rollup{}, err
	}
	width := time.Duration(r.Resolution)
	out := Rollup{Resolution: r.Resolution}
	r.Start = r.Start.UTC().Truncate(width)
	if most := r.End.Add(-time.Duration(r.Limit) * width); r.Start.Before(most.Truncate(width)) {
		out.Truncated = true
		r.Start = most.Truncate(width).Add(width)
	}
	type key struct {
		place       Place
		measurement string
	}
	found := map[key]map[int64]*RollupWindow{}
	take := func(places []Place) func(Row) error {
		return func(row Row) error {
			var place uint32
			var measurement string
			var w RollupWindow
			if err := row.Scan(&place, &measurement, &w.Start, &w.Count, &w.Sum, &w.Min, &w.Max, &w.deviation, &w.Devices); err != nil {
				return err
			}
			k := key{places[place], measurement}
			if found[k] == nil {
				found[k] = map[int64]*RollupWindow{}
			}
			of := found[k][w.Start.Unix()]
			if of == nil {
				of = &RollupWindow{}
				found[k][w.Start.Unix()] = of
			}
			of.merge(w)
			return nil
		}
	}
	if r.Places == nil {
		text, args := rollupSQL(r, nil, nil)
		if err := s.store.Query(ctx, tenant, text, args, take([]Place{{}})); err != nil {
			return out, err
		}
	}
	for part := range slices.Chunk(devicesOf(r.Places), rollupDevices) {
		places, numbers := number(r.Places, part)
		text, args := rollupSQL(r, part, numbers)
		if err := s.store.Query(ctx, tenant, text, args, take(places)); err != nil {
			return out, err
		}
	}
	for k, windows := range found {
		series := PlaceSeries{Place: k.place, Measurement: k.measurement}
		for _, w := range windows {
			w.Start = w.Start.UTC()
			w.Mean = w.Sum / float64(w.Count)
			w.Variance = math.Max(0, w.deviation) / float64(w.Count)
			series.Windows = append(series.Windows, *w)
		}
		slices.SortFunc(series.Windows, func(a, b RollupWindow) int { return a.Start.Compare(b.Start) })
		out.Series = append(out.Series, series)
	}
	slices.SortFunc(out.Series, func(a, b PlaceSeries) int {
		return cmp.Or(cmp.Compare(a.Place.Facility, b.Place.Facility), cmp.Compare(a.Place.Line, b.Place.Line),
			cmp.Compare(a.Place.Station, b.Place.Station), cmp.Compare(a.Measurement, b.Measurement))
	})
	return out, nil
}

func devicesOf(places map[string]Place) []string {
	devices := make([]string, 0, len(places))
	for d := range places {
		devices = append(devices, d)
	}
	slices.Sort(devices)
	return devices
}

// number gives each place of some devices a number, and each device that of its place.
func number(of map[string]Place, devices []string) (places []Place, numbers []uint32) {
	known := map[Place]uint32{}
	for _, d := range devices {
		n, ok := known[of[d]]
		if !ok {
			n = uint32(len(places)) //nolint:gosec // at most rollupDevices
			known[of[d]] = n
			places = append(places, of[d])
		}
		numbers = append(numbers, n)
	}
	return places, numbers
}

// rollupSQL merges the segments of each minute and the windows of each place.
func rollupSQL(r RollupRequest, devices []string, numbers []uint32) (string, []any) {
	place := "toUInt32(0)"
	var args []any
	if devices != nil {
		place, args = "transform(toString(device), ?, ?, toUInt32(0))", []any{devices, numbers}
	}
	source, own := selection{r.Start, r.End, devices, r.Measurements}.source(r.Resolution)
	return `select ` + place + ` as place, measurement, ` + Request{Resolution: r.Resolution}.floor("start") + ` as window, sum(count) as n, sum(sum) as total,
    min(min) as lowest, max(max) as highest,
    sum(squares) + sum(sum * sum / count) - total * total / n as deviation, uniqExact(device) as devices
from (` + source + `)
group by place, measurement, window`, append(args, own...)
}
