package query_test

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/tenancy"
)

// Events are kept for a day, minutes for two: what is gone is answered from what is left, and the answer says so.
func TestWhatIsGoneIsAnsweredByACoarserResolution(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := start.Add(-72 * time.Hour)
	i := 0
	for ; i < 6*60; i++ { // six hours, a value a minute
		at := first.Add(time.Duration(i) * time.Minute)
		b.send(t, at, press(i, at, float64(i)))
	}
	b.settle(t, first.Add(6*time.Hour))
	b.makeHours(t, -time.Minute)
	ask := func(resolution query.Resolution, kept tenancy.Kept) (query.Result, uint64) {
		t.Helper()
		got, err := b.service.Series(t.Context(), b.tenant, query.Request{
			Device: "press_01", Measurements: []string{"temperature"}, Start: first, End: first.Add(6 * time.Hour), Limit: 1000, Resolution: resolution, Kept: kept,
		})
		if err != nil || len(got.Series) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		n := uint64(len(got.Series[0].Points))
		for _, w := range got.Series[0].Windows {
			n += w.Count
		}
		return got, n
	}
	kept := tenancy.Kept{Events: 1, Minutes: 2}
	check := func(state string, want map[query.Resolution]query.Resolution) {
		t.Helper()
		for asked, used := range want {
			if got, n := ask(asked, kept); got.Resolution != used || n != 360 {
				t.Errorf("%s, asked for %s: %s with %d values, want %s with 360", state, time.Duration(asked), time.Duration(got.Resolution), n, time.Duration(used))
			}
		}
	}
	check("all is there although it is old", map[query.Resolution]query.Resolution{query.Auto: query.Raw, query.Raw: query.Raw, query.Second: query.Second, query.Minute: query.Minute})
	db := b.tenant.Database()
	b.exec(t, "truncate table "+db+".events")
	check("events are gone", map[query.Resolution]query.Resolution{query.Auto: query.Minute, query.Raw: query.Minute, query.Second: query.Minute, query.QuarterHour: query.QuarterHour})
	b.exec(t, "alter table "+db+".minutes delete where start < toDateTime('"+first.Add(3*time.Hour).Format(time.DateTime)+"', 'UTC') settings mutations_sync = 1")
	check("half of the minutes are gone", map[query.Resolution]query.Resolution{query.Auto: query.Hour, query.Raw: query.Hour, query.FiveMinutes: query.Hour, query.Day: query.Day})
	rollup, err := b.service.Rollup(t.Context(), b.tenant, query.RollupRequest{
		Measurements: []string{"temperature"}, Start: first, End: first.Add(6 * time.Hour), Limit: 1000, Resolution: query.Minute, Kept: kept,
	})
	if err != nil || rollup.Resolution != query.Hour || len(rollup.Series) != 1 || len(rollup.Series[0].Windows) != 6 {
		t.Errorf("rollup: %+v, %v", rollup, err)
	}
	kept = tenancy.Kept{} // for ever: nothing is looked for
	if got, n := ask(query.Minute, kept); got.Resolution != query.Minute || n != 180 {
		t.Errorf("kept for ever: %s with %d values", time.Duration(got.Resolution), n)
	}
}
