package plant

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// stamp is how a message writes a time.
const stamp = "2006-01-02T15:04:05.000Z"

// AppendPayload renders the message that the device sends at t, under the id that it has in its tenant. t is cut to the
// millisecond.
func (d *Device) AppendPayload(dst []byte, id string, t time.Time, epoch string, sequence uint64) []byte {
	t = t.UTC().Truncate(time.Millisecond)
	ms := t.UnixMilli()
	dst = append(dst, `{"deviceId":"`...)
	dst = append(dst, id...)
	dst = append(dst, `","deviceType":"`...)
	dst = append(dst, d.Type...)
	dst = append(dst, `","epoch":"`...)
	dst = append(dst, epoch...)
	dst = append(dst, `","sequence":`...)
	dst = strconv.AppendUint(dst, sequence, 10)
	dst = append(dst, `,"timestamp":"`...)
	dst = t.AppendFormat(dst, stamp)
	dst = append(dst, `","location":{"facility":"`...)
	dst = append(dst, d.Facility...)
	dst = append(dst, `","line":"`...)
	dst = append(dst, d.Line...)
	dst = append(dst, `","station":"`...)
	dst = append(dst, d.Station...)
	lat, lon := d.Lat, d.Lon
	if d.Type == Tracker {
		p := d.position(ms)
		lat, lon = p.lat, p.lon
	}
	dst = append(dst, `","coordinates":{"lat":`...)
	dst = strconv.AppendFloat(dst, lat, 'f', 5, 64)
	dst = append(dst, `,"lon":`...)
	dst = strconv.AppendFloat(dst, lon, 'f', 5, 64)
	dst = append(dst, `}},"measurements":`...)
	dst = appendMeasurements(dst, d.Signal(t))
	dst = d.appendMetadata(dst, ms)
	return d.appendQuality(dst, ms)
}

// appendMeasurements nests names with a dot; those of one parent stand together.
func appendMeasurements(dst []byte, all []Measurement) []byte {
	parent := ""
	sep := byte('{')
	for _, m := range all {
		outer, inner, nested := strings.Cut(m.Name, ".")
		if parent != "" && (!nested || outer != parent) {
			dst, parent = append(dst, '}'), ""
		}
		if nested && parent == "" {
			dst = append(dst, sep, '"')
			dst = append(dst, outer...)
			dst = append(dst, `":`...)
			parent, sep = outer, '{'
		}
		dst = append(dst, sep, '"')
		if nested {
			dst = append(dst, inner...)
		} else {
			dst = append(dst, m.Name...)
		}
		dst = append(dst, `":`...)
		dst = strconv.AppendFloat(dst, m.Value, 'f', m.Digits, 64)
		sep = ','
	}
	if parent != "" {
		dst = append(dst, '}')
	}
	if len(all) == 0 {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

// appendMetadata tells of the device itself: a battery that lasts some months, and a radio that fades.
func (d *Device) appendMetadata(dst []byte, ms int64) []byte {
	battery, signal := 100.0, -38.0
	if d.kind.radio {
		months := between(d.key, 30, 3, 14)
		battery = 100 - 88*math.Mod(float64(ms)/(30*day)+100*uniform(d.key, 31), months)/months
		signal = between(d.key, 32, -78, -46) + 4*wander(d.key+33, ms, 20*minute) + 1.2*gauss(d.key+34, ms)
	}
	dst = append(dst, `,"metadata":{"firmware_version":"`...)
	dst = append(dst, d.firmware...)
	dst = append(dst, `","battery_level":`...)
	dst = strconv.AppendFloat(dst, battery, 'f', 0, 64)
	dst = append(dst, `,"signal_strength":`...)
	dst = strconv.AppendFloat(dst, signal, 'f', 0, 64)
	dst = append(dst, `,"last_maintenance":"`...)
	dst = time.UnixMilli(d.machine.repaired(ms)).UTC().AppendFormat(dst, stamp)
	return append(dst, `"}`...)
}

func (d *Device) appendQuality(dst []byte, ms int64) []byte {
	aged := float64(ms-d.calibrated(ms)) / (30 * day)
	used, repairing := d.machine.wear(ms)
	status := "operational"
	switch {
	case d.broken(ms):
		status = "sensor_fault"
	case repairing && d.Type != Tracker && d.Type != Temperature:
		status = "maintenance"
	case used > 0.97 && (d.Type == Vibration || d.Type == Controller):
		status = "degraded"
	}
	dst = append(dst, `,"quality":{"accuracy":`...)
	dst = strconv.AppendFloat(dst, 99.6-0.9*aged, 'f', 1, 64)
	dst = append(dst, `,"calibration_date":"`...)
	dst = time.UnixMilli(d.calibrated(ms)).UTC().AppendFormat(dst, stamp)
	dst = append(dst, `","status":"`...)
	dst = append(dst, status...)
	return append(dst, `"}}`...)
}

// calibrated is when the device was last calibrated: every thirty days at 06:00 UTC.
func (d *Device) calibrated(ms int64) int64 {
	offset := int64(6*hour) + int64(mix(d.key, 35)%30)*int64(day)
	return (ms-offset)/int64(30*day)*int64(30*day) + offset
}
