package dataplane

import (
	"cmp"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millwright-io/millwright/dataplane/internal/pipeline"
)

// progress is how many messages of each partition's log are on their way to the store. It is safe for concurrent use.
type progress struct {
	owned *partitions

	mu sync.Mutex
	of map[int]*partitionProgress
}

type partitionProgress struct {
	// waiting are the sequences of the messages that were taken and are not stored yet, rising.
	waiting []uint64
	// pending is how many messages the log had beyond the last one taken.
	pending   uint64
	committed uint64
}

func newProgress(owned *partitions) *progress {
	return &progress{owned: owned, of: map[int]*partitionProgress{}}
}

func (p *progress) partition(n int) *partitionProgress {
	of := p.of[n]
	if of == nil {
		of = &partitionProgress{}
		p.of[n] = of
	}
	return of
}

// took notes a message that was taken from the log.
func (p *progress) took(partition int, sequence, pending uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.partition(partition)
	of.pending = pending
	if n := len(of.waiting); n > 0 && of.waiting[n-1] >= sequence {
		of.waiting = of.waiting[:0] // the partition was recovered: its messages come again
	}
	of.waiting = append(of.waiting, sequence)
}

// stored notes that the rows of all messages through a sequence are stored.
func (p *progress) stored(partition int, through uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.partition(partition)
	of.committed = max(of.committed, through)
	done := 0
	for done < len(of.waiting) && of.waiting[done] <= through {
		done++
	}
	of.waiting = append(of.waiting[:0], of.waiting[done:]...)
}

// each calls f with what is known of the partitions that this process works on.
func (p *progress) each(f func(partition int, messages, committed uint64)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, of := range p.of {
		if p.owned.has(n) {
			f(n, of.pending+uint64(len(of.waiting)), of.committed)
		}
	}
}

// lags are those of the partitions that this process works on, in order.
func (p *progress) lags() (lags []pipeline.Lag) {
	behind := p.owned.lags()
	p.each(func(partition int, messages, committed uint64) {
		lags = append(lags, pipeline.Lag{Partition: partition, Messages: messages, Behind: behind[partition], Committed: committed})
	})
	slices.SortFunc(lags, func(a, b pipeline.Lag) int { return cmp.Compare(a.Partition, b.Partition) })
	return lags
}

var (
	lagMessages  = prometheus.NewDesc("millwright_engine_partition_lag_messages", "Messages of a partition's log that are not stored yet; told by the process that works on it.", []string{"partition"}, nil)
	lagCommitted = prometheus.NewDesc("millwright_engine_partition_committed", "The sequence of the log through which a partition's rows are stored; told by the process that works on it.", []string{"partition"}, nil)
)

// Describe implements prometheus.Collector.
func (p *progress) Describe(out chan<- *prometheus.Desc) {
	out <- lagMessages
	out <- lagCommitted
}

// Collect implements prometheus.Collector.
func (p *progress) Collect(out chan<- prometheus.Metric) {
	p.each(func(partition int, messages, committed uint64) {
		name := strconv.Itoa(partition)
		out <- prometheus.MustNewConstMetric(lagMessages, prometheus.GaugeValue, float64(messages), name)
		out <- prometheus.MustNewConstMetric(lagCommitted, prometheus.GaugeValue, float64(committed), name)
	})
}
