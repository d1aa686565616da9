// Package engine is the deterministic state machine that a partition's log is fed to: it removes duplicates, keeps the
// open windows, counts usage and says which rows to store. It is a pure function of the log: no clock, no I/O, no
// randomness, no effect of map order. Two engines fed the same frames produce the same bytes, which is what makes
// storage exactly-once, recovery and replay possible. The runner in package commit feeds it; it imports no vendor.
package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Frame is one message of a partition's log.
type Frame struct {
	// Sequence is its place in the log, rising.
	Sequence uint64
	// Time is when the log stored it, Unix nanoseconds.
	Time int64
	// Events is empty in a tick, which only moves the log's time on.
	Events []telemetry.Event
}

// Options are what a state enforces. They are part of the snapshot: a replay must decide as the first run did, so a
// change takes effect only together with a checkpoint (see State.SetOptions).
type Options struct {
	// Measurements is how many names of measurements a device may use, unless TenantMeasurements has its tenant.
	Measurements int
	// TenantMeasurements are other limits of single tenants. The map does not change once it is in Options.
	TenantMeasurements map[tenancy.ID]int
	// TenantSeries is how many measurements all devices of a tenant may have in a partition, a device and name each; a tenant that
	// is not there has no such limit. The map does not change once it is in Options.
	TenantSeries map[tenancy.ID]int
	// OpenAccumulators is how many (window, measurement) pairs a tenant may hold open in a partition. Beyond it the
	// tenant's windows are written early, which costs rows but never a value.
	OpenAccumulators int
	// OpenWindows is how many windows a device may open between two sweeps, keptWindows at least. What a device that catches up in no
	// order touches is put out by the sweep then, in few inserts, and a minute that it comes back to meanwhile is one row.
	OpenWindows int
	// LateMessages is how many late messages without a sequence are remembered of a device at least, TenantLateMessages of all
	// devices of a tenant in a partition at most; see lateMessages.
	LateMessages, TenantLateMessages int
}

// DefaultOptions fit a cell of some ten thousand devices: open windows of a week's minutes are a few sweeps, and a week of three messages
// a minute is remembered, 8 bytes each.
func DefaultOptions() Options {
	return Options{Measurements: 512, OpenAccumulators: 500_000, OpenWindows: 4096, LateMessages: 32_768, TenantLateMessages: 1 << 20}
}

// Equal reports whether both enforce the same.
func (o Options) Equal(other Options) bool {
	same := o.Measurements == other.Measurements && o.OpenAccumulators == other.OpenAccumulators && o.OpenWindows == other.OpenWindows &&
		o.LateMessages == other.LateMessages && o.TenantLateMessages == other.TenantLateMessages
	return same && maps.Equal(o.TenantMeasurements, other.TenantMeasurements) && maps.Equal(o.TenantSeries, other.TenantSeries)
}

// measurements is how many names a device of the tenant may use.
func (o Options) measurements(id tenancy.ID) int {
	if own, ok := o.TenantMeasurements[id]; ok {
		return own
	}
	return o.Measurements
}

const (
	// deviceSilence is how long, in the log's time, a device is remembered after its last event.
	deviceSilence = 90 * 24 * time.Hour
	// indexBits is the room for an event's place in its frame below the frame's sequence, in versions and segments.
	indexBits = 16
)

// State is one partition's. It is not safe for concurrent use.
type State struct {
	options Options
	// position is the sequence of the last frame.
	position uint64
	// logTime is the newest time of the log, Unix nanoseconds; lastTime is that of the last frame.
	logTime, lastTime int64
	// pulse goes on with the log's time and does not stand still when the log's clock was set back: it measures how long
	// a window is open. It is the log's time as long as that clock was never set back.
	pulse int64
	// tick is the second of the pulse up to which devices were swept.
	tick int64
	// devices and tenants are in order of their first event: the order of everything that the engine puts out.
	devices []*device
	tenants []*tenant
	// byTenant and names are indexes, rebuilt from a snapshot.
	byTenant map[tenancy.ID]*tenant
	names    map[string]string
	// last is the device of the last event; runs of one device's events are common.
	last *device
	// dirty counts windows with values that were not yet put out.
	dirty int
	// out is what Step was last given, filled the tenants that have rows in it. No older outputs are kept in memory by a
	// tenant that has fallen silent.
	out    *Outputs
	filled []*tenant
}

