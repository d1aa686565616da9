package query_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/millwright-io/millwright/dataplane/internal/query"
)

// makeHours brings the hours up to date, as of a time before or after now.
func (b *bundle) makeHours(t testing.TB, settle time.Duration) {
	t.Helper()
	if _, err := b.store.SumHours(t.Context(), b.tenant, settle); err != nil {
		t.Fatal(err)
	}
}

// Hours are made again and again while data of two days comes late and in no order; at every stage the answers are what was sent.
func TestHoursAreWhatWasSentHoweverLateItCame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	random := rand.New(rand.NewPCG(7, 8))
	points := map[int64]float64{} // by time
	log := start
	for i := range 200 {
		log = log.Add(time.Duration(random.IntN(60)) * time.Second)
		at := start.Add(-time.Duration(random.IntN(48*3600)) * time.Second).Add(time.Duration(i)) // no two are equal
		value := math.Round(random.NormFloat64()*1000) / 8
		points[at.UnixNano()] = value
		b.send(t, log, press(i, at, value))
		if i%25 != 24 {
			continue
		}
		b.settle(t, log)
		log = log.Add(time.Minute)
		for _, made := range []bool{false, true} {
			if made {
				b.makeHours(t, 0)
			}
			for _, resolution := range []query.Resolution{query.Hour, query.Day} {
				b.agrees(t, resolution, start.Add(-49*time.Hour), start.Add(time.Hour), points)
			}
		}
	}
	b.exec(t, "truncate table "+b.tenant.Database()+".minutes") // what is left is hours
	for _, resolution := range []query.Resolution{query.Hour, query.Day} {
		b.agrees(t, resolution, start.Add(-49*time.Hour), start.Add(time.Hour), points)
	}
	latest, err := b.service.Latest(t.Context(), b.tenant, []string{"press_01"})
	if err != nil || len(latest) != 1 || len(latest[0].Values) != 2 {
		t.Errorf("latest: %+v, %v", latest, err)
	}
}

// agrees holds windows and rollups of a range against the points that were sent.
func (b *bundle) agrees(t *testing.T, resolution query.Resolution, from, to time.Time, points map[int64]float64) {
	t.Helper()
	got, err := b.service.Series(t.Context(), b.tenant, query.Request{
		Device: "press_01", Measurements: []string{"temperature"}, Start: from, End: to, Limit: 1000, Resolution: resolution,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := expected(points, time.Duration(resolution))
	for i := range want {
		want[i].Quantiles = nil
	}
	if diff := cmp.Diff([]query.Series{{Measurement: "temperature", Windows: want}}, got.Series, cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
		t.Errorf("windows of %s after %d points differ (-want +got):\n%s", time.Duration(resolution), len(points), diff)
	}
	rollup, err := b.service.Rollup(t.Context(), b.tenant, query.RollupRequest{
		Measurements: []string{"temperature"}, Start: from, End: to, Limit: 1000, Resolution: resolution,
	})
	if err != nil || len(rollup.Series) != 1 || len(rollup.Series[0].Windows) != len(want) {
		t.Fatalf("rollup: %+v, %v", rollup, err)
	}
	for i, w := range rollup.Series[0].Windows {
		if w.Count != want[i].Count || w.Min != want[i].Min || w.Max != want[i].Max || math.Abs(w.Variance-want[i].Variance) > 1e-6*(1+want[i].Variance) {
			t.Errorf("rollup %+v, want %+v", w, want[i])
		}
	}
}

// A range that ends within an hour has the part of it, and an hour that lost some of its minutes stays whole.
func TestAnHourIsNotShortenedByWhatIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 60 {
		at := start.Add(time.Duration(i) * time.Minute)
		b.send(t, at, press(i, at, float64(i)))
	}
	b.settle(t, start.Add(time.Hour))
	b.makeHours(t, -time.Minute)
	count := func(end time.Time) uint64 {
		t.Helper()
		got, err := b.service.Series(t.Context(), b.tenant, query.Request{
			Device: "press_01", Measurements: []string{"temperature"}, Start: start, End: end, Limit: 10, Resolution: query.Hour,
		})
		if err != nil || len(got.Series) != 1 || len(got.Series[0].Windows) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		return got.Series[0].Windows[0].Count
	}
	if n := count(start.Add(20 * time.Minute)); n != 20 {
		t.Errorf("a third of an hour has %d values, want 20", n)
	}
	b.exec(t, "alter table "+b.tenant.Database()+".minutes delete where start < toDateTime('"+start.Add(30*time.Minute).Format(time.DateTime)+"', 'UTC') settings mutations_sync = 1")
	at := start.Add(45*time.Minute + time.Second)
	b.send(t, start.Add(2*time.Hour), press(60, at, 1))
	b.settle(t, start.Add(2*time.Hour+time.Minute))
	for range 2 {
		if n := count(start.Add(time.Hour)); n != 60 {
			t.Errorf("the hour has %d values, want the 60 of before: its minutes are not whole any more", n)
		}
		b.makeHours(t, 0)
	}
}
