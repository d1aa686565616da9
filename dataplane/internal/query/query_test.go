package query_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/migrations/chtest"
	"github.com/millwright-io/millwright/tenancy"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// bundle is a tenant's database on the real store, filled by a real engine, and the service over it.
type bundle struct {
	store   *clickhouse.Store
	server  *chtest.Server
	tenant  tenancy.ID
	service *query.Service
	state   *engine.State
	frames  uint64
}

type reader struct{ *clickhouse.Store }

func (r reader) Query(ctx context.Context, tenant tenancy.ID, text string, args []any, each func(query.Row) error) error {
	return r.Store.Query(ctx, tenant, text, args, func(rows clickhouse.Rows) error { return each(rows) })
}

func setup(t testing.TB) *bundle {
	t.Helper()
	server := chtest.New(t)
	store, err := clickhouse.New(clickhouse.Config{URL: server.URL, User: server.User, Password: server.Password, Secret: []byte(strings.Repeat("s", 32))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b := &bundle{store: store, server: server, tenant: tenancy.NewID(), state: engine.New(engine.DefaultOptions())}
	if err := store.Provision(t.Context(), b.tenant); err != nil {
		t.Fatal(err)
	}
	b.service = query.New(reader{store}, func() time.Time { return start.Add(time.Hour) })
	return b
}

// send runs events through the engine at a time of the log and stores what follows.
func (b *bundle) send(t *testing.T, at time.Time, events ...telemetry.Event) {
	t.Helper()
	b.frames++
	out := &engine.Outputs{}
	for i := range events {
		events[i].Tenant, events[i].Received, events[i].Size = b.tenant, at.UnixNano(), 100
	}
	b.state.Step(engine.Frame{Sequence: b.frames, Time: at.UnixNano(), Events: events}, out)
	for _, rows := range out.Tenants {
		token := fmt.Sprint(b.frames)
		if len(rows.Events) > 0 {
			if err := b.store.InsertEvents(t.Context(), b.tenant, 0, rows.Events, token); err != nil {
				t.Fatal(err)
			}
		}
		if len(rows.Windows) == 0 {
			continue
		}
		if err := b.store.InsertWindows(t.Context(), b.tenant, rows.Windows, token); err != nil {
			t.Fatal(err)
		}
	}
}

// settle lets the log's time pass until every window is stored.
func (b *bundle) settle(t *testing.T, at time.Time) {
	t.Helper()
	for ; b.state.Dirty(); at = at.Add(time.Second) {
		b.send(t, at)
	}
}

func press(i int, at time.Time, temperature float64) telemetry.Event {
	return telemetry.Event{
		Device: "press_01", Time: at.UnixNano(), HasSequence: true, Epoch: "boot", Sequence: uint64(i + 1),
		Names: []string{"temperature", "vibration.x"}, Values: []float64{temperature, -temperature},
	}
}

func TestSeriesComeRawAndByWindow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 120 { // a value a second for two minutes
		at := start.Add(time.Duration(i) * time.Second)
		b.send(t, at, press(i, at, float64(i)))
	}
	b.settle(t, start.Add(2*time.Minute))
	request := query.Request{Device: "press_01", Measurements: []string{"temperature"}, Start: start, End: start.Add(time.Hour), Limit: 1000}
	raw, err := b.service.Series(t.Context(), b.tenant, request)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw.Series) != 1 || len(raw.Series[0].Points) != 120 || raw.Resolution != query.Raw || raw.Truncated {
		t.Fatalf("raw: %+v", raw)
	}
	if p := raw.Series[0].Points[7]; p != (query.Point{Time: start.Add(7 * time.Second), Value: 7}) {
		t.Errorf("the eighth point is %+v", p)
	}
	request.Limit, request.End = 50, start.Add(30*time.Minute) // does not fit: windows
	windows, err := b.service.Series(t.Context(), b.tenant, request)
	if err != nil {
		t.Fatal(err)
	}
	want := query.Result{Resolution: query.Minute, Series: []query.Series{{Measurement: "temperature", Windows: []query.Window{
		{Start: start, Count: 60, Sum: 1770, Min: 0, Max: 59, Mean: 29.5, Variance: 3599.0 / 12, First: 0, Last: 59},
		{Start: start.Add(time.Minute), Count: 60, Sum: 5370, Min: 60, Max: 119, Mean: 89.5, Variance: 3599.0 / 12, First: 60, Last: 119},
	}}}}
	if diff := cmp.Diff(want, windows, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("windows differ (-want +got):\n%s", diff)
	}
	request.Resolution = query.Raw
	newest, err := b.service.Series(t.Context(), b.tenant, request)
	if err != nil || !newest.Truncated || len(newest.Series[0].Points) != 50 || newest.Series[0].Points[49].Value != 119 {
		t.Errorf("the newest 50: %+v, error %v", newest, err)
	}
	if other, err := b.service.Series(t.Context(), b.tenant, query.Request{Device: "nobody", Start: start, End: start.Add(time.Hour), Limit: 10}); err != nil || len(other.Series) != 0 {
		t.Errorf("a device without events: %+v, error %v", other, err)
	}
}

