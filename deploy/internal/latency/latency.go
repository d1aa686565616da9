// Package latency counts durations in a histogram of fixed size, for the summaries of simulate and bench. Quantiles are
// exact to 1.6 %.
package latency

import (
	"math/bits"
	"sync"
	"time"
)

// Each power of two of microseconds has 64 cells.
const (
	cellBits = 6
	cells    = 1 << cellBits
)

// Histogram is ready to use and safe for use by many goroutines.
type Histogram struct {
	mu     sync.Mutex
	counts [40 * cells]uint64
	total  uint64
	max    time.Duration
}

// Add counts some durations.
func (h *Histogram) Add(all ...time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range all {
		h.counts[cell(d)]++
		h.total++
		h.max = max(h.max, d)
	}
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total
}

// Quantile is the duration that the share q of all do not exceed; 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	want := uint64(q * float64(h.total))
	var sum uint64
	for i, n := range h.counts {
		if sum += n; n > 0 && sum > want {
			return min(top(i), h.max)
		}
	}
	return h.max
}

// cell is the index of a duration: the first 64 microseconds one by one, then 64 cells an octave.
func cell(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	if us < cells {
		return int(us)
	}
	octave := bits.Len64(us) - cellBits - 1
	return min((octave+1)*cells+int(us>>octave)-cells, 40*cells-1)
}

// top is the longest duration of a cell.
func top(i int) time.Duration {
	if i < cells {
		return time.Duration(i+1)*time.Microsecond - 1
	}
	octave := i/cells - 1
	return time.Duration(uint64(i%cells+cells+1)<<octave)*time.Microsecond - 1
}
