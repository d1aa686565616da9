package admission

import (
	"math"
	"time"
)

// whole is a pool as all processes of the cell fill and empty it together, as far as this one knows. Every process
// charges what it and the others admitted, as absolute totals, to its own copy, and takes a part of what is left: so a
// process that dies holds nothing back but for the moment until its part lapses, and one that took too much, because it
// had not heard of the others yet, waits for that much longer. Over time exactly the limit is admitted.
type whole struct {
	level int64
	at    time.Time
	// charged is how much of the pool's used is in level already.
	charged int64
	// part is this process's share: of the rate, of the burst and of what is left.
	part float64
	// asked counts events since the last division; demand is what that makes a second, smoothed.
	asked   int64
	divided time.Time
	demand  float64
	// heard: what other processes left was taken over once.
	heard bool
}

// now is what is left of the whole. While this process has all of it, that is what is left here.
func (p *pool) now(now time.Time) int64 {
	w := &p.whole
	if w.part >= 1 {
		return filled(p.level, p.burst, p.rate, now.Sub(p.at))
	}
	return filled(w.level, p.size.burst*unit, p.size.rate, now.Sub(w.at)) - (p.used-w.charged)*unit
}

// settle brings the whole up to date with time and with what was admitted here.
func (p *pool) settle(now time.Time) {
	if now.Before(p.whole.at) {
		now = p.whole.at
	}
	p.whole.level, p.whole.at, p.whole.charged = p.now(now), now, p.used
}

// charge takes off what another process admitted; less than nothing is given back.
func (p *pool) charge(now time.Time, events int64) {
	p.settle(now)
	p.whole.level = min(p.whole.level-events*unit, p.size.burst*unit)
	if p.whole.part >= 1 {
		p.divide(now, 1)
	}
}

// adopt takes over what another process knows to be left: this one saw nothing of the tenant before.
func (p *pool) adopt(now time.Time, left int64, age time.Duration) {
	p.whole.level = filled(left, p.size.burst*unit, p.size.rate, age) - p.used*unit
	p.whole.at, p.whole.charged, p.whole.heard = now, p.used, true
	p.divide(now, p.whole.part)
}

// divide makes part this process's share from now on.
func (p *pool) divide(now time.Time, part float64) {
	w := &p.whole
	w.part = part
	if part >= 1 {
		p.rate, p.burst, p.level = p.size.rate, p.size.burst*unit, w.level
	} else {
		p.rate = max(int64(math.Round(part*float64(p.size.rate))), min(1, p.size.rate))
		p.burst = int64(part * float64(p.size.burst) * float64(unit))
		p.level = int64(part * float64(w.level))
	}
	p.at = now
}

// smoothing is how much of a division's demand counts at once.
const smoothing = 0.3

// measure renews the demand from what was asked since the last division.
func (p *pool) measure(now time.Time) {
	w := &p.whole
	passed := now.Sub(w.divided).Seconds()
	if passed <= 0 {
		return
	}
	w.demand += smoothing * (float64(w.asked)/passed - w.demand)
	if w.demand < 0.01 {
		w.demand = 0
	}
	w.asked, w.divided = 0, now
}

// reserve is the part that all processes have in equal shares, whatever their demand, so that the first event of a device
// that comes to another process is not refused. What of it is not used is divided again with the next division.
const reserve = 0.1

// share is the part of a process with a demand, of n processes that have sum together.
func share(demand, sum float64, n int) float64 {
	if sum <= 0 {
		return 1 / float64(n)
	}
	return reserve/float64(n) + (1-reserve)*demand/sum
}
