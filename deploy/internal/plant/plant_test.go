package plant_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/plant"
)

var monday = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func TestTheSameSeedSendsTheSameMessages(t *testing.T) {
	t.Parallel()
	a, b, other := plant.New(7, 60), plant.New(7, 60), plant.New(8, 60)
	differs := false
	for i := range a {
		for k := a[i].First(monday); a[i].Time(k).Before(monday.Add(10 * time.Minute)); k++ {
			at := a[i].Time(k)
			// The second plant renders in another order: what was rendered before must not matter.
			_ = b[i].AppendPayload(nil, "x", at.Add(7*time.Hour), "e", 1)
			x := a[i].AppendPayload(nil, a[i].ID, at, "e", uint64(k))
			y := b[i].AppendPayload(nil, b[i].ID, b[i].Time(k), "e", uint64(k))
			if !bytes.Equal(x, y) {
				t.Fatalf("device %d, event %d:\n%s\n%s", i, k, x, y)
			}
			differs = differs || !bytes.Equal(x, other[i].AppendPayload(nil, a[i].ID, at, "e", uint64(k)))
		}
	}
	if !differs {
		t.Error("another seed sends the same")
	}
}

func TestMessagesHaveTheShapeOfTheSample(t *testing.T) {
	t.Parallel()
	for _, d := range plant.New(1, 30) {
		at := d.Time(d.First(monday.Add(9 * time.Hour)))
		raw := d.AppendPayload(nil, d.ID, at, "boot-1", 42)
		var m struct {
			DeviceID, DeviceType, Epoch string
			Sequence                    uint64
			Timestamp                   time.Time
			Location                    struct {
				Facility, Line, Station string
				Coordinates             struct{ Lat, Lon float64 }
			}
			Measurements map[string]any
			Metadata     struct {
				Battery float64 `json:"battery_level"`
				Signal  float64 `json:"signal_strength"`
				Last    string  `json:"last_maintenance"`
			}
			Quality struct {
				Accuracy float64
				Status   string
			}
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		switch {
		case m.DeviceID != d.ID || m.DeviceType != string(d.Type) || m.Epoch != "boot-1" || m.Sequence != 42,
			!m.Timestamp.Equal(at), m.Location.Facility != d.Facility, m.Location.Coordinates.Lat == 0,
			m.Metadata.Battery < 0 || m.Metadata.Battery > 100, m.Metadata.Signal > -30 || m.Metadata.Signal < -95,
			m.Quality.Accuracy < 95 || m.Quality.Accuracy > 100, m.Quality.Status == "":
			t.Errorf("%s", raw)
		}
		if d.Type == plant.Vibration {
			if axes, ok := m.Measurements["vibration"].(map[string]any); !ok || len(axes) != 3 {
				t.Errorf("vibration is not nested in %s", raw)
			}
		}
	}
}

// ranges are what a plant engineer would believe.
var ranges = map[plant.Type]map[string][2]float64{
	plant.Temperature: {"temperature": {12, 32}, "humidity": {12, 95}, "pressure": {985, 1040}, "vibration.x": {0, 0.1}},
	plant.Vibration:   {"rms": {0, 14}, "crest_factor": {1.5, 8}, "temperature": {15, 110}, "speed": {0, 3100}},
	plant.Pressure:    {"pressure": {5.8, 8.6}, "flow_rate": {0, 120}, "temperature": {20, 60}, "differential_pressure": {0, 0.6}},
	plant.Controller:  {"power": {0, 60}, "state": {0, 4}, "cycle_count": {0, 30000}, "load": {0, 110}},
	plant.Tracker:     {"latitude": {41.5, 42.5}, "longitude": {-83.7, -82.9}, "speed": {0, 135}, "heading": {0, 360}, "fuel_level": {10, 100}},
	plant.Camera:      {"defect_score": {0, 1}, "throughput": {0, 20}, "confidence": {0.5, 1}, "brightness": {150, 200}},
}

func TestSignalsStayPlausibleForAMonth(t *testing.T) {
	t.Parallel()
	seen := map[plant.Type]map[string][2]float64{}
	for _, d := range plant.New(3, 60) {
		if seen[d.Type] == nil {
			seen[d.Type] = map[string][2]float64{}
		}
		for at := monday; at.Before(monday.AddDate(0, 1, 0)); at = at.Add(11*time.Minute + 7*time.Second) {
			for _, m := range d.Signal(at) {
				if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
					t.Fatalf("%s %s at %s is %v", d.ID, m.Name, at, m.Value)
				}
				r, ok := seen[d.Type][m.Name]
				if !ok {
					r = [2]float64{m.Value, m.Value}
				}
				seen[d.Type][m.Name] = [2]float64{min(r[0], m.Value), max(r[1], m.Value)}
			}
		}
	}
	for kind, names := range ranges {
		for name, want := range names {
			got, ok := seen[kind][name]
			if !ok || got[0] < want[0] || got[1] > want[1] {
				t.Errorf("%s %s runs from %g to %g, want within %g to %g", kind, name, got[0], got[1], want[0], want[1])
			}
		}
	}
}