type tenant struct {
	id       tenancy.ID
	devices  []*device
	hours    []hour
	byDevice map[string]*device
	// series counts the names of all devices.
	series int
	// accumulators counts those of the open windows; cursor walks devices to find windows to write early.
	accumulators int
	cursor       int
	// late counts the late messages that are remembered of its devices.
	late int
	// rows are the tenant's in State.out, nil while it has none.
	rows *Rows
}

type device struct {
	tenant *tenant
	id     string
	// seen is the log's time of the last event; watermark is the newest event time.
	seen      int64
	watermark int64
	active    activity
	names     []string
	index     map[string]int32
	// shape says which names the last event had, by place in names.
	shape   []int32
	windows []*window
	// byStart finds windows where there are many; nil until it is needed.
	byStart map[int64]*window
	epochs  []*epoch
	recent  recent
	// late is nil for a device that has not caught up lately.
	late *lateMessages
}

// New returns the state of an empty log.
func New(options Options) *State {
	return &State{options: options, byTenant: map[tenancy.ID]*tenant{}, names: map[string]string{}}
}

// Position is the sequence of the last frame that Step took.
func (s *State) Position() uint64 { return s.position }

// Options are those in force.
func (s *State) Options() Options { return s.options }

// SetOptions changes what is enforced from the next frame on. The caller stores a checkpoint before that frame, or a
// replay decides otherwise than the first run did.
func (s *State) SetOptions(o Options) { s.options = o }

// Dirty says whether windows hold values that only a later frame will put out. A log that falls silent needs a tick.
func (s *State) Dirty() bool { return s.dirty > 0 }

// Devices counts those that the state remembers.
func (s *State) Devices() int { return len(s.devices) }

// Step takes the next frame and adds what follows from it to out. A frame at or before Position was taken already and
// is ignored. The rows in out point into f.Events: the caller must not reuse them. Measured by BenchmarkStep.
func (s *State) Step(f Frame, out *Outputs) {
	if f.Sequence <= s.position {
		return
	}
	s.position = f.Sequence
	s.logTime = max(s.logTime, f.Time)
	if s.lastTime != 0 {
		s.pulse += max(0, f.Time-s.lastTime)
	} else {
		s.pulse = f.Time
	}
	s.lastTime = f.Time
	out.Frames++
	out.Through = f.Sequence
	s.sweep(out)
	for i := range f.Events {
		s.event(&f.Events[i], uint32(i), out)
	}
}

func (s *State) event(e *telemetry.Event, index uint32, out *Outputs) {
	d := s.device(e)
	d.seen = s.logTime
	rows := s.rowsIn(d.tenant, out)
	count := d.tenant.hour(s.hourOf(e.Received), out)
	count.version = s.position
	count.meters[meterAccepted]++
	out.Events++
	switch s.verdict(d, e) {
	case duplicate:
		count.meters[meterDuplicates]++
		out.Duplicates++
		return
	case expired:
		s.refuse(e, index, rows, count, out, DeadLetterRow{Reason: ReasonSequenceExpired, Detail: detailSequenceExpired})
		return
	}
	if reason := s.learn(d, e.Names); reason != "" {
		s.refuse(e, index, rows, count, out, s.overNames(d, reason))
		return
	}
	count.meters[meterEvents]++
	count.meters[meterPoints] += uint64(len(e.Values))
	count.meters[meterBytes] += uint64(e.Size)
	if d.active.newest != count.start && d.active.note(count.start) && !count.partial {
		count.meters[meterDeviceHours]++
	}
	rows.Events = append(rows.Events, EventRow{Event: e, Sequence: s.position, Index: index})
	rows.Points += len(e.Values)
	s.observe(d, e, index, out)
}

