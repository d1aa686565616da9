package dataplane

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
	"github.com/millwright-io/millwright/tenancy"
)

// mostJourneys bounds the events of a partition that are followed from the log on at the same time.
const mostJourneys = 256

// journeys follow events from the log to their rows, around the engine, which knows nothing of it. It is safe for concurrent
// use; without a tracer nothing is followed.
type journeys struct {
	tracer *trace.Tracer
	now    func() time.Time
	// count spares the others the lock: it is 0 nearly always.
	count atomic.Int64

	mu sync.Mutex
	of map[int][]journey
}

type journey struct {
	sequence uint64
	index    uint32
	tenant   tenancy.ID
	// span is the engine's stage, from taking the event to its rows being stored.
	span    *trace.Span
	taken   time.Time
	stepped bool
	stored  bool
}

func newJourneys(tracer *trace.Tracer, now func() time.Time) *journeys {
	return &journeys{tracer: tracer, now: now, of: map[int][]journey{}}
}

// took begins with the events of a message of the log that are followed.
func (j *journeys) took(partition int, m jetstream.Message, events []telemetry.Event) {
	if j.tracer == nil || len(m.Followed) == 0 {
		return
	}
	now := j.now()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range m.Followed {
		if f.Index >= len(events) || len(j.of[partition]) >= mostJourneys {
			continue
		}
		j.tracer.Begin(f.Context, "consume", time.Unix(0, m.Time)).End(now, nil)
		span := j.tracer.Begin(f.Context, "engine", now)
		span.Note("partition", int64(partition))
		span.Note("sequence", int64(m.Sequence)) //nolint:gosec // a count
		j.of[partition] = append(j.of[partition], journey{
			sequence: m.Sequence, index: uint32(f.Index), tenant: events[f.Index].Tenant, span: span, taken: now, //nolint:gosec // below the count of a frame
		})
		j.count.Add(1)
	}
}

// stepped notes that the engine has these rows.
func (j *journeys) stepped(rows []engine.EventRow) {
	if j.count.Load() == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, list := range j.of {
		for i := range list {
			if !list[i].stepped && list[i].among(rows) {
				list[i].stepped = true
				list[i].span.Stage("step", list[i].taken, j.now())
			}
		}
	}
}

// inserted notes that a tenant's rows were inserted.
func (j *journeys) inserted(partition uint16, tenant tenancy.ID, rows []engine.EventRow, begun time.Time) {
	if j.count.Load() == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.of[int(partition)] {
		one := &j.of[int(partition)][i]
		if one.tenant != tenant || one.stored || !one.among(rows) {
			continue
		}
		one.stored = true
		insert := one.span.Begin("insert", begun)
		insert.Note("rows", int64(len(rows)))
		insert.End(j.now(), nil)
	}
}

// committed ends with what is stored through a sequence.
func (j *journeys) committed(partition int, through uint64) {
	if j.count.Load() == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.of[partition] = slices.DeleteFunc(j.of[partition], func(one journey) bool {
		if one.sequence > through {
			return false
		}
		outcome := "stored"
		if !one.stored {
			outcome = "a duplicate, a dead letter, or put aside"
		}
		one.span.Say("outcome", outcome)
		one.span.End(j.now(), nil)
		j.count.Add(-1)
		return true
	})
}

// among looks for the event in rows, which are in the order of the log.
func (one *journey) among(rows []engine.EventRow) bool {
	_, found := slices.BinarySearchFunc(rows, one, func(row engine.EventRow, one *journey) int {
		if row.Sequence != one.sequence {
			return cmp.Compare(row.Sequence, one.sequence)
		}
		return cmp.Compare(uint64(row.Index), uint64(one.index))
	})
	return found && rows[0].Event.Tenant == one.tenant
}
