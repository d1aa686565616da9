package plant

import "math"

// State is what a machine is doing; its number is what the controller reports.
type State int

// The states of a machine.
const (
	StateOff State = iota
	StateIdle
	StateRunning
	StateStopped
	StateRepair
)

// machine is what several sensors sit on: it follows the shifts, wears and is repaired.
type machine struct {
	key      uint64
	facility int
	// life is how long a bearing lasts, and repair how long its replacement takes, in milliseconds.
	life, repair float64
	offset       float64
	power        float64 // kW at full load
	cycleTime    float64 // seconds a part
	speed        float64 // revolutions a minute
}

func newMachine(seed uint64, facility, number int) *machine {
	key := mix(seed, 1, uint64(facility), uint64(number))
	m := &machine{key: key, facility: facility}
	// Lives spread evenly in the logarithm, from a third of a day to three weeks; the first machine of each facility
	// wears fastest, so that a failure is seen within a working day.
	u := uniform(key, 1)
	if number == 0 {
		u = 0
	}
	m.life = 8 * hour * math.Pow(60, u)
	m.repair = between(key, 2, 0.5, 1.5) * hour
	m.offset = uniform(key, 3) * (m.life + m.repair)
	m.power = between(key, 4, 7, 45)
	m.cycleTime = between(key, 5, 4, 14)
	m.speed = math.Round(between(key, 6, 900, 3000)/10) * 10
	return m
}

// wear is the part of the bearing's life that is used up; repairing is whether it is being replaced.
func (m *machine) wear(ms int64) (used float64, repairing bool) {
	pos := math.Mod(float64(ms)+m.offset, m.life+m.repair)
	if pos >= m.life {
		return 0, true
	}
	return pos / m.life, false
}

// repaired is when the last replacement ended.
func (m *machine) repaired(ms int64) int64 {
	at := float64(ms) + m.offset
	return int64(at-math.Mod(at, m.life+m.repair)-m.offset) / 1000 * 1000
}

// fault is 0 for a sound bearing and 1 for one about to fail; it rises exponentially over the last sixth of its life.
func fault(used float64) float64 { return math.Exp((used - 1) / 0.045) }

// shift says whether people work at the facility, and since how many milliseconds. The first facility works two shifts
// from 05:00 to 21:00 UTC and rests on Sunday; the second works around the clock.
func shift(facility int, ms int64) (working, pause bool, since float64) {
	const startOfWeek = 3 * day // 1970-01-01 was a Thursday: Sunday begins three days later
	ofDay := math.Mod(float64(ms), day)
	weekday := int(math.Mod((float64(ms)-startOfWeek)/day+7e6, 7))
	if facility%2 == 0 && (weekday == 0 || ofDay < 5*hour || ofDay >= 21*hour) {
		return false, false, 0
	}
	since = math.Mod(ofDay+3*hour, 8*hour) // shifts begin at 05:00, 13:00 and 21:00
	switch {
	case since >= 2*hour && since < 2*hour+15*minute, since >= 6*hour && since < 6*hour+15*minute:
		pause = true
	case since >= 4*hour && since < 4.5*hour:
		pause = true
	}
	return true, pause, since
}

// load is 0 for a machine at rest and about 1 at full work.
func (m *machine) load(ms int64) (State, float64) {
	if _, repairing := m.wear(ms); repairing {
		return StateRepair, 0
	}
	working, pause, since := shift(m.facility, ms)
	switch {
	case !working:
		return StateOff, 0
	case pause:
		return StateIdle, 0.06
	case m.stopped(ms):
		return StateStopped, 0.03
	}
	warm := 1.0
	if since < 20*minute {
		warm = 1 - 0.35*math.Exp(-since/(6*minute))
	}
	return StateRunning, warm * (0.78 + 0.16*wander(m.key+7, ms, 25*minute) + 0.05*wander(m.key+8, ms, 3*minute))
}

// stopped is a short stop: a jam, a missing part. A fifth of all 17-minute slots have one.
func (m *machine) stopped(ms int64) bool {
	const length = 17 * minute
	slot := math.Floor(float64(ms) / length)
	if uniform(m.key+9, int64(slot)) > 0.2 {
		return false
	}
	start := slot*length + between(m.key+10, int64(slot), 0, 12)*minute
	end := start + between(m.key+11, int64(slot), 0.6, 4.5)*minute
	return float64(ms) >= start && float64(ms) < end
}

// parts counts finished parts since midnight, UTC; memo remembers the last whole minute.
func (m *machine) parts(ms int64, memo *partsMemo) float64 {
	midnight := ms - ms%int64(day)
	whole := ms - ms%int64(minute)
	if memo.midnight != midnight || memo.minute > whole {
		*memo = partsMemo{midnight: midnight, minute: midnight}
	}
	for ; memo.minute < whole; memo.minute += int64(minute) {
		memo.count += m.partsInMinute(memo.minute)
	}
	return memo.count + m.partsInMinute(whole)*float64(ms-whole)/minute
}

type partsMemo struct {
	midnight, minute int64
	count            float64
}

func (m *machine) partsInMinute(start int64) float64 {
	state, load := m.load(start + int64(minute)/2)
	if state != StateRunning {
		return 0
	}
	return 60 / m.cycleTime * load
}
