package admission

import (
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Slots counts what each tenant does at once. It is safe for concurrent use.
type Slots struct {
	limit string
	again time.Duration

	mu   sync.Mutex
	used map[tenancy.ID]int
}

// NewSlots returns slots of a limit; who is refused is told to try again after a time.
func NewSlots(limit string, again time.Duration) *Slots {
	return &Slots{limit: limit, again: again, used: map[tenancy.ID]int{}}
}

// Take takes one of most slots; release gives it back, once. The refusal is a *tenancy.LimitError.
func (s *Slots) Take(tenant tenancy.ID, most int) (used int, release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if used = s.used[tenant]; used >= most {
		return used, nil, &tenancy.LimitError{Limit: s.limit, Scope: tenancy.ScopeTenant, Current: int64(used), Maximum: int64(most), RetryAfter: s.again}
	}
	s.used[tenant]++
	return used + 1, sync.OnceFunc(func() { s.release(tenant) }), nil
}

func (s *Slots) release(tenant tenancy.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[tenant]--; s.used[tenant] <= 0 {
		delete(s.used, tenant)
	}
}
