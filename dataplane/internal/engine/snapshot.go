package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"

	"github.com/millwright-io/millwright/tenancy"
)

// The snapshot's layout: magic and version (4 bytes), the state, CRC-32C of all before it (4 bytes, little-endian).
// Numbers are varints, floats 8 bytes little-endian, strings a length and bytes. Equal states give equal bytes. A new
// layout gets a new version, and the old one stays readable for one release.
const (
	snapshotMagic   = "MWS"
	snapshotVersion = 7
	// In version 6 nobody knows in which hours a device was active; in version 5 tenants have no limits of all their devices' names; in version 4 devices hold few windows and no late messages
	// apart, and a summary of one value is as long as others; in version 3 there is no pulse but the log's time, in version 2
	// tenants have no limits of their own, in version 1 summaries have no Squares besides.
	snapshotWithoutActivity = 6
	snapshotWithoutSeries   = 5
	snapshotWithoutLate     = 4
	snapshotWithoutPulse    = 3
	snapshotWithoutLimits   = 2
	snapshotWithoutSquares  = 1
)

// ErrSnapshot is wrapped by every error of Decode.
var ErrSnapshot = errors.New("unreadable snapshot")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode appends the state's snapshot to buf. Measured by BenchmarkEncode.
func (s *State) Encode(buf []byte) []byte {
	start := len(buf)
	w := writer{append(append(buf, snapshotMagic...), snapshotVersion)}
	w.uint(uint64(s.options.Measurements))
	w.uint(uint64(s.options.OpenAccumulators))
	w.limits(s.options.TenantMeasurements)
	w.uint(uint64(s.options.OpenWindows))
	w.uint(uint64(s.options.LateMessages))
	w.uint(uint64(s.options.TenantLateMessages))
	w.limits(s.options.TenantSeries)
	w.uint(s.position)
	w.int(s.logTime)
	w.int(s.lastTime)
	w.int(s.pulse)
	w.int(s.tick)
	numbers := make(map[*tenant]uint64, len(s.tenants))
	w.uint(uint64(len(s.tenants)))
	for i, t := range s.tenants {
		numbers[t] = uint64(i)
		w.tenant(t)
	}
	w.uint(uint64(len(s.devices)))
	for _, d := range s.devices {
		w.uint(numbers[d.tenant])
		w.device(d)
	}
	return binary.LittleEndian.AppendUint32(w.buf, crc32.Checksum(w.buf[start:], castagnoli))
}

// writer appends; see the matching methods of reader.
type writer struct{ buf []byte }

func (w *writer) uint(v uint64)   { w.buf = binary.AppendUvarint(w.buf, v) }
func (w *writer) int(v int64)     { w.buf = binary.AppendVarint(w.buf, v) }
func (w *writer) fixed(v uint64)  { w.buf = binary.LittleEndian.AppendUint64(w.buf, v) }
func (w *writer) float(v float64) { w.fixed(math.Float64bits(v)) }
func (w *writer) string(v string) { w.uint(uint64(len(v))); w.buf = append(w.buf, v...) }

func (w *writer) bool(v bool) {
	if v {
		w.buf = append(w.buf, 1)
		return
	}
	w.buf = append(w.buf, 0)
}

func (w *writer) tenant(t *tenant) {
	w.string(string(t.id))
	w.uint(uint64(t.cursor))
	w.uint(uint64(len(t.hours)))
	for _, h := range t.hours {
		w.int(h.start)
		w.uint(h.version)
		for _, m := range h.meters {
			w.uint(m)
		}
		w.bool(h.partial)
	}
}

func (w *writer) device(d *device) {
	w.string(d.id)
	w.int(d.seen)
	w.int(d.watermark)
	w.int(d.active.newest)
	w.uint(d.active.hours)
	w.uint(uint64(len(d.names)))
	for _, name := range d.names {
		w.string(name)
	}
	w.uint(uint64(len(d.epochs)))
	for _, e := range d.epochs {
		w.string(e.name)
		w.uint(e.used)
		w.uint(e.floor)
		w.uint(uint64(len(e.spans)))
		at := uint64(0)
		for _, s := range e.spans {
			w.uint(s.from - at)
			w.uint(s.to - s.from)
			at = s.to
		}
	}
	w.uint(uint64(len(d.recent.ring)))
	w.uint(uint64(d.recent.next))
	for _, key := range d.recent.ring {
		w.fixed(key)
	}
	w.bool(d.late != nil)
	if d.late != nil {
		w.int(d.late.seen)
		w.keys(d.late.young)
		w.keys(d.late.old)
	}
	w.uint(uint64(len(d.windows)))
	for _, open := range d.windows {
		w.window(open)
	}
}

