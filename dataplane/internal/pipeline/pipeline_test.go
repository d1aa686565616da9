package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

func TestFiguresAreThoseOfTheLastMinute(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	// 100 events a second of one tenant; each takes between 10 and 20 ms, but in the first minute it was a second.
	sample := func(second int) Sample {
		slow, quick := uint64(100*min(second, 60)), uint64(100*max(0, second-60))
		return Sample{
			At:       start.Add(time.Duration(second) * time.Second),
			Stages:   map[string]Histogram{"commit": {Bounds: []float64{0.01, 0.02, 1}, Cumulative: []uint64{0, quick, quick + slow}, Count: quick + slow}},
			Outcomes: map[string]float64{"stored": float64(slow + quick)}, Refusals: map[string]float64{"rate": float64(second), "old": 7},
			Tenants: map[tenancy.ID]Counts{"acme": {Events: slow + quick, Points: 9 * (slow + quick)}, "silent": {Events: 5}},
		}
	}
	var h History
	for second := 0; second <= 130; second += 10 {
		h.Add(sample(second))
	}
	f := Join([]Part{h.Part(sample(135))}, []string{"commit", "step"})
	if f.Span < time.Minute || f.Span > time.Minute+Every || f.Stored != 100 || len(f.Refusals) != 1 || f.Refusals[0] != (Refusal{"rate", 1}) {
		t.Errorf("%+v", f)
	}
	if len(f.Tenants) != 1 || f.Tenants[0] != (Tenant{ID: "acme", Events: 100, Points: 900}) {
		t.Errorf("tenants: %+v", f.Tenants)
	}
	commit := f.Stages[0]
	if commit.PerSecond != 100 || commit.P50 < 14*time.Millisecond || commit.P50 > 16*time.Millisecond || commit.P99 > 20*time.Millisecond {
		t.Errorf("commit: %+v", commit)
	}
	if f.Stages[1] != (Stage{Name: "step"}) {
		t.Errorf("step: %+v", f.Stages[1])
	}
}

func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	now := Sample{At: time.Unix(60, 0), Refusals: map[string]float64{}, Tenants: map[tenancy.ID]Counts{}}
	for i := range 100 {
		now.Refusals[fmt.Sprint(i)] = float64(i)
		now.Tenants[tenancy.ID(fmt.Sprint(i))] = Counts{Events: uint64(i)}
	}
	var h History
	h.Add(Sample{At: time.Unix(0, 0)})
	f := Join([]Part{h.Part(now)}, nil)
	if len(f.Tenants) != most || f.Tenants[0].ID != "99" || len(f.Refusals) != most || f.Refusals[0].Reason != "99" {
		t.Errorf("%+v", f)
	}
	if got := (&History{}).Part(now); got.Span != 0 {
		t.Errorf("without a history: %+v", got)
	}
}

func TestPartsOfProcessesAddUp(t *testing.T) {
	t.Parallel()
	first, second := time.Unix(1000, 0), time.Unix(2000, 0)
	quick := Taken{Histogram{[]float64{0.01, 0.1}, []uint64{99, 99}, 99}, 99}
	slow := Taken{Histogram{[]float64{0.01, 0.1}, []uint64{0, 1}, 1}, 1}
	f := Join([]Part{
		{
			Started: second, Span: time.Minute, Partitions: []Lag{{Partition: 1}}, Stages: map[string]Taken{"publish": quick, "insert": slow}, Stored: 3,
			Refusals: map[string]float64{"rate": 1}, Tenants: []Tenant{{ID: "a", Events: 1}}, LiveSessions: 2,
		},
		{
			Started: first, Span: time.Second, Partitions: []Lag{{Partition: 0}}, Stages: map[string]Taken{"publish": slow}, Stored: 4,
			Refusals: map[string]float64{"rate": 2, "old": 9}, Tenants: []Tenant{{ID: "b", Events: 5}, {ID: "a", Events: 1, Points: 7}}, Sessions: 3,
		},
		{Started: second, Stages: map[string]Taken{"publish": {Histogram{[]float64{5}, []uint64{50}, 50}, 0}}},
	}, []string{"publish", "insert"})
	if !f.Started.Equal(first) || f.Processes != 3 || f.Span != time.Minute || f.Stored != 7 || f.Sessions != 3 || f.LiveSessions != 2 {
		t.Errorf("%+v", f)
	}
	if len(f.Partitions) != 2 || f.Partitions[0].Partition != 0 {
		t.Errorf("partitions: %+v", f.Partitions)
	}
	if len(f.Refusals) != 2 || f.Refusals[1] != (Refusal{"rate", 3}) {
		t.Errorf("refusals: %+v", f.Refusals)
	}
	if len(f.Tenants) != 2 || f.Tenants[1] != (Tenant{ID: "a", Events: 2, Points: 7}) {
		t.Errorf("tenants: %+v", f.Tenants)
	}
	if p := f.Stages[0]; p.PerSecond != 100 || p.P50 > 10*time.Millisecond || p.P99 > 11*time.Millisecond {
		t.Errorf("publish: %+v", p)
	}
}
