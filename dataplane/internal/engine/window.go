package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

const (
	// Width of a window.
	Width = time.Minute
	// Lateness is how far behind the device's newest event time a window is still expected to grow.
	Lateness = 10 * time.Second
	// sweepSeconds is how often, in the log's time, a device's windows are put out and closed: a value is in the store
	// at most this long after the log took it.
	sweepSeconds = 10
	// sweptTogether is how many devices of a tenant are swept in the same second: a tenant's rows come together, for an insert
	// costs the store more than the rows of a small tenant do.
	sweptTogether = 1000
	// idleWindow is how long, in the log's time, a window without new values stays open when the device's own time
	// stands still.
	idleWindow = 2 * time.Minute
	// keptWindows is how many windows a device keeps over a sweep although they are complete. Older snapshots have a state in which it
	// holds no more at any time.
	keptWindows = 16
	// indexedWindows is how many windows a device has before they are found by a map.
	indexedWindows = 32
)

// Summary is what is kept of one measurement's values in a window.
type Summary struct {
	Count         uint64
	Sum, Min, Max float64
	// Origin is the value that came first, Squares the sum of the squared distances from it; see Deviation.
	Origin, Squares     float64
	First, Last         float64
	FirstTime, LastTime int64
}

func (a *Summary) add(value float64, at int64) {
	if a.Count == 0 {
		*a = Summary{Count: 1, Sum: value, Min: value, Max: value, Origin: value, First: value, Last: value, FirstTime: at, LastTime: at}
		return
	}
	a.Count++
	a.Sum += value
	distance := value - a.Origin
	a.Squares += distance * distance
	a.Min = min(a.Min, value)
	a.Max = max(a.Max, value)
	if at < a.FirstTime {
		a.First, a.FirstTime = value, at
	}
	if at >= a.LastTime {
		a.Last, a.LastTime = value, at
	}
}

// Deviation is the sum of the squared distances from the mean; over Count, the variance. Moving the origin to the mean
// takes Count times (mean - Origin)², which is at most Count times the result, for the origin is one of the values: no more
// than log2(Count + 1) bits are lost besides what the rounding of Sum takes. NaN in a window that a program began which did not keep squares.
func (a *Summary) Deviation() float64 {
	shift := a.Sum - float64(a.Count)*a.Origin
	return max(0, a.Squares-shift*shift/float64(a.Count))
}

// window is one minute of one device, over the places of the device's names.
type window struct {
	// start is in Unix seconds.
	start   int64
	segment uint64
	// touched is the pulse at the last value.
	touched int64
	dirty   bool
	// closed windows are dropped before anything else is done.
	closed    bool
	summaries []Summary
}

// observe adds the event's values to their window.
func (s *State) observe(d *device, e *telemetry.Event, index uint32, out *Outputs) {
	d.watermark = max(d.watermark, e.Time)
	w := s.open(d, e.Time, index, out)
	if need := len(d.names) - len(w.summaries); need > 0 {
		s.reserve(d, w, need, index, out)
		w.summaries = append(w.summaries, make([]Summary, need)...)
	}
	for i, at := range d.shape {
		w.summaries[at].add(e.Values[i], e.Time)
	}
	w.touched = s.pulse
	if !w.dirty {
		w.dirty = true
		s.dirty++
	}
}

// open finds or opens the window that holds the time.
func (s *State) open(d *device, at int64, index uint32, out *Outputs) *window {
	start := windowStart(at)
	if w := d.window(start); w != nil {
		return w
	}
	if most := max(s.options.OpenWindows, keptWindows); len(d.windows) >= most {
		n := 1
		if most > keptWindows {
			n = most / 2
		}
		s.closeStalest(d, n, index, out)
	}
	w := &window{start: start, segment: s.version(index)}
	d.windows = append(d.windows, w)
	if d.byStart != nil {
		d.byStart[start] = w
	}
	return w
}

// window returns the open window that starts then, or nil.
func (d *device) window(start int64) *window {
	if len(d.windows) < indexedWindows {
		for i := len(d.windows) - 1; i >= 0; i-- {
			if d.windows[i].start == start {
				return d.windows[i]
			}
		}
		return nil
	}
	if d.byStart == nil {
		d.byStart = make(map[int64]*window, 2*len(d.windows))
		for _, w := range d.windows {
			d.byStart[w.start] = w
		}
	}
	return d.byStart[start]
}

// closeStalest puts out and closes the n windows longest without a value, together, so that their rows are.
func (s *State) closeStalest(d *device, n int, index uint32, out *Outputs) {
	stalest := slices.Clone(d.windows)
	slices.SortStableFunc(stalest, func(a, b *window) int { return cmp.Compare(a.touched, b.touched) })
	for _, w := range stalest[:n] {
		s.put(d, w, s.version(index), out)
		w.closed = true
	}
	d.dropClosed()
}

