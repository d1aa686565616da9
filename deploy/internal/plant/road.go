package plant

import "math"

// truck drives between the facilities on one road, with a stop at each end.
func (d *Device) truck(ms int64) []Measurement {
	p := d.position(ms)
	before := d.position(ms - 10000)
	dy, dx := (p.lat-before.lat)*111.2, (p.lon-before.lon)*111.2*math.Cos(p.lat*math.Pi/180)
	speed := math.Hypot(dx, dy) * 360
	heading := math.Mod(math.Atan2(dx, dy)*180/math.Pi+360, 360)
	if speed < 1 {
		speed, heading = 0, 0
	}
	// GPS is off by a few metres.
	const metre = 1 / 111200.0
	return []Measurement{
		{"latitude", p.lat + 2.5*metre*gauss(d.key+90, ms), 6},
		{"longitude", p.lon + 2.5*metre*gauss(d.key+91, ms), 6},
		{"speed", speed, 1},
		{"heading", heading, 0},
		{"odometer", p.driven, 1},
		{"fuel_level", 96 - 78*math.Mod(p.driven, 620)/620, 1},
	}
}

type position struct{ lat, lon, driven float64 }

// road runs from the first facility to the second, as offsets from the straight line (share of the way, kilometres
// aside).
var road = [][2]float64{{0, 0}, {0.06, 1.8}, {0.15, 4.6}, {0.3, 5.9}, {0.45, 3.1}, {0.6, -1.2}, {0.75, -2.9}, {0.88, -1.6}, {0.96, 0.7}, {1, 0}}

const (
	roadLength = 88.0 // kilometres
	roadTime   = 74 * minute
	dockTime   = 26 * minute
)

// position is where the truck of this tracker is at ms, and how far it has driven in all.
func (d *Device) position(ms int64) position {
	const round = 2 * (roadTime + dockTime)
	at := float64(ms) + uniform(d.key, 92)*round
	n := math.Floor(at / round)
	at -= n * round
	way, driven := 0.0, 2*n*roadLength
	switch {
	case at < dockTime:
	case at < dockTime+roadTime:
		way = progress(d.key, int64(2*n), (at-dockTime)/roadTime)
		driven += way * roadLength
	case at < 2*dockTime+roadTime:
		way, driven = 1, driven+roadLength
	default:
		back := progress(d.key, int64(2*n+1), (at-2*dockTime-roadTime)/roadTime)
		way, driven = 1-back, driven+(1+back)*roadLength
	}
	aside := aside(way)
	a, b := facilities[0], facilities[1]
	// Sideways is to the right of the way from the first to the second.
	north, east := (b.lat-a.lat)*111.2, (b.lon-a.lon)*111.2*math.Cos(a.lat*math.Pi/180)
	length := math.Hypot(north, east)
	lat := a.lat + way*(b.lat-a.lat) - aside*east/length/111.2
	lon := a.lon + way*(b.lon-a.lon) + aside*north/length/111.2/math.Cos(a.lat*math.Pi/180)
	// The odometer starts when the vehicle was bought.
	return position{lat, lon, driven - math.Floor(driven/412000)*412000}
}

// progress is the share of the road driven after the share f of the time: slower at both ends, with traffic between.
func progress(key uint64, trip int64, f float64) float64 {
	jam := 0.03 * math.Sin(2*math.Pi*f*(1+math.Floor(3*uniform(key+93, trip)))) * f * (1 - f) * 4
	s := f*f*(3-2*f)*0.35 + f*0.65
	return min(1, max(0, s+jam))
}

// aside follows the road's bends smoothly.
func aside(way float64) float64 {
	for i := 1; i < len(road); i++ {
		if way <= road[i][0] {
			f := (way - road[i-1][0]) / (road[i][0] - road[i-1][0])
			f = f * f * (3 - 2*f)
			return road[i-1][1] + f*(road[i][1]-road[i-1][1])
		}
	}
	return 0
}
