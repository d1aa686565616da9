package plant

import "math"

// compressor is compressed air: a two-point controller between about 6.6 and 7.9 bar, whose saw is faster the more air
// the line takes, a sensor that drifts until it is calibrated, and flow that follows the machines.
func (d *Device) compressor(ms int64) []Measurement {
	_, load := d.machine.load(ms)
	working, _, _ := shift(d.facility, ms-ms%int64(hour))
	period, rising := 11*minute, 0.2
	if working {
		period, rising = 2.6*minute, 0.45
	}
	saw := hysteresis(d.key+60, ms, period, rising)
	aged := float64(ms-d.calibrated(ms)) / (30 * day)
	pressure := 7.25 + 0.62*saw - 0.18*load + 0.05*aged*between(d.key, 61, -1, 1) + 0.012*gauss(d.key+62, ms)
	flow := max(0, 4.5+88*load+3*drift(d.key+63, ms)+0.8*gauss(d.key+64, ms))
	return []Measurement{
		{"pressure", pressure, 3},
		{"flow_rate", flow, 2},
		{"temperature", 31 + 13*d.machine.warmth(ms) + 2*saw*load + 0.8*drift(d.key+65, ms) + 0.1*gauss(d.key+66, ms), 2},
		{"differential_pressure", max(0, 0.08+0.002*flow+0.1*aged+0.004*gauss(d.key+67, ms)), 3},
	}
}

// control is a machine's controller: its state, its power, and parts counted since midnight.
func (d *Device) control(ms int64) []Measurement {
	m := d.machine
	state, load := m.load(ms)
	used, _ := m.wear(ms)
	standby := 0.04 * m.power
	if state == StateOff || state == StateRepair {
		standby = 0.006 * m.power
	}
	power := standby + m.power*load*(1+0.12*fault(used))*(1+0.02*gauss(d.key+70, ms))
	cycle := 0.0
	if state == StateRunning {
		cycle = m.cycleTime / load * (1 + 0.01*gauss(d.key+71, ms))
	}
	parts := math.Floor(m.parts(ms, &d.memo))
	rejected := math.Floor(parts * (0.006 + 0.05*fault(used)))
	return []Measurement{
		{"power", max(0, power), 2},
		{"state", float64(state), 0},
		{"cycle_count", parts, 0},
		{"reject_count", rejected, 0},
		{"cycle_time", cycle, 2},
		{"load", 100 * load, 1},
		{"spindle_speed", load * m.speed, 0},
	}
}

// look is a camera over a line. Parts are worse on a worn machine; the lamp ages.
func (d *Device) look(ms int64) []Measurement {
	m := d.machine
	_, load := m.load(ms)
	used, _ := m.wear(ms)
	odds := 0.006 + 0.12*fault(used)
	score := 0.04 + 0.03*math.Abs(gauss(d.key+80, ms)) + 0.25*fault(used)
	defects := 0.0
	if uniform(d.key+81, ms) < odds*6 {
		defects = 1 + math.Floor(3*uniform(d.key+82, ms))
		score += between(d.key+83, ms, 0.35, 0.6)
	}
	aged := float64(ms-d.calibrated(ms)) / (30 * day)
	return []Measurement{
		{"defect_score", min(1, score), 4},
		{"defect_count", defects, 0},
		{"throughput", max(0, 60/m.cycleTime*load), 2},
		{"confidence", min(0.999, max(0.5, 0.975-0.02*aged-0.2*score+0.008*gauss(d.key+84, ms))), 4},
		{"brightness", 182 - 9*aged + 1.2*gauss(d.key+85, ms), 1},
	}
}
