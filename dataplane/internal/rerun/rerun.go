// Package rerun runs the engine again over stored events, in a state of its own that is thrown away, and says what would be
// otherwise than it is stored. It writes nothing. The API imports it.
package rerun

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// maxWindows bounds the windows of measurements that one run keeps, some 150 bytes each.
	maxWindows = 500_000
	// examples is how many differences are told.
	examples = 10
	// sumError is how much a sum may differ, as a part of the largest that the values could make: the order of additions is not
	// the same.
	sumError = 1.0 / (1 << 40)
)

// Hour is what the engine made of the events that were received in one UTC hour.
type Hour struct {
	Start                 time.Time
	Events, Points, Bytes uint64
}

// Result is what a run found.
type Result struct {
	// Events were taken, Duplicates and Refused of them would not be stored now.
	Events, Duplicates, Refused uint64
	// Windows were compared, Different of them differ.
	Windows, Different uint64
	// Examples are the first that differ; Recounted is what the engine made.
	Examples []query.Difference
	// Hours have the events received in the range, oldest first.
	Hours []Hour
}

// Service runs the engine again. It is safe for concurrent use.
type Service struct {
	store   query.Store
	options func() engine.Options
}

// New returns a service over a store; options are those that the engine works under now.
func New(store query.Store, options func() engine.Options) *Service { return &Service{store, options} }

type window struct {
	device, measurement string
	start               int64
}

// run is one rerun.
type run struct {
	tenant   tenancy.ID
	from, to int64
	states   map[uint16]*engine.State
	frame    engine.Frame
	of       uint16
	// segments are the newest state of each period in which a window was open.
	segments map[window]map[uint64]engine.WindowRow
	hours    map[int64]*Hour
	result   Result
	options  engine.Options
}

// Run feeds the engine with all stored events of the windows that events received in [from, to) belong to, in the order of the log.
func (s *Service) Run(ctx context.Context, tenant tenancy.ID, from, to time.Time) (Result, error) {
	r := &run{
		tenant: tenant, from: from.UnixNano(), to: to.UnixNano(), states: map[uint16]*engine.State{},
		segments: map[window]map[uint64]engine.WindowRow{}, hours: map[int64]*Hour{}, options: s.options(),
	}
	text, args := eventsSQL(from, to)
	if err := s.store.Query(ctx, tenant, text, args, r.take); err != nil {
		return Result{}, err
	}
	if err := r.finish(); err != nil {
		return Result{}, err
	}
	text, args = windowsSQL(from, to)
	if err := s.store.Query(ctx, tenant, text, args, r.compare); err != nil {
		return Result{}, err
	}
	for _, w := range slices.SortedFunc(maps.Keys(r.segments), compareWindows) { // what the store does not have
		r.differs(w, query.Summary{}, merge(r.segments[w]))
		r.result.Windows++
	}
	for _, start := range slices.Sorted(maps.Keys(r.hours)) {
		r.result.Hours = append(r.result.Hours, *r.hours[start])
	}
	return r.result, nil
}

// take is one stored event; those of one message of the log are one frame.
func (r *run) take(row query.Row) error {
	var partition uint16
	var sequence uint64
	var e telemetry.Event
	if err := row.Scan(&partition, &sequence, &e.Device, &e.Time, &e.Received, &e.Epoch, &e.Sequence, &e.MessageID, &e.Names, &e.Values, &e.Size, &e.Hash); err != nil {
		return err
	}
	e.Tenant = r.tenant
	e.HasSequence = e.MessageID == "" && (e.Epoch != "" || e.Sequence > 0)
	if partition != r.of || sequence != r.frame.Sequence {
		if err := r.step(); err != nil {
			return err
		}
		r.of, r.frame = partition, engine.Frame{Sequence: sequence}
	}
	r.frame.Time = max(r.frame.Time, e.Received)
	r.frame.Events = append(r.frame.Events, e)
	return nil
}

// step feeds the open frame.
func (r *run) step() error {
	if len(r.frame.Events) == 0 {
		return nil
	}
	state := r.states[r.of]
	if state == nil {
		state = engine.New(r.options)
		r.states[r.of] = state
	}
	out := &engine.Outputs{}
	state.Step(r.frame, out)
	return r.keep(out)
}