// keys are sorted, each written as the distance from the one before.
func (w *writer) keys(keys []uint64) {
	w.uint(uint64(len(keys)))
	before := uint64(0)
	for _, key := range keys {
		w.uint(key - before)
		before = key
	}
}

func (w *writer) window(open *window) {
	w.int(open.start)
	w.uint(open.segment)
	w.int(open.touched)
	w.bool(open.dirty)
	w.uint(uint64(len(open.summaries)))
	for i := range open.summaries {
		w.summary(&open.summaries[i], open.start)
	}
}

func (w *writer) summary(s *Summary, start int64) {
	w.uint(s.Count)
	switch s.Count {
	case 0:
		return
	case 1: // all values are that one
		w.float(s.First)
		w.int(s.FirstTime - start*1e9)
		return
	}
	for _, v := range [...]float64{s.Sum, s.Min, s.Max, s.Origin, s.Squares, s.First, s.Last} {
		w.float(v)
	}
	w.int(s.FirstTime - start*1e9)
	w.int(s.LastTime - s.FirstTime)
}

// limits writes those of single tenants.
func (w *writer) limits(limits map[tenancy.ID]int) {
	w.uint(uint64(len(limits)))
	for _, id := range slices.Sorted(maps.Keys(limits)) {
		w.string(string(id))
		w.uint(uint64(limits[id]))
	}
}

// Decode returns the state of a snapshot.
func Decode(data []byte) (*State, error) {
	end := len(data) - 4
	if end < len(snapshotMagic)+1 || string(data[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%d bytes do not begin with a snapshot's header: %w", len(data), ErrSnapshot)
	}
	version := data[len(snapshotMagic)]
	if version < snapshotWithoutSquares || version > snapshotVersion {
		return nil, fmt.Errorf("snapshot version %d, this program reads up to %d: %w", version, snapshotVersion, ErrSnapshot)
	}
	if crc32.Checksum(data[:end], castagnoli) != binary.LittleEndian.Uint32(data[end:]) {
		return nil, fmt.Errorf("checksum of %d bytes: %w", len(data), ErrSnapshot)
	}
	r := reader{data: data[len(snapshotMagic)+1 : end], squares: version != snapshotWithoutSquares, late: version > snapshotWithoutLate, activity: version > snapshotWithoutActivity}
	s := New(Options{Measurements: int(r.uint()), OpenAccumulators: int(r.uint())})
	if version > snapshotWithoutLimits {
		s.options.TenantMeasurements = r.limits()
	}
	if r.late {
		s.options.OpenWindows, s.options.LateMessages, s.options.TenantLateMessages = int(r.uint()), int(r.uint()), int(r.uint())
	}
	if version > snapshotWithoutSeries {
		s.options.TenantSeries = r.limits()
	}
	s.position, s.logTime = r.uint(), r.int()
	if s.lastTime, s.pulse = s.logTime, s.logTime; version > snapshotWithoutPulse {
		s.lastTime, s.pulse = r.int(), r.int()
	}
	s.tick = r.int()
	for range r.count() {
		t := r.tenant(s)
		s.tenants = append(s.tenants, t)
		s.byTenant[t.id] = t
	}
	for range r.count() {
		number := r.uint()
		if number >= uint64(len(s.tenants)) {
			r.bad = true
			break
		}
		d := r.device(s)
		d.tenant = s.tenants[number]
		d.tenant.add(d)
		for _, w := range d.windows {
			d.tenant.accumulators += len(w.summaries)
		}
		if d.late != nil {
			d.tenant.late += d.late.len()
		}
		s.devices = append(s.devices, d)
	}
	if r.bad || len(r.data) != 0 {
		return nil, fmt.Errorf("%d bytes at the end: %w", len(r.data), ErrSnapshot)
	}
	return s, nil
}

// reader takes values off data; after bad it yields zeros.
type reader struct {
	data []byte
	bad  bool
	// squares: summaries have them; late: see snapshotWithoutLate; activity: see snapshotWithoutActivity.
	squares, late, activity bool
}

func (r *reader) advance(n int) []byte {
	if n <= 0 || n > len(r.data) {
		r.bad, r.data = true, nil
		return nil
	}
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.data)
	r.advance(n)
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.data)
	r.advance(n)
	return v
}

