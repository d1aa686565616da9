package usage

import (
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Shares divides the engine's time among tenants: what it took since the last range of a partition was stored goes to those whose rows are in
// the range, by the number of their rows. It is safe for concurrent use.
type Shares struct {
	counter *Counter

	mu    sync.Mutex
	spent map[int]time.Duration
}

// NewShares returns shares that are counted by a counter.
func NewShares(c *Counter) *Shares { return &Shares{counter: c, spent: map[int]time.Duration{}} }

// Stepped says how long the engine took over a frame of a partition.
func (s *Shares) Stepped(partition int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent[partition] += took
}

// Stored says that a range with so many rows of each tenant was stored.
func (s *Shares) Stored(partition int, rows map[tenancy.ID]int) {
	total := 0
	for _, n := range rows {
		total += n
	}
	if total == 0 {
		return // its time goes to the next range
	}
	s.mu.Lock()
	spent := s.spent[partition]
	delete(s.spent, partition)
	s.mu.Unlock()
	for tenant, n := range rows {
		s.counter.Took(tenant, EngineTime, spent*time.Duration(n)/time.Duration(total))
	}
}