func (s *State) refuse(e *telemetry.Event, index uint32, rows *Rows, count *hour, out *Outputs, letter DeadLetterRow) {
	count.meters[meterDeadLetters]++
	out.DeadLetters++
	letter.Event, letter.Sequence, letter.Index = e, s.position, index
	rows.DeadLetters = append(rows.DeadLetters, letter)
}

// device finds or adds the event's device.
func (s *State) device(e *telemetry.Event) *device {
	if d := s.last; d != nil && d.id == e.Device && d.tenant.id == e.Tenant {
		return d
	}
	t, ok := s.byTenant[e.Tenant]
	if !ok {
		t = newTenant(s.intern(string(e.Tenant)))
		s.tenants = append(s.tenants, t)
		s.byTenant[t.id] = t
	}
	d, ok := t.byDevice[e.Device]
	if !ok {
		d = &device{tenant: t, id: s.intern(e.Device)}
		t.add(d)
		s.devices = append(s.devices, d)
	}
	s.last = d
	return d
}

func newTenant(id string) *tenant {
	return &tenant{id: tenancy.ID(id), byDevice: map[string]*device{}}
}

func (t *tenant) add(d *device) {
	t.devices = append(t.devices, d)
	t.series += len(d.names)
	t.byDevice[d.id] = d
}

// rowsIn returns the tenant's rows in out.
func (s *State) rowsIn(t *tenant, out *Outputs) *Rows {
	if s.out != out {
		for _, before := range s.filled {
			before.rows = nil
		}
		s.out, s.filled = out, s.filled[:0]
	}
	if t.rows == nil {
		t.rows = out.add(t.id)
		s.filled = append(s.filled, t)
	}
	return t.rows
}

// intern returns a copy of name that does not keep the frame's memory alive, the same for equal names.
func (s *State) intern(name string) string {
	if kept, ok := s.names[name]; ok {
		return kept
	}
	kept := string(append([]byte(nil), name...))
	s.names[kept] = kept
	return kept
}

// learn sets the device's shape to the places of names, adding those that are new. It reports false, and adds none,
// when the device would then have too many.
func (s *State) learn(d *device, names []string) (refusal string) {
	if d.hasShape(names) {
		return ""
	}
	unknown := 0
	for _, name := range names {
		if d.place(name) < 0 {
			unknown++
		}
	}
	if unknown > 0 {
		// A limit that was lowered takes no name away.
		if len(d.names)+unknown > s.options.measurements(d.tenant.id) {
			return ReasonMeasurementLimit
		}
		if most, ok := s.options.TenantSeries[d.tenant.id]; ok && d.tenant.series+unknown > most {
			return ReasonSeriesLimit
		}
		d.tenant.series += unknown
		// Exactly as many as there are: most devices have few names, and they never change.
		d.names = append(make([]string, 0, len(d.names)+unknown), d.names...)
	}
	if cap(d.shape) < len(names) {
		d.shape = make([]int32, 0, len(names))
	}
	d.shape = d.shape[:0]
	for _, name := range names {
		at := d.place(name)
		if at < 0 {
			at = int32(len(d.names))
			d.names = append(d.names, s.intern(name))
			if d.index != nil {
				d.index[d.names[at]] = at
			}
		}
		d.shape = append(d.shape, at)
	}
	return ""
}

// indexedFrom is how many names a device has before they are found by a map, which takes more memory than the names.
const indexedFrom = 32

// place is where a name stands among the device's, -1 if it is new.
func (d *device) place(name string) int32 {
	if len(d.names) < indexedFrom {
		return int32(slices.Index(d.names, name))
	}
	if d.index == nil {
		d.index = make(map[string]int32, len(d.names))
		for i, known := range d.names {
			d.index[known] = int32(i)
		}
	}
	if at, ok := d.index[name]; ok {
		return at
	}
	return -1
}

func (d *device) hasShape(names []string) bool {
	if len(d.shape) != len(names) {
		return false
	}
	for i, at := range d.shape {
		if d.names[at] != names[i] {
			return false
		}
	}
	return true
}
