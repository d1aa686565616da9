// Package plant simulates the factories that the demo and the load tools send telemetry from: six types of devices
// on machines that follow shifts, wear and are repaired. A device's message is a pure function of seed, device and event
// time. It does no I/O; simulate and bench import it.
package plant

import (
	"fmt"
	"math"
	"time"
)

// Type is a kind of device, as its messages name it.
type Type string

// The types, each with its own way of sending: temperature every 30 s, vibration every 10 s, pressure every 5 s, GPS
// every 60 s; a controller when something happens at its machine and a camera when it is asked to look.
const (
	Temperature Type = "temperature_sensor"
	Vibration   Type = "vibration_sensor"
	Pressure    Type = "pressure_sensor"
	Controller  Type = "machine_controller"
	Tracker     Type = "gps_tracker"
	Camera      Type = "quality_camera"
)

// kind says how a type of device is named and how often it has something to send.
type kind struct {
	name     string
	interval float64 // milliseconds
	jitter   float64 // part of the interval by which an event may be late
	radio    bool    // runs on a battery and may be out of reach
}

var kinds = map[Type]kind{
	Temperature: {name: "temperature", interval: 30 * second, jitter: 0.01, radio: true},
	Vibration:   {name: "vibration", interval: 10 * second, jitter: 0.01, radio: true},
	Pressure:    {name: "pressure", interval: 5 * second, jitter: 0.01},
	Controller:  {name: "machine", interval: 8 * second, jitter: 0.9},
	Tracker:     {name: "tracker", interval: 60 * second, jitter: 0.02, radio: true},
	Camera:      {name: "camera", interval: 20 * second, jitter: 0.9},
}

// section is the mix of devices that a plant of any size repeats; the first six are of six types.
var section = []Type{
	Temperature, Vibration, Pressure, Controller, Tracker, Camera, Vibration, Temperature, Controller, Pressure,
	Vibration, Temperature, Controller, Pressure, Camera, Vibration, Temperature, Controller, Pressure, Vibration,
	Temperature, Controller, Tracker, Vibration, Temperature, Controller, Camera, Pressure, Vibration, Temperature,
}

// Device is one simulated device. Its methods that render remember the last count of parts, so that a device belongs to
// one goroutine at a time; what they return does not depend on it.
type Device struct {
	// ID names the device in the demo: its type and a number, e.g. vibration_03.
	ID                      string
	Type                    Type
	Facility, Line, Station string
	// Lat and Lon are where the device stands; a tracker's facility.
	Lat, Lon float64

	key      uint64
	kind     kind
	facility int
	machine  *machine
	firmware string
	memo     partsMemo
}

// facilities are where the plants stand.
var facilities = []struct{ lat, lon float64 }{{42.3223, -83.1763}, {41.6639, -83.5552}}

// New returns a plant's first n devices, of two facilities with a line for each thirty devices.
func New(seed uint64, n int) []*Device {
	devices := make([]*Device, n)
	numbers := map[Type]int{}
	machines := map[[2]int]*machine{}
	for i := range devices {
		block, place := i/len(section), i%len(section)
		t := section[place]
		numbers[t]++
		facility := block % len(facilities)
		spot := [2]int{facility, block/len(facilities)*7 + count(section[:place], t)%7}
		if machines[spot] == nil {
			machines[spot] = newMachine(seed, facility, spot[1])
		}
		d := &Device{
			ID: fmt.Sprintf("%s_%02d", kinds[t].name, numbers[t]), Type: t, key: mix(seed, 2, uint64(i)), kind: kinds[t],
			facility: facility, machine: machines[spot],
			Facility: fmt.Sprintf("factory_%02d", facility+1),
			Line:     "assembly_line_" + letters(spot[1]/4),
			Station:  fmt.Sprintf("station_%02d", spot[1]+1),
		}
		d.Lat = facilities[facility].lat + between(d.key, 1, -0.0015, 0.0015)
		d.Lon = facilities[facility].lon + between(d.key, 2, -0.002, 0.002)
		d.firmware = fmt.Sprintf("%d.%d.%d", 1+mix(d.key, 3)%2, mix(d.key, 4)%5, mix(d.key, 5)%10)
		devices[i] = d
	}
	return devices
}

func count(types []Type, t Type) int {
	n := 0
	for _, other := range types {
		if other == t {
			n++
		}
	}
	return n
}

// letters numbers lines A, B, … Z, AA, AB, …
func letters(n int) string {
	s := ""
	for n++; n > 0; n = (n - 1) / 26 {
		s = string(rune('A'+(n-1)%26)) + s
	}
	return s
}

// Interval is how often the device has something to send, on average, while its machine runs.
func (d *Device) Interval() time.Duration {
	return time.Duration(d.kind.interval) * time.Millisecond
}

// Time is when the device's k-th event happens. Events are counted from 1970, so that a device that was restarted
// goes on counting where its clock stands.
func (d *Device) Time(k int64) time.Time {
	phase := uniform(d.key, 10) * d.kind.interval
	late := uniform(d.key+11, k) * d.kind.jitter * d.kind.interval
	return time.UnixMilli(int64(float64(k)*d.kind.interval + phase + late)).UTC()
}

// First is the number of the first event at or after t.
func (d *Device) First(t time.Time) int64 {
	k := int64(float64(t.UnixMilli())/d.kind.interval) - 2
	for d.Time(k).Before(t) {
		k++
	}
	return k
}

// Silent reports whether nothing is sent for the k-th event: a radio device out of reach, a controller whose machine
// rests, a camera that nobody asks.
func (d *Device) Silent(k int64) bool {
	ms := d.Time(k).UnixMilli()
	if d.kind.radio && episode(d.key+12, ms, hour, 0.02, minute, 4*minute) {
		return true
	}
	state, load := d.machine.load(ms)
	switch d.Type {
	case Controller:
		return state != StateRunning && k%6 != 0
	case Camera:
		return load < 0.3 && k%15 != 0
	}
	return false
}

// episode reports whether ms lies in a disturbance. Each slot of the given length has one with probability p, which
// lasts between shortest and longest.
func episode(key uint64, ms int64, slot, p, shortest, longest float64) bool {
	n := int64(math.Floor(float64(ms) / slot))
	if uniform(key, n) >= p {
		return false
	}
	length := between(key+1, n, shortest, longest)
	start := float64(n)*slot + uniform(key+2, n)*(slot-length)
	return float64(ms) >= start && float64(ms) < start+length
}
