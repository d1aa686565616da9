package simulate

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/latency"
)

// totals counts what all devices did.
type totals struct {
	file      *ackFile
	sentCount atomic.Uint64
	ackCount  atomic.Uint64
	delay     latency.Histogram

	mu sync.Mutex
	// final and later count refusals by reason: those that ended a message, and those that only delayed it.
	final, later map[string]uint64
}

func newTotals(file *ackFile) *totals {
	return &totals{file: file, final: map[string]uint64{}, later: map[string]uint64{}}
}

func (t *totals) sent() { t.sentCount.Add(1) }

func (t *totals) acked(nanoseconds int64) {
	t.ackCount.Add(1)
	t.delay.Add(time.Duration(nanoseconds))
}

// reasons bounds how many different reasons are told apart.
const reasons = 20

func (t *totals) refused(code byte, reason string, again bool) {
	text := cmp.Or(reason, "no reason given")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	text = fmt.Sprintf("0x%02x %s", code, text)
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := t.final
	if again {
		counts = t.later
	}
	if _, known := counts[text]; !known && len(counts) >= reasons {
		text = "other reasons"
	}
	counts[text]++
}

func (t *totals) refusals() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var n uint64
	for _, c := range t.final {
		n += c
	}
	return n
}

// summary prints the counts, and a line for each reason of refusal, most frequent first.
func (t *totals) summary(w io.Writer, resent uint64) {
	_, _ = fmt.Fprintf(w, "sent %d, acked %d, refused %d, resent %d, ack p50 %s p99 %s\n", t.sentCount.Load(), t.ackCount.Load(),
		t.refusals(), resent, short(t.delay.Quantile(0.5)), short(t.delay.Quantile(0.99)))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list(w, "refused", t.final)
	t.list(w, "refused at first and sent again", t.later)
}

func (t *totals) list(w io.Writer, title string, counts map[string]uint64) {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, name := range names {
		_, _ = fmt.Fprintf(w, "  %s: %d times %s\n", title, counts[name], name)
	}
}

// short prints a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Microsecond).String()
	}
}
