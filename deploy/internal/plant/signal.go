package plant

import (
	"math"
	"time"
)

// Measurement is a named value; a name with a dot is nested in the message. Digits is how many it has after the point.
type Measurement struct {
	Name   string
	Value  float64
	Digits int
}

// Signal is what the device measures at t. A broken sensor leaves its main measurement out.
func (d *Device) Signal(t time.Time) []Measurement {
	ms := t.UnixMilli()
	var out []Measurement
	switch d.Type {
	case Temperature:
		out = d.air(ms)
	case Vibration:
		out = d.bearing(ms)
	case Pressure:
		out = d.compressor(ms)
	case Controller:
		out = d.control(ms)
	case Tracker:
		out = d.truck(ms)
	case Camera:
		out = d.look(ms)
	}
	if d.broken(ms) {
		out = out[1:]
	}
	return out
}

// broken is a sensor dropout of one to six minutes, about once in two days.
func (d *Device) broken(ms int64) bool {
	return d.Type != Tracker && episode(d.key+13, ms, hour, 0.02, minute, 6*minute)
}

// air is the climate of a hall: the day outside leaks in, the machines heat, and a thermostat holds a set point that is
// lower outside the shifts, with a saw of half a degree. Humidity falls as the air warms. Air pressure is the weather's
// and the same in the whole facility.
func (d *Device) air(ms int64) []Measurement {
	ofDay := math.Mod(float64(ms)-4.75*hour, day) / day // coldest at 04:45 UTC
	outside := 9 - 6*math.Cos(2*math.Pi*ofDay) + 4*drift(mix(d.key>>1, 20), ms)
	setPoint := d.setPoint(ms)
	saw := hysteresis(d.key+21, ms, 14*minute, 0.4)
	_, load := d.machine.load(ms)
	temperature := setPoint + 0.45*saw + 0.05*(outside-9) + 1.4*load + 0.8*between(d.key, 22, -1, 1) +
		0.3*drift(d.key+23, ms) + 0.05*gauss(d.key+24, ms)
	humidity := 44 - 1.9*(temperature-21) + 9*drift(d.key+25, ms) + 0.3*gauss(d.key+26, ms)
	weather := mix(uint64(d.facility), 27)
	floor := 0.004 + 0.02*load
	return []Measurement{
		{"temperature", temperature, 2},
		{"humidity", min(95, max(12, humidity)), 1},
		{"pressure", 1013.25 + 9*wander(weather, ms, 30*hour) + 2*wander(weather+1, ms, 7*hour) + 0.04*gauss(d.key+28, ms), 2},
		{"vibration.x", math.Abs(floor * (1 + 0.3*gauss(d.key+29, ms))), 4},
		{"vibration.y", math.Abs(0.6 * floor * (1 + 0.3*gauss(d.key+30, ms))), 4},
		{"vibration.z", math.Abs(1.4 * floor * (1 + 0.3*gauss(d.key+31, ms))), 4},
	}
}

// setPoint moves between 17.5 (nobody there) and 20.5 °C within about 40 minutes.
func (d *Device) setPoint(ms int64) float64 {
	sum := 0.0
	for i := range 8 { // the mean of the last 40 minutes
		if working, _, _ := shift(d.facility, ms-int64(i)*int64(5*minute)); working {
			sum++
		}
	}
	return 17.5 + 3*sum/8
}

// hysteresis is the saw between -1 and 1 of a two-point controller: it rises for the given part of its period, then
// falls. Each hour has a whole number of periods, and no two hours the same.
func hysteresis(key uint64, ms int64, period, rising float64) float64 {
	h := math.Floor(float64(ms) / hour)
	n := max(1, math.Round(hour/period*between(key, int64(h), 0.75, 1.25)))
	f := math.Mod((float64(ms)-h*hour)/hour*n, 1)
	if f < rising {
		return -1 + 2*f/rising
	}
	return 1 - 2*(f-rising)/(1-rising)
}

// bearing is a sensor on a machine's bearing. Vibration follows load and, over the last sixth of the bearing's life,
// rises exponentially. The crest factor rises first, while the damage is a single pit, and falls again when the noise
// grows; the temperature comes last.
func (d *Device) bearing(ms int64) []Measurement {
	m := d.machine
	_, load := m.load(ms)
	used, _ := m.wear(ms)
	bad := fault(used)
	turning := 0.0
	if load > 0.1 {
		turning = 1
	}
	base := 0.35*turning*(0.6+0.5*load) + 0.015
	rms := base * (1 + 0.2*used + 9*bad) * (1 + 0.04*gauss(d.key+40, ms) + 0.05*wander(d.key+41, ms, 20*minute))
	off := (used - 0.9) / 0.05
	pit := math.Exp(-off*off) * turning
	crest := 3.1 + 3.6*pit - 0.5*bad + 0.12*gauss(d.key+42, ms)
	heat := 8*used*used + 38*bad*bad
	return []Measurement{
		{"rms", rms, 4},
		{"crest_factor", max(1.5, crest), 3},
		{"peak", rms * max(1.5, crest), 4},
		{"vibration.x", rms * (0.62 + 0.02*gauss(d.key+43, ms)), 4},
		{"vibration.y", rms * (0.48 + 0.02*gauss(d.key+44, ms)), 4},
		{"vibration.z", rms * (0.6 + 0.02*gauss(d.key+45, ms)), 4},
		{"temperature", 24 + 24*m.warmth(ms) + heat*turning + 0.6*drift(d.key+46, ms) + 0.1*gauss(d.key+47, ms), 2},
		{"speed", turning * m.speed * (1 - 0.012*load + 0.001*gauss(d.key+48, ms)), 1},
	}
}

// warmth is how far a machine has warmed up: the load of the last half hour, weighed by age.
func (m *machine) warmth(ms int64) float64 {
	sum, weights := 0.0, 0.0
	for i := range 10 {
		w := math.Exp(-float64(i) / 4)
		_, load := m.load(ms - int64(i)*int64(3*minute))
		sum, weights = sum+w*load, weights+w
	}
	return sum / weights
}
