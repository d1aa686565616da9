package engine

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// The oracle is the two-pass definition.
func TestDeviationIsThatOfTwoPasses(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		level, spread := r.NormFloat64()*math.Pow(10, float64(r.IntN(8))), math.Pow(10, float64(r.IntN(6)-3))
		values := make([]float64, 1+r.IntN(600))
		var s Summary
		sum := 0.0
		for i := range values {
			values[i] = level + spread*r.NormFloat64()
			s.add(values[i], int64(i))
			sum += values[i]
		}
		mean, want := sum/float64(len(values)), 0.0
		for _, v := range values {
			want += (v - mean) * (v - mean)
		}
		// On top: what the rounding of the sum leaves of the distances.
		slack := 1e-9*want + float64(len(values))*math.Abs(level)*1e-14*spread
		if got := s.Deviation(); math.Abs(got-want) > slack+1e-12 {
			t.Fatalf("%d values about %g with a spread of %g: deviation %g, want %g", len(values), level, spread, got, want)
		}
	}
	one := Summary{}
	one.add(1e300, 0)
	if one.Deviation() != 0 {
		t.Errorf("the deviation of one value is %g", one.Deviation())
	}
}

func TestASnapshotOfTheVersionBeforeIsRead(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/snapshot-1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if s.Devices() != 2 || s.Position() != 1 || len(s.devices[0].windows) != 1 {
		t.Fatalf("%d devices at %d", s.Devices(), s.Position())
	}
	open := s.devices[0].windows[0].summaries[0]
	if open.Count != 10 || !math.IsNaN(open.Deviation()) {
		t.Errorf("the open window has %+v", open)
	}
	if again, err := Decode(s.Encode(nil)); err != nil || again.Devices() != 2 {
		t.Errorf("encoded again: %v", err)
	}
}

func TestASnapshotWithoutPulseIsRead(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/snapshot-2")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if s.Devices() != 1 || s.Position() != 10 || s.pulse != s.logTime || s.devices[0].windows[0].summaries[0].Count != 10 {
		t.Fatalf("%d devices at %d, pulse %d of %d", s.Devices(), s.Position(), s.pulse, s.logTime)
	}
}
