// Package pipeline says how events fared on their way through the cell in the last minute: rates and quantiles from what each of its
// processes counted since its start. It is pure; the composition root takes the samples, jetstream carries the parts between
// processes, the API serves the figures.
package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// Every is how often a sample is to be taken, span what the rates are of.
	Every = 10 * time.Second
	span  = time.Minute
	// most bounds each list of the figures.
	most = 20
)

// Histogram is one of a stage, since the start: how many took at most each of Bounds, in seconds, and how many there were.
type Histogram struct {
	Bounds     []float64
	Cumulative []uint64
	Count      uint64
}

// Counts are what was stored and refused of a tenant since the start.
type Counts struct{ Events, Points, DeadLetters uint64 }

// Sample is what was counted since the start.
type Sample struct {
	At     time.Time
	Stages map[string]Histogram
	// Outcomes are those of events in the engine, Refusals the gateway's reasons.
	Outcomes, Refusals map[string]float64
	Tenants            map[tenancy.ID]Counts
}

// Lag is how far behind a partition is.
type Lag struct {
	Partition int
	// Messages of the log that are not stored yet, and how long ago the log took the oldest of them.
	Messages uint64
	Behind   time.Duration
	// Committed is the sequence through which everything is stored.
	Committed uint64
}

// Stage is how long a part of the way took.
type Stage struct {
	Name      string
	PerSecond float64
	// P50 and P99 are unset when there was none.
	P50, P99 time.Duration
}

// Refusal is how many events a second the gateway refused for a reason.
type Refusal struct {
	Reason    string
	PerSecond float64
}

// Tenant is what was stored of one, a second.
type Tenant struct {
	ID                          tenancy.ID
	Events, Points, DeadLetters float64
}

// Figures are those of a cell.
type Figures struct {
	// Started is when the first of its processes was, Processes how many these are of.
	Started                         time.Time
	Processes                       int
	Span                            time.Duration
	Partitions                      []Lag
	Stages                          []Stage
	Stored, Duplicates, DeadLetters float64
	Refusals                        []Refusal
	Tenants                         []Tenant
	Sessions, LiveSessions          int
}

// Part is what one process says of itself.
type Part struct {
	Started                         time.Time
	Span                            time.Duration
	Partitions                      []Lag
	Stages                          map[string]Taken
	Stored, Duplicates, DeadLetters float64
	Refusals                        map[string]float64
	Tenants                         []Tenant
	Sessions, LiveSessions          int
}

// Taken is how long a stage took in the span, and how often it was gone through, a second.
type Taken struct {
	Histogram
	PerSecond float64
}

// History keeps the samples of the last minute. It is not safe for concurrent use.
type History struct{ samples []Sample }

// Add takes the next sample.
func (h *History) Add(s Sample) {
	h.samples = append(h.samples, s)
	for len(h.samples) > 1 && s.At.Sub(h.samples[1].At) >= span {
		h.samples = h.samples[1:]
	}
}

// Part is what happened since the oldest sample that is not more than a minute and Every old.
func (h *History) Part(now Sample) Part {
	if len(h.samples) == 0 {
		return Part{}
	}
	then := h.samples[0]
	p := Part{Span: now.At.Sub(then.At), Stages: map[string]Taken{}, Refusals: map[string]float64{}}
	seconds := p.Span.Seconds()
	if seconds <= 0 {
		return p
	}
	rate := func(now, then float64) float64 { return max(0, now-then) / seconds }
	for name, stage := range now.Stages {
		since := stage.since(then.Stages[name])
		p.Stages[name] = Taken{since, float64(since.Count) / seconds}
	}
	p.Stored = rate(now.Outcomes["stored"], then.Outcomes["stored"])
	p.Duplicates = rate(now.Outcomes["duplicate"], then.Outcomes["duplicate"])
	p.DeadLetters = rate(now.Outcomes["dead_letter"], then.Outcomes["dead_letter"])
	for reason, n := range now.Refusals {
		if r := rate(n, then.Refusals[reason]); r > 0 {
			p.Refusals[reason] = r
		}
	}
	for id, n := range now.Tenants {
		was := then.Tenants[id]
		t := Tenant{
			ID: id, Events: rate(float64(n.Events), float64(was.Events)), Points: rate(float64(n.Points), float64(was.Points)),
			DeadLetters: rate(float64(n.DeadLetters), float64(was.DeadLetters)),
		}
		if t.Events+t.DeadLetters > 0 {
			p.Tenants = append(p.Tenants, t)
		}
	}
	p.Tenants = busiest(p.Tenants)
	return p
}