// windowStart floors Unix nanoseconds to the window's start in seconds.
func windowStart(at int64) int64 {
	width := int64(Width)
	start := at / width * width
	if start > at {
		start -= width
	}
	return start / int64(time.Second)
}

// version rises with every event and is unique in the log; place 0 of a frame is the sweep's.
func (s *State) version(index uint32) uint64 { return s.position<<indexBits | uint64(index+1) }

// put adds the window's rows to out if it changed since it was last put out.
func (s *State) put(d *device, w *window, version uint64, out *Outputs) {
	if !w.dirty {
		return
	}
	w.dirty = false
	s.dirty--
	rows := s.rowsIn(d.tenant, out)
	for i := range w.summaries {
		if w.summaries[i].Count > 0 {
			rows.Windows = append(rows.Windows, WindowRow{
				Device: d.id, Measurement: d.names[i], Start: w.start, Segment: w.segment, Version: version, Summary: w.summaries[i],
			})
		}
	}
}

// dropClosed forgets the windows that are closed.
func (d *device) dropClosed() {
	d.byStart = nil
	d.windows = slices.DeleteFunc(d.windows, func(w *window) bool {
		if w.closed {
			d.tenant.accumulators -= len(w.summaries)
		}
		return w.closed
	})
}

// reserve counts need more summaries against the tenant's budget, and writes windows of its devices early, one device
// after the other, until they fit. The window keep stays.
func (s *State) reserve(d *device, keep *window, need int, index uint32, out *Outputs) {
	t := d.tenant
	t.accumulators += need
	for range t.devices {
		if t.accumulators <= s.options.OpenAccumulators {
			return
		}
		t.cursor = (t.cursor + 1) % len(t.devices)
		victim := t.devices[t.cursor]
		for i := len(victim.windows) - 1; i >= 0; i-- {
			if victim.windows[i] == keep {
				continue
			}
			s.put(victim, victim.windows[i], s.version(index), out)
			victim.windows[i].closed = true
			out.EarlyWindows++
		}
		victim.dropClosed()
	}
}

// sweep puts out the windows of the devices whose turn it is by the log's time, and closes those that are complete.
// Tenants take turns by the second, and those with a large fleet take several, so that its rows are spread.
func (s *State) sweep(out *Outputs) {
	now := s.pulse / int64(time.Second)
	if now == s.tick {
		return
	}
	for tick := max(s.tick+1, now-sweepSeconds+1); tick <= now; tick++ {
		for i, t := range s.tenants {
			for from := turnAfter(tick, i) * sweptTogether; from < len(t.devices); from += sweepSeconds * sweptTogether {
				for _, d := range t.devices[from:min(from+sweptTogether, len(t.devices))] {
					s.sweepDevice(d, out)
				}
			}
		}
		if tick%3600 == 0 {
			s.forget()
		}
	}
	s.tick = now
}

// turnAfter is which of the tenant's turns a second is, 0 to sweepSeconds-1: the tenants in their order begin one second apart.
func turnAfter(tick int64, tenant int) int {
	return int((tick%sweepSeconds + sweepSeconds - int64(tenant)%sweepSeconds) % sweepSeconds)
}

// sweepDevice puts out a device's windows. Beyond those that it keeps, windows that are complete are closed at once, the oldest first.
func (s *State) sweepDevice(d *device, out *Outputs) {
	if len(d.windows) == 0 {
		return
	}
	for i := len(d.windows) - 1; i >= 0; i-- {
		s.put(d, d.windows[i], s.position<<indexBits, out)
	}
	left := len(d.windows)
	for _, w := range d.windows {
		idle := time.Duration(s.pulse - w.touched)
		complete := w.start+int64((Width+Lateness)/time.Second) <= d.watermark/int64(time.Second)
		if idle >= idleWindow || complete && (idle >= sweepSeconds*time.Second || left > keptWindows) {
			w.closed = true
			left--
		}
	}
	if left < len(d.windows) {
		d.dropClosed()
	}
}

// forget drops devices that were silent for long, and late messages of those that have caught up.
func (s *State) forget() {
	for _, d := range s.devices {
		s.forgetLate(d)
	}
	gone := func(d *device) bool {
		return len(d.windows) == 0 && s.logTime-d.seen > int64(deviceSilence)
	}
	if !slices.ContainsFunc(s.devices, gone) {
		return
	}
	for _, t := range s.tenants {
		t.devices = slices.DeleteFunc(t.devices, func(d *device) bool {
			if gone(d) {
				delete(t.byDevice, d.id)
				t.series -= len(d.names)
			}
			return gone(d)
		})
		t.cursor = 0
	}
	s.devices = slices.DeleteFunc(s.devices, gone)
	s.last = nil
}