// Every resolution against the same computed here, with late data in several segments.
func TestWindowsOfEveryResolution(t *testing.T) {
	t.Parallel()
	b := setup(t)
	random := rand.New(rand.NewPCG(5, 6))
	log := start
	points := map[int64]float64{} // by time
	for i := range 150 {
		log = log.Add(time.Duration(random.IntN(60_000)) * time.Millisecond)
		at := log.Add(-time.Duration(random.IntN(3600)) * time.Second).Add(time.Duration(i)) // no two are equal
		value := math.Round(random.NormFloat64()*1000) / 8
		points[at.UnixNano()] = value
		b.send(t, log, press(i, at, value))
	}
	b.settle(t, log)
	for _, resolution := range []query.Resolution{query.Second, query.Minute, query.FiveMinutes, query.QuarterHour, query.Hour, query.Day} {
		got, err := b.service.Series(t.Context(), b.tenant, query.Request{
			Device: "press_01", Measurements: []string{"temperature"}, Start: start.Add(-time.Hour), End: log.Add(time.Minute), Limit: 1000,
			Resolution: resolution, Quantiles: []float64{0.5, 0.95},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := query.Result{Resolution: resolution, Series: []query.Series{{Measurement: "temperature", Windows: expected(points, time.Duration(resolution))}}}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
			t.Errorf("windows of %s differ (-want +got):\n%s", time.Duration(resolution), diff)
		}
	}
}

// expected makes the windows of a width from points.
func expected(points map[int64]float64, width time.Duration) []query.Window {
	windows := map[int64][]int64{}
	for _, at := range slices.Sorted(maps.Keys(points)) {
		s := time.Unix(0, at).UTC().Truncate(width).UnixNano()
		windows[s] = append(windows[s], at)
	}
	var out []query.Window
	for _, s := range slices.Sorted(maps.Keys(windows)) {
		times := windows[s]
		w := query.Window{Start: time.Unix(0, s).UTC(), Count: uint64(len(times)), First: points[times[0]], Last: points[times[len(times)-1]]}
		values := make([]float64, 0, len(times))
		for _, at := range times {
			values = append(values, points[at])
			w.Sum += points[at]
		}
		slices.Sort(values)
		w.Min, w.Max, w.Mean = values[0], values[len(values)-1], w.Sum/float64(len(values))
		for _, v := range values {
			w.Variance += (v - w.Mean) * (v - w.Mean) / float64(len(values))
		}
		for _, q := range []float64{0.5, 0.95} {
			place := q * float64(len(values)-1)
			below := int(place)
			above := min(below+1, len(values)-1)
			w.Quantiles = append(w.Quantiles, values[below]+(place-float64(below))*(values[above]-values[below]))
		}
		out = append(out, w)
	}
	return out
}

func TestLatestIsTheNewestByEventTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := start.Add(time.Hour)
	b.send(t, now.Add(-20*time.Minute), press(0, now.Add(-20*time.Minute), 1))
	b.settle(t, now.Add(-19*time.Minute))
	b.send(t, now.Add(-2*time.Second), press(1, now.Add(-2*time.Second), 2))
	b.send(t, now.Add(-time.Second), press(2, now.Add(-10*time.Minute), 3)) // received last, measured before
	got, err := b.service.Latest(t.Context(), b.tenant, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !got[0].Time.Equal(now.Add(-2*time.Second)) || got[0].Values["temperature"] != 2 || !got[0].Received.Equal(now.Add(-time.Second)) {
		t.Errorf("latest: %+v", got)
	}
}

func TestTimesAreOfThoseHeardSinceOrEver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := start.Add(time.Hour)
	b.send(t, now.Add(-20*time.Minute), press(0, now.Add(-20*time.Minute), 1))
	b.settle(t, now.Add(-19*time.Minute))
	for since, want := range map[time.Time]int{{}: 1, now.Add(-21 * time.Minute): 1, now.Add(-time.Minute): 0} {
		got, more, err := b.service.Times(t.Context(), b.tenant, nil, since)
		if err != nil || more || len(got) != want || (want > 0 && !got[0].Received.Equal(now.Add(-20*time.Minute))) {
			t.Errorf("since %v: %+v %t %v", since, got, more, err)
		}
	}
	if got, _, err := b.service.Times(t.Context(), b.tenant, []string{"another"}, time.Time{}); err != nil || len(got) != 0 {
		t.Errorf("another device: %+v %v", got, err)
	}
}

func TestARecountMissesTheWindowsThatAreNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := start.Add(59*time.Second + 500*time.Millisecond) // the last second of a minute
	b.send(t, at, press(1, at, 20))                        // its windows are still in the engine's hands
	got, err := b.service.Recount(t.Context(), b.tenant, start.Add(-time.Minute), start.Add(time.Minute))
	if err != nil || got.Windows != 2 || got.Different != 2 || got.Examples[0].Recounted.Count != 1 || got.Examples[0].Stored.Count != 0 {
		t.Errorf("%+v, error %v", got, err)
	}
}

func TestARecountAgreesWithTheEngine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	random := rand.New(rand.NewPCG(1, 2))
	log := start
	events := uint64(0)
	for i := range 200 {
		log = log.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
		// Late by up to ten minutes, with equal times now and then, and with values that do not add up exactly.
		at := log.Add(-time.Duration(random.IntN(600)) * time.Second).Truncate(time.Second)
		e := press(i, at, random.NormFloat64()*math.Exp(random.Float64()*20))
		b.send(t, log, e, e) // the second is a duplicate
		events++
	}
	b.settle(t, log)
	from, to := start, log.Add(time.Minute)
	got, err := b.service.Recount(t.Context(), b.tenant, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if got.Windows < 10 || got.Different != 0 || len(got.Examples) != 0 {
		t.Errorf("%d windows, %d differ: %+v", got.Windows, got.Different, got.Examples)
	}
	if want := []query.Count{{Start: start, Events: events, Points: 2 * events, Bytes: 100 * events}}; !cmp.Equal(want, got.Counts) {
		t.Errorf("counts %+v, want %+v", got.Counts, want)
	}
	b.service.Together(3)
	if parted, err := b.service.Recount(t.Context(), b.tenant, from, to); err != nil || parted.Windows != got.Windows || parted.Different != 0 {
		t.Errorf("a few devices at a time: %d windows, %d different, %v; want %d", parted.Windows, parted.Different, err, got.Windows)
	}
	if empty, err := b.service.Recount(t.Context(), b.tenant, to, to.Add(time.Hour)); err != nil || empty.Windows != 0 || len(empty.Counts) != 0 {
		t.Errorf("an hour without events: %+v, error %v", empty, err)
	}
	b.forge(t)
	got, err = b.service.Recount(t.Context(), b.tenant, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if got.Different != 2 || len(got.Examples) != 2 || got.Counts[0].Events != events+1 {
		t.Errorf("after one row was put in by hand: %d differ, %+v, %+v", got.Different, got.Examples, got.Counts)
	}
}

// forge stores a row behind the engine's back.
func (b *bundle) forge(t *testing.T) {
	t.Helper()
	at := start.Add(time.Minute)
	e := press(9999, at, 1e9)
	e.Tenant, e.Received, e.Size = b.tenant, at.UnixNano(), 100
	rows := []engine.EventRow{{Event: &e, Sequence: 1 << 40}}
	if err := b.store.InsertEvents(t.Context(), b.tenant, 0, rows, "forged"); err != nil {
		t.Fatal(err)
	}
}

// TestAnAnswerIsBounded asks for more than an answer has room for: it is coarser where the caller leaves the choice, and refused otherwise.
func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, "insert into "+b.tenant.Database()+`.minutes (device, measurement, start, segment, version, count, sum, min, max, squares, first, first_time, last, last_time)
		select 'wide', 'm' || toString(number % 150), toDateTime('2026-03-01 00:00:00', 'UTC') + intDiv(number, 150) * 60 as at, 1, 1, 1, 1, 1, 1, 0, 1, at, 1, at from numbers(150 * 1500)`)
	b.exec(t, "insert into "+b.tenant.Database()+`.events (device, time, received, names, values, log_sequence)
		select 'wide', toDateTime64('2026-03-01 00:00:00', 9, 'UTC') + number * 60 as at, at, arrayMap(i -> 'm' || toString(i), range(150)), arrayMap(i -> 1., range(150)), number from numbers(1500)`)
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	request := query.Request{Device: "wide", Start: from, End: from.Add(25 * time.Hour), Limit: 2000, Resolution: query.Minute}
	if _, err := b.service.Series(t.Context(), b.tenant, request); !errors.Is(err, tenancy.ErrInvalid) || !strings.HasPrefix(err.Error(), "the answer has more than 200000") {
		t.Errorf("%d windows: %v", 150*1500, err)
	}
	request.Resolution = query.Auto
	result, err := b.service.Series(t.Context(), b.tenant, request)
	if err != nil || result.Resolution != query.FiveMinutes || len(result.Series) != 150 || len(result.Series[0].Windows) != 300 {
		t.Errorf("auto: %d series at %v, %v", len(result.Series), time.Duration(result.Resolution), err)
	}
}
