package latency_test

import (
	"math"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/latency"
)

func TestQuantilesAreCloseToTheTruth(t *testing.T) {
	t.Parallel()
	for _, unit := range []time.Duration{time.Microsecond, 37 * time.Microsecond, time.Millisecond, time.Second} {
		var h latency.Histogram
		for i := range 1000 {
			h.Add(time.Duration(i+1) * unit)
		}
		for _, q := range []float64{0.01, 0.5, 0.9, 0.99} {
			want := q * 1000 * float64(unit)
			if got := float64(h.Quantile(q)); math.Abs(got-want) > 0.035*want+float64(2*unit) {
				t.Errorf("unit %s: quantile %g is %s, want about %s", unit, q, time.Duration(got), time.Duration(want))
			}
		}
		if h.Quantile(1) != 1000*unit || h.Count() != 1000 {
			t.Errorf("unit %s: greatest %s of %d", unit, h.Quantile(1), h.Count())
		}
	}
}

func TestExtremesAreKept(t *testing.T) {
	t.Parallel()
	var h latency.Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	h.Add(-time.Second, math.MaxInt64)
	if h.Quantile(0.99) <= 0 {
		t.Error("the greatest duration is lost")
	}
}
