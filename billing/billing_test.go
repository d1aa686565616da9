package billing_test

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing"
)

func TestFillHasEveryHourOnce(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	hours := billing.Fill([]billing.Hour{{Start: start.Add(2 * time.Hour), Used: billing.Used{billing.MeterEvents: 9}}}, start, start.Add(3*time.Hour+time.Minute))
	if len(hours) != 4 {
		t.Fatalf("%d hours, want 4: the one that has begun counts", len(hours))
	}
	for i, h := range hours {
		want := uint64(0)
		if i == 2 {
			want = 9
		}
		if !h.Start.Equal(start.Add(time.Duration(i)*time.Hour)) || h.Of(billing.MeterEvents) != want {
			t.Errorf("hour %d: %+v", i, h)
		}
	}
}
