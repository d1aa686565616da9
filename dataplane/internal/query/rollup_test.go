package query_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

func TestARollupIsWhatItsDevicesSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	values := map[string][]float64{"a": {1, 2, 3}, "b": {10, 20}, "c": {-5}, "elsewhere": {1000}}
	for device, list := range values {
		for i, v := range list {
			b.send(t, start.Add(time.Duration(i)*time.Second), telemetry.Event{
				Device: device, Time: start.Add(time.Duration(i) * time.Second).UnixNano(), MessageID: fmt.Sprint(device, i), Names: []string{"v", "w"}, Values: []float64{v, 0},
			})
		}
	}
	b.settle(t, start.Add(5*time.Minute))
	north, south := query.Place{Facility: "north", Line: "1"}, query.Place{Facility: "south"}
	r := query.RollupRequest{
		Places: map[string]query.Place{"a": north, "b": north, "c": south}, Measurements: []string{"v"}, Start: start, End: start.Add(time.Hour), Resolution: query.Hour, Limit: 10,
	}
	got, err := b.service.Rollup(t.Context(), b.tenant, r)
	if err != nil || len(got.Series) != 2 || got.Series[0].Place != north || got.Series[1].Place != south || len(got.Series[0].Windows) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	w := got.Series[0].Windows[0]
	mean := 36.0 / 5
	variance := 0.0
	for _, v := range []float64{1, 2, 3, 10, 20} {
		variance += (v - mean) * (v - mean) / 5
	}
	if w.Count != 5 || w.Sum != 36 || w.Min != 1 || w.Max != 20 || w.Devices != 2 || math.Abs(w.Mean-mean) > 1e-9 || math.Abs(w.Variance-variance) > 1e-9 {
		t.Errorf("%+v, want a variance of %g", w, variance)
	}
	r.Places = nil // the whole organisation
	if got, err = b.service.Rollup(t.Context(), b.tenant, r); err != nil || len(got.Series) != 1 || got.Series[0].Windows[0].Count != 7 || got.Series[0].Windows[0].Devices != 4 {
		t.Errorf("of all: %+v, %v", got, err)
	}
	r.Resolution, r.Limit = query.Auto, 3
	if got, err = b.service.Rollup(t.Context(), b.tenant, r); err != nil || got.Resolution != query.Hour || got.Truncated {
		t.Errorf("by itself: %+v, %v", got, err)
	}
	r.Resolution, r.Limit = query.Minute, 3
	if got, err = b.service.Rollup(t.Context(), b.tenant, r); err != nil || !got.Truncated {
		t.Errorf("beyond the limit: %+v, %v", got, err)
	}
}

// BenchmarkRollup asks for one measurement of 1000 devices that sent nine for a day.
func BenchmarkRollup(b *testing.B) {
	bundle := setup(b)
	const devices, minutes = 1000, 24 * 60
	for m := range 9 {
		statement := fmt.Sprintf(`insert into %s.minutes (device, measurement, start, segment, version, count, sum, min, max, squares, first, first_time, last, last_time)
select 'device_' || toString(number %% %[2]d), 'm%[4]d', toDateTime('2025-01-01 00:00:00', 'UTC') + 60 * intDiv(number, %[2]d) as at,
    number, number, 60, 60 * sin(number), sin(number) - 1, sin(number) + 1, 30, sin(number), at, cos(number), at + 59
from numbers(%[3]d)`, bundle.tenant.Database(), devices, devices*minutes, m)
		bundle.exec(b, statement)
	}
	bundle.makeHours(b, -time.Minute)
	places := map[string]query.Place{}
	for i := range devices {
		places[fmt.Sprint("device_", i)] = query.Place{Facility: fmt.Sprint("plant_", i%4)}
	}
	first := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		places map[string]query.Place
		span   time.Duration
		width  query.Resolution
	}{
		{"hour by facility in minutes", places, time.Hour, query.Minute},
		{"day by facility in 5 minutes", places, 24 * time.Hour, query.FiveMinutes},
		{"day by facility in hours", places, 24 * time.Hour, query.Hour},
		{"day of all in 5 minutes", nil, 24 * time.Hour, query.FiveMinutes},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				got, err := bundle.service.Rollup(b.Context(), bundle.tenant, query.RollupRequest{
					Places: c.places, Measurements: []string{"m3"}, Start: first, End: first.Add(c.span), Limit: 500, Resolution: c.width,
				})
				if err != nil || len(got.Series) == 0 {
					b.Fatalf("%d series, error %v", len(got.Series), err)
				}
			}
		})
	}
}
