// Package pipeline says how events fared on their way through the cell in the last minute: rates and quantiles from what was
// counted since the start. It is pure; the composition root takes the samples, the API serves the figures.
package pipeline

import (
	"cmp"
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

// Figures are those of one process.
type Figures struct {
	Started                         time.Time
	Span                            time.Duration
	Partitions                      []Lag
	Stages                          []Stage
	Stored, Duplicates, DeadLetters float64
	Refusals                        []Refusal
	Tenants                         []Tenant
	Sessions, LiveSessions          int
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

// Figures are what happened since the oldest sample that is not more than a minute and Every old. order is that of the stages.
func (h *History) Figures(now Sample, order []string) Figures {
	if len(h.samples) == 0 {
		return Figures{}
	}
	then := h.samples[0]
	f := Figures{Span: now.At.Sub(then.At)}
	seconds := f.Span.Seconds()
	if seconds <= 0 {
		return f
	}
	rate := func(now, then float64) float64 { return max(0, now-then) / seconds }
	for _, name := range order {
		f.Stages = append(f.Stages, now.Stages[name].since(then.Stages[name], name, seconds))
	}
	f.Stored = rate(now.Outcomes["stored"], then.Outcomes["stored"])
	f.Duplicates = rate(now.Outcomes["duplicate"], then.Outcomes["duplicate"])
	f.DeadLetters = rate(now.Outcomes["dead_letter"], then.Outcomes["dead_letter"])
	for reason, n := range now.Refusals {
		if r := rate(n, then.Refusals[reason]); r > 0 {
			f.Refusals = append(f.Refusals, Refusal{reason, r})
		}
	}
	slices.SortFunc(f.Refusals, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), cmp.Compare(a.Reason, b.Reason))
	})
	f.Refusals = f.Refusals[:min(len(f.Refusals), most)]
	for id, n := range now.Tenants {
		was := then.Tenants[id]
		t := Tenant{
			ID: id, Events: rate(float64(n.Events), float64(was.Events)), Points: rate(float64(n.Points), float64(was.Points)),
			DeadLetters: rate(float64(n.DeadLetters), float64(was.DeadLetters)),
		}
		if t.Events+t.DeadLetters > 0 {
			f.Tenants = append(f.Tenants, t)
		}
	}
	slices.SortFunc(f.Tenants, func(a, b Tenant) int {
		return cmp.Or(cmp.Compare(b.Events+b.DeadLetters, a.Events+a.DeadLetters), cmp.Compare(a.ID, b.ID))
	})
	f.Tenants = f.Tenants[:min(len(f.Tenants), most)]
	return f
}

// since is what came to a histogram.
func (h Histogram) since(then Histogram, name string, seconds float64) Stage {
	counts := slices.Clone(h.Cumulative)
	for i := range min(len(counts), len(then.Cumulative)) {
		counts[i] -= min(counts[i], then.Cumulative[i])
	}
	total := h.Count - min(h.Count, then.Count)
	return Stage{
		Name: name, PerSecond: float64(total) / seconds,
		P50: quantile(h.Bounds, counts, total, 0.50), P99: quantile(h.Bounds, counts, total, 0.99),
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
