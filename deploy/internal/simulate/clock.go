package simulate

import "time"

// clock maps simulated time to the wall clock. Simulated time stands at base when the simulation starts and runs speed
// times as fast; when faster than the wall clock, only until it has caught up, for the future has not been measured yet.
type clock struct {
	start time.Time // wall
	base  time.Time // simulated
	speed float64
}

// due is when simulated time reaches at.
func (c clock) due(at time.Time) time.Time {
	due := c.start.Add(time.Duration(float64(at.Sub(c.base)) / c.speed))
	if c.speed >= 1 && due.Before(at) {
		return at
	}
	return due
}

// at is the simulated time when the wall clock shows wall.
func (c clock) at(wall time.Time) time.Time {
	at := c.base.Add(time.Duration(float64(wall.Sub(c.start)) * c.speed))
	if c.speed >= 1 && at.After(wall) {
		return wall
	}
	return at
}