// count is a number of things that each take a byte or more.
func (r *reader) count() int {
	v := r.uint()
	if v > uint64(len(r.data)) {
		r.bad, r.data = true, nil
		return 0
	}
	return int(v)
}

func (r *reader) fixed() uint64 {
	if b := r.advance(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) float() float64 { return math.Float64frombits(r.fixed()) }

func (r *reader) string() string {
	n := r.count()
	if n == 0 {
		return ""
	}
	return string(r.advance(n))
}

func (r *reader) bool() bool {
	b := r.advance(1)
	return b != nil && b[0] == 1
}

// limits are those of single tenants; nil when there are none.
func (r *reader) limits() map[tenancy.ID]int {
	n := r.count()
	if n == 0 {
		return nil
	}
	limits := make(map[tenancy.ID]int, n)
	for range n {
		id := tenancy.ID(r.string())
		limits[id] = int(r.uint())
	}
	return limits
}

func (r *reader) tenant(s *State) *tenant {
	id := s.intern(r.string())
	t := newTenant(id)
	t.cursor = int(r.uint())
	for range r.count() {
		t.hours = append(t.hours, r.hour())
	}
	return t
}

func (r *reader) hour() hour {
	h := hour{start: r.int(), version: r.uint()}
	if r.activity {
		for i := range h.meters {
			h.meters[i] = r.uint()
		}
		h.partial = r.bool()
		return h
	}
	for i := range olderMeters {
		h.meters[i] = r.uint()
	}
	h.meters[meterAccepted] = h.meters[meterEvents] + h.meters[meterDuplicates] + h.meters[meterDeadLetters]
	h.partial = true
	return h
}

func (r *reader) device(s *State) *device {
	d := &device{id: s.intern(r.string()), seen: r.int(), watermark: r.int()}
	if r.activity {
		d.active = activity{newest: r.int(), hours: r.uint()}
	}
	for range r.count() {
		d.names = append(d.names, s.intern(r.string()))
	}
	for range r.count() {
		e := &epoch{name: r.string(), used: r.uint(), floor: r.uint()}
		at := uint64(0)
		for range r.count() {
			from := at + r.uint()
			at = from + r.uint()
			e.spans = append(e.spans, span{from, at})
		}
		d.epochs = append(d.epochs, e)
	}
	n := r.count()
	d.recent.next = int(r.uint())
	for range n {
		d.recent.ring = append(d.recent.ring, r.fixed())
	}
	if r.late && r.bool() {
		d.late = &lateMessages{seen: r.int(), young: r.keys(), old: r.keys()}
	}
	for range r.count() {
		w := r.window()
		if w.dirty {
			s.dirty++
		}
		d.windows = append(d.windows, w)
	}
	return d
}

func (r *reader) keys() []uint64 {
	n := r.count()
	if n == 0 {
		return nil
	}
	keys, before := make([]uint64, n), uint64(0)
	for i := range keys {
		before += r.uint()
		keys[i] = before
	}
	return keys
}

func (r *reader) window() *window {
	w := &window{start: r.int(), segment: r.uint(), touched: r.int(), dirty: r.bool()}
	n := r.count()
	w.summaries = make([]Summary, n)
	for i := range w.summaries {
		w.summaries[i] = r.summary(w.start)
	}
	return w
}

func (r *reader) summary(start int64) Summary {
	s := Summary{Count: r.uint()}
	if s.Count == 0 {
		return s
	}
	if s.Count == 1 && r.late {
		value := r.float()
		s = Summary{}
		s.add(value, start*1e9+r.int())
		return s
	}
	s.Sum, s.Min, s.Max, s.Squares = r.float(), r.float(), r.float(), math.NaN()
	if r.squares {
		s.Origin, s.Squares = r.float(), r.float()
	}
	s.First, s.Last = r.float(), r.float()
	s.FirstTime = start*1e9 + r.int()
	s.LastTime = s.FirstTime + r.int()
	return s
}
