package admission

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// senders are connections that always have an event more: each is held back until its reservation is due, up to a second, as MQTT's are.
type senders struct {
	p *process
	// due is when each connection's event is used; a dead process uses none.
	due  []time.Time
	held []bool
	used int
}

func (s *senders) step(now time.Time) {
	if s.p.dead {
		return
	}
	for i := range s.due {
		if now.Before(s.due[i]) {
			continue
		}
		if s.held[i] {
			s.used++
			s.held[i] = false
		}
		wait, err := s.p.limiter.ReserveN(acme, "press", 1, time.Second)
		var limit *tenancy.LimitError
		if errors.As(err, &limit) {
			wait = limit.RetryAfter
		}
		s.due[i], s.held[i] = now.Add(max(wait, time.Millisecond)), err == nil
	}
}

// TestWhatADeadProcessHadReservedIsGivenToOthers: many connections are held back with reservations when their process dies.
func TestWhatADeadProcessHadReservedIsGivenToOthers(t *testing.T) {
	t.Parallel()
	const rate = 500
	for seed := range uint64(2) {
		s := simulate(t, seed, rate)
		var all []*senders
		for _, connections := range []int{1600, 900, 500} {
			p := s.add(0, 1, rate)
			all = append(all, &senders{p: p, due: make([]time.Time, connections), held: make([]bool, connections)})
		}
		used := func() (n int) {
			for _, one := range all {
				n += one.used
			}
			return n
		}
		run := func(d time.Duration) {
			for end := s.c.t.Add(d); s.c.t.Before(end); {
				for _, one := range all {
					one.step(s.c.t)
				}
				s.run(4 * time.Millisecond)
			}
		}
		run(5 * time.Second)
		before := used()
		run(3 * time.Second)
		s.kill(s.processes[0])
		run(27 * time.Second)
		got, want := used()-before, 30*rate
		off := 100 * (float64(got)/float64(want) - 1)
		t.Logf("seed %d: off by %+.2f %%", seed, off)
		if math.Abs(off) > 1 {
			t.Errorf("seed %d: %d used, want %d: off by %+.2f %%", seed, got, want, off)
		}
	}
}