// Join makes a cell's figures of those of its processes. order is that of the stages.
func Join(parts []Part, order []string) Figures {
	f := Figures{Processes: len(parts)}
	stages, refusals, tenants := map[string]Taken{}, map[string]float64{}, map[tenancy.ID]Tenant{}
	for _, p := range parts {
		if f.Started.IsZero() || p.Started.Before(f.Started) {
			f.Started = p.Started
		}
		f.Span = max(f.Span, p.Span)
		f.Partitions = append(f.Partitions, p.Partitions...)
		f.Stored, f.Duplicates, f.DeadLetters = f.Stored+p.Stored, f.Duplicates+p.Duplicates, f.DeadLetters+p.DeadLetters
		f.Sessions, f.LiveSessions = f.Sessions+p.Sessions, f.LiveSessions+p.LiveSessions
		for name, stage := range p.Stages {
			of := stages[name]
			stages[name] = Taken{of.and(stage.Histogram), of.PerSecond + stage.PerSecond}
		}
		for reason, r := range p.Refusals {
			refusals[reason] += r
		}
		for _, t := range p.Tenants {
			of := tenants[t.ID]
			tenants[t.ID] = Tenant{t.ID, of.Events + t.Events, of.Points + t.Points, of.DeadLetters + t.DeadLetters}
		}
	}
	slices.SortFunc(f.Partitions, func(a, b Lag) int { return cmp.Compare(a.Partition, b.Partition) })
	for _, name := range order {
		f.Stages = append(f.Stages, stages[name].stage(name))
	}
	for reason, r := range refusals {
		f.Refusals = append(f.Refusals, Refusal{reason, r})
	}
	slices.SortFunc(f.Refusals, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), cmp.Compare(a.Reason, b.Reason))
	})
	f.Refusals = f.Refusals[:min(len(f.Refusals), most)]
	f.Tenants = busiest(slices.Collect(maps.Values(tenants)))
	return f
}

// busiest are those of which most was stored, most first.
func busiest(list []Tenant) []Tenant {
	slices.SortFunc(list, func(a, b Tenant) int {
		return cmp.Or(cmp.Compare(b.Events+b.DeadLetters, a.Events+a.DeadLetters), cmp.Compare(a.ID, b.ID))
	})
	return list[:min(len(list), most)]
}

// since is what came to a histogram.
func (h Histogram) since(then Histogram) Histogram {
	counts := slices.Clone(h.Cumulative)
	for i := range min(len(counts), len(then.Cumulative)) {
		counts[i] -= min(counts[i], then.Cumulative[i])
	}
	return Histogram{h.Bounds, counts, h.Count - min(h.Count, then.Count)}
}

// and is both together; those with other bounds, of another version, are left out.
func (h Histogram) and(other Histogram) Histogram {
	if h.Bounds == nil {
		return other
	}
	if !slices.Equal(h.Bounds, other.Bounds) || len(h.Cumulative) != len(other.Cumulative) {
		return h
	}
	counts := slices.Clone(h.Cumulative)
	for i, n := range other.Cumulative {
		counts[i] += n
	}
	return Histogram{h.Bounds, counts, h.Count + other.Count}
}

func (t Taken) stage(name string) Stage {
	return Stage{
		Name: name, PerSecond: t.PerSecond,
		P50: quantile(t.Bounds, t.Cumulative, t.Count, 0.50), P99: quantile(t.Bounds, t.Cumulative, t.Count, 0.99),
	}
}

// quantile interpolates within the bucket that has it; beyond the last bound it is that bound.
func quantile(bounds []float64, cumulative []uint64, total uint64, q float64) time.Duration {
	if total == 0 || len(bounds) == 0 {
		return 0
	}
	rank := q * float64(total)
	below, from := 0.0, 0.0
	for i, n := range cumulative {
		if float64(n) >= rank {
			part := (rank - below) / max(float64(n)-below, 1)
			return time.Duration((from + part*(bounds[i]-from)) * float64(time.Second))
		}
		below, from = float64(n), bounds[i]
	}
	return time.Duration(from * float64(time.Second))
}