// finish lets the log's time pass until every window is put out.
func (r *run) finish() error {
	if err := r.step(); err != nil {
		return err
	}
	for partition, state := range r.states {
		at := r.to
		for sequence := state.Position() + 1; state.Dirty(); sequence++ {
			out := &engine.Outputs{}
			at += int64(time.Second)
			state.Step(engine.Frame{Sequence: sequence, Time: max(at, r.frame.Time+int64(time.Second))}, out)
			if err := r.keep(out); err != nil {
				return fmt.Errorf("partition %d: %w", partition, err)
			}
		}
	}
	return nil
}

// keep takes what the engine put out.
func (r *run) keep(out *engine.Outputs) error {
	r.result.Events += uint64(out.Events)         //nolint:gosec // a count
	r.result.Duplicates += uint64(out.Duplicates) //nolint:gosec // a count
	r.result.Refused += uint64(out.DeadLetters)   //nolint:gosec // a count
	for _, rows := range out.Tenants {
		for _, row := range rows.Events {
			r.count(row.Event)
		}
		for _, row := range rows.Windows {
			w := window{row.Device, row.Measurement, row.Start}
			if r.segments[w] == nil {
				if len(r.segments) == maxWindows {
					return fmt.Errorf("the range has more than %d windows: take a shorter one: %w", maxWindows, tenancy.ErrInvalid)
				}
				r.segments[w] = map[uint64]engine.WindowRow{}
			}
			if kept, ok := r.segments[w][row.Segment]; !ok || kept.Version <= row.Version {
				r.segments[w][row.Segment] = row
			}
		}
	}
	return nil
}

func (r *run) count(e *telemetry.Event) {
	if e.Received < r.from || e.Received >= r.to {
		return // it is there for its window alone
	}
	start := time.Unix(0, e.Received).UTC().Truncate(time.Hour)
	hour := r.hours[start.Unix()]
	if hour == nil {
		hour = &Hour{Start: start}
		r.hours[start.Unix()] = hour
	}
	hour.Events++
	hour.Points += uint64(len(e.Values))
	hour.Bytes += uint64(e.Size)
}

// compare is one stored window.
func (r *run) compare(row query.Row) error {
	var w window
	var start time.Time
	var stored query.Summary
	if err := row.Scan(&w.device, &w.measurement, &start, &stored.Count, &stored.Sum, &stored.Min, &stored.Max, &stored.First, &stored.Last); err != nil {
		return err
	}
	w.start = start.Unix()
	r.result.Windows++
	made := merge(r.segments[w])
	delete(r.segments, w)
	if !equal(stored, made) {
		r.differs(w, stored, made)
	}
	return nil
}

func (r *run) differs(w window, stored, made query.Summary) {
	r.result.Different++
	if len(r.result.Examples) < examples {
		r.result.Examples = append(r.result.Examples, query.Difference{
			Device: w.device, Measurement: w.measurement, Start: time.Unix(w.start, 0).UTC(), Stored: stored, Recounted: made,
		})
	}
}

func equal(a, b query.Summary) bool {
	size := float64(a.Count) * max(math.Abs(a.Min), math.Abs(a.Max))
	return a.Count == b.Count && a.Min == b.Min && a.Max == b.Max && a.First == b.First && a.Last == b.Last && math.Abs(a.Sum-b.Sum) <= size*sumError
}

// merge makes one summary of a window's segments, as a reader of the store does.
func merge(segments map[uint64]engine.WindowRow) (s query.Summary) {
	var first, last int64
	for _, segment := range slices.Sorted(maps.Keys(segments)) {
		part := segments[segment].Summary
		if s.Count == 0 {
			s = query.Summary{Count: part.Count, Sum: part.Sum, Min: part.Min, Max: part.Max, First: part.First, Last: part.Last}
			first, last = part.FirstTime, part.LastTime
			continue
		}
		s.Count, s.Sum, s.Min, s.Max = s.Count+part.Count, s.Sum+part.Sum, min(s.Min, part.Min), max(s.Max, part.Max)
		if part.FirstTime < first {
			s.First, first = part.First, part.FirstTime
		}
		if part.LastTime >= last {
			s.Last, last = part.Last, part.LastTime
		}
	}
	return s
}

func compareWindows(a, b window) int {
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.device, b.device), cmp.Compare(a.measurement, b.measurement))
}