func value(d *plant.Device, at time.Time, name string) (float64, bool) {
	for _, m := range d.Signal(at) {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

func TestABearingFailsAfterAnExponentialRise(t *testing.T) {
	t.Parallel()
	// The first vibration sensor sits on the machine that wears fastest: 8 hours. Its facility rests at night, so look
	// at the second facility, which does not.
	d := plant.New(1, 60)[31]
	if d.Type != plant.Vibration || d.Facility != "factory_02" {
		t.Fatalf("device 31 is a %s in %s", d.Type, d.Facility)
	}
	var highest, lowest float64 = 0, 99
	var when time.Time
	for at := monday; at.Before(monday.Add(24 * time.Hour)); at = at.Add(10 * time.Second) {
		speed, _ := value(d, at, "speed")
		rms, ok := value(d, at, "rms")
		if !ok || speed == 0 {
			continue
		}
		lowest = min(lowest, rms)
		if rms > highest {
			highest, when = rms, at
		}
	}
	if highest < 6*lowest {
		t.Errorf("vibration rises from %.2f to %.2f only", lowest, highest)
	}
	after := 0
	for at := when; at.Before(when.Add(3 * time.Hour)); at = at.Add(time.Minute) {
		if rms, ok := value(d, at, "rms"); ok && rms < highest/5 {
			after++
		}
	}
	if after < 30 {
		t.Errorf("after its height at %s the vibration did not fall: no repair", when)
	}
}

func TestMachinesFollowTheShifts(t *testing.T) {
	t.Parallel()
	d := plant.New(1, 4)[3]
	mean := func(from time.Time) float64 {
		sum := 0.0
		for i := range 60 {
			p, _ := value(d, from.Add(time.Duration(i)*time.Minute), "power")
			sum += p / 60
		}
		return sum
	}
	if night, work := mean(monday.Add(2*time.Hour)), max(mean(monday.Add(6*time.Hour)), mean(monday.Add(10*time.Hour)), mean(monday.Add(14*time.Hour))); work < 10*night {
		t.Errorf("%.1f kW at night, %.1f kW in the shift", night, work)
	}
}

func TestPartsOnlyGrowWithinADay(t *testing.T) {
	t.Parallel()
	d, last := plant.New(2, 4)[3], 0.0
	for at := monday; at.Before(monday.Add(24 * time.Hour)); at = at.Add(37 * time.Second) {
		parts, ok := value(d, at, "cycle_count")
		if !ok {
			continue
		}
		if parts < last {
			t.Fatalf("%s: %g parts after %g", at, parts, last)
		}
		last = parts
	}
	if last < 1000 {
		t.Errorf("%g parts in a day", last)
	}
}

func TestEventsComeInOrderAndAtTheirInterval(t *testing.T) {
	t.Parallel()
	for _, d := range plant.New(5, 30) {
		k := d.First(monday)
		if d.Time(k).Before(monday) || !d.Time(k-1).Before(monday) {
			t.Errorf("%s: the first event from %s is at %s, the one before at %s", d.ID, monday, d.Time(k), d.Time(k-1))
		}
		n := int64(24 * time.Hour / d.Interval())
		for i := range n {
			if !d.Time(k + i).Before(d.Time(k + i + 1)) {
				t.Fatalf("%s: event %d is not after the one before", d.ID, i+1)
			}
		}
		if got := d.Time(k + n).Sub(d.Time(k)); math.Abs(got.Seconds()-86400) > 2*d.Interval().Seconds() {
			t.Errorf("%s: %d events take %s", d.ID, n, got)
		}
	}
}

func TestSensorsDropOutNowAndThen(t *testing.T) {
	t.Parallel()
	out, all, silent := 0, 0, 0
	for _, d := range plant.New(9, 60) {
		if d.Type != plant.Temperature {
			continue
		}
		for k := d.First(monday); d.Time(k).Before(monday.AddDate(0, 0, 7)); k++ {
			all++
			if _, ok := value(d, d.Time(k), "temperature"); !ok {
				out++
			}
			if d.Silent(k) {
				silent++
			}
		}
	}
	for what, n := range map[string]int{"dropouts": out, "silences": silent} {
		if share := float64(n) / float64(all); share < 0.0002 || share > 0.01 {
			t.Errorf("%s are %.4f of all events", what, share)
		}
	}
}

func BenchmarkAppendPayload(b *testing.B) {
	devices := plant.New(1, 6)
	for _, d := range devices {
		b.Run(string(d.Type), func(b *testing.B) {
			var buf []byte
			at := monday.Add(10 * time.Hour)
			for b.Loop() {
				at = at.Add(10 * time.Millisecond)
				buf = d.AppendPayload(buf[:0], d.ID, at, "e", 1)
			}
			b.ReportMetric(float64(len(buf)), "bytes")
		})
	}
}
