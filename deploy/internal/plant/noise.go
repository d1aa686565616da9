package plant

import "math"

// Everything random in the plant is a hash of the seed, of what it is about and of the time, so that a signal is a
// pure function of the time and two runs with one seed agree to the last digit.

// mix folds the parts into one key (splitmix64 steps).
func mix(parts ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, p := range parts {
		h ^= p + 0x9e3779b97f4a7c15 + h<<6 + h>>2
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// uniform is in [0, 1).
func uniform(key uint64, n int64) float64 { return float64(mix(key, uint64(n))>>11) / (1 << 53) }

// between is in [lo, hi).
func between(key uint64, n int64, lo, hi float64) float64 { return lo + (hi-lo)*uniform(key, n) }

// gauss is normal with mean 0 and deviation 1, cut at about 5.7.
func gauss(key uint64, n int64) float64 {
	h := mix(key, uint64(n))
	u := (float64(h>>32) + 0.5) / (1 << 32)
	v := float64(h&0xffffffff) / (1 << 32)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// wander moves smoothly in about [-1, 1], turning once in a while of the given length (milliseconds).
func wander(key uint64, ms int64, length float64) float64 {
	at := float64(ms) / length
	n := math.Floor(at)
	f := at - n
	f = f * f * (3 - 2*f)
	a, b := 2*uniform(key, int64(n))-1, 2*uniform(key, int64(n)+1)-1
	return a + (b-a)*f
}

// drift is a slow wander with a faster one on top, in about [-1, 1].
func drift(key uint64, ms int64) float64 {
	return 0.7*wander(key, ms, 5*hour) + 0.3*wander(key+1, ms, 40*minute)
}

const (
	second = 1000.0
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)
