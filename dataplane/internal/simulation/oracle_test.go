package simulation

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/tenancy"
)

// findings collects what is wrong.
type findings []string

func (f *findings) add(format string, args ...any) {
	if len(*f) < 5 {
		*f = append(*f, fmt.Sprintf(format, args...))
	}
}

// settled says whether everything that was acknowledged is stored and nothing is put aside.
func (w *world) settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.whereabouts()
	for id, s := range w.sent {
		if s.acked && at[id] == 0 {
			return false
		}
	}
	for name := range w.objects {
		if strings.HasPrefix(name, "parked/") {
			return false
		}
	}
	return len(w.processes) > 0
}

// whereabouts counts the rows and dead letters of each event.
func (w *world) whereabouts() map[string]int {
	at := map[string]int{}
	for _, r := range w.events {
		at[identity(r.Event)]++
	}
	for _, r := range w.letters {
		at[identity(r.Event)]++
	}
	return at
}

// check holds what is stored against what was sent.
func (w *world) check() findings {
	var f findings
	at := w.whereabouts()
	for _, id := range sorted(w.sent) {
		if n := at[id]; n > 1 || n == 0 && w.sent[id].acked {
			f.add("event %s: acknowledged %v, stored %d times", id, w.sent[id].acked, n)
		}
	}
	for _, at := range w.copies {
		f.add("row %v is stored twice", at)
	}
	for _, id := range sorted(at) {
		if w.sent[id] == nil {
			f.add("event %s is stored and nobody sent it", id)
		}
	}
	for _, r := range w.events {
		if s := w.sent[identity(r.Event)]; s != nil && (!slices.Equal(r.Event.Values, s.event.Values) || r.Event.Time != s.event.Time) {
			f.add("event %s is stored with another content", identity(r.Event))
		}
	}
	w.checkWindows(&f)
	w.checkUsage(&f)
	return f
}

type minute struct {
	tenant              tenancy.ID
	device, measurement string
	start               int64
}

// figures of one minute, as a reader of the store gets them.
type figures struct {
	count                     uint64
	sum, low, high, deviation float64
	first, last               int64
}

// checkWindows compares windows, their segments merged, with a recomputation.
func (w *world) checkWindows(f *findings) {
	values, times := map[minute][]float64{}, map[minute][]int64{}
	for _, r := range w.events {
		for i, name := range r.Event.Names {
			start := time.Unix(0, r.Event.Time).Truncate(time.Minute).Unix()
			k := minute{r.Event.Tenant, r.Event.Device, name, start}
			values[k], times[k] = append(values[k], r.Event.Values[i]), append(times[k], r.Event.Time)
		}
	}
	got := map[minute]figures{}
	for k, r := range w.windows {
		m := minute{k.tenant, k.device, k.measurement, k.start}
		got[m] = merge(got[m], r.Summary)
	}
	for k, list := range values {
		want := recompute(list, times[k])
		if have := got[k]; !equal(have, want) {
			f.add("window %v: %+v, the rows say %+v", k, have, want)
		}
		delete(got, k)
	}
	for k := range got {
		f.add("window %v has no rows", k)
	}
}

func merge(a figures, s engine.Summary) figures {
	b := figures{s.Count, s.Sum, s.Min, s.Max, s.Deviation(), s.FirstTime, s.LastTime}
	if a.count == 0 {
		return b
	}
	n, m := float64(a.count), float64(b.count)
	apart := a.sum/n - b.sum/m
	return figures{
		a.count + b.count, a.sum + b.sum, min(a.low, b.low), max(a.high, b.high),
		a.deviation + b.deviation + apart*apart*n*m/(n+m), min(a.first, b.first), max(a.last, b.last),
	}
}

func recompute(values []float64, times []int64) figures {
	f := figures{count: uint64(len(values)), low: slices.Min(values), high: slices.Max(values), first: slices.Min(times), last: slices.Max(times)}
	for _, v := range values {
		f.sum += v
	}
	for _, v := range values {
		f.deviation += (v - f.sum/float64(f.count)) * (v - f.sum/float64(f.count))
	}
	return f
}

func equal(a, b figures) bool {
	near := math.Abs(a.deviation-b.deviation) <= 1e-6*(1+b.deviation)
	a.deviation, b.deviation = 0, 0
	return near && a == b
}

// checkUsage recounts the ledger from the rows, and from the log what was a duplicate.
func (w *world) checkUsage(f *findings) {
	want, active := map[entry]uint64{}, map[entry]map[string]bool{}
	clock := w.logTimes()
	for at, r := range w.events {
		k := entry{string(at.tenant), uint32(at.partition), hourOf(r.Event.Received, clock[r.Sequence]), "device_hours"}
		if active[k] == nil {
			active[k] = map[string]bool{}
		}
		active[k][r.Event.Device] = true
		want[k] = uint64(len(active[k]))
		k.meter = "events"
		want[k]++
		k.meter = "points"
		want[k] += uint64(len(r.Event.Values))
		k.meter = "bytes"
		want[k] += uint64(r.Event.Size)
	}
	for at, r := range w.letters {
		want[entry{string(at.tenant), uint32(at.partition), hourOf(r.Event.Received, clock[r.Sequence]), "dead_letters"}]++
	}
	taken, logged := map[string]uint64{}, w.logged()
	for k, t := range w.ledger {
		switch k.meter {
		case "duplicates": // what became of them is in no row
			continue
		case "accepted":
			want[k] = w.ledger[k.of("events")].value + w.ledger[k.of("duplicates")].value + w.ledger[k.of("dead_letters")].value
			taken[k.tenant] += t.value
		}
		if t.value != want[k] {
			f.add("usage %v: %d, the rows say %d", k, t.value, want[k])
		}
		delete(want, k)
	}
	for k, n := range want {
		f.add("usage %v: none, the rows say %d", k, n)
	}
	for tenant, n := range logged {
		if taken[tenant] != n {
			f.add("usage of %s: %d accepted; the log has %d", tenant, taken[tenant], n)
		}
	}
}

// of is the same hour's entry of another meter.
func (e entry) of(meter string) entry {
	e.meter = meter
	return e
}

// logTimes is, by sequence, the newest time of the partition's log so far.
func (w *world) logTimes() map[uint64]int64 {
	times, newest := map[uint64]int64{}, map[int]int64{}
	for _, m := range w.messages {
		newest[m.partition] = max(newest[m.partition], m.time.UnixNano())
		times[m.sequence] = newest[m.partition]
	}
	return times
}

// hourOf is the rule of the ledger: the hour of receipt, or of the log if the receipt is far off it.
func hourOf(received, log int64) int64 {
	if received < log-int64(47*time.Hour) || received > log+int64(time.Hour) {
		received = log
	}
	return time.Unix(0, received).Truncate(time.Hour).Unix()
}

// logged counts the events in the log by tenant.
func (w *world) logged() map[string]uint64 {
	n, decoder := map[string]uint64{}, frame.NewDecoder()
	for _, m := range w.messages {
		decoded, err := decoder.Decode(m.data)
		if err != nil {
			panic(err)
		}
		for _, e := range decoded.Events {
			n[string(e.Tenant)]++
		}
	}
	return n
}

func sorted[T any](m map[string]T) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
