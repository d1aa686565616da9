package ownership

import (
	"fmt"
	"testing"
	"time"
)

func TestSharesAddUpAndDifferByOne(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	for partitions := range 20 {
		for n := 1; n < 8; n++ {
			var working []Member
			for i := range n {
				working = append(working, Member{Process: fmt.Sprint((i * 11) % n), Started: begun.Add(time.Duration(i/2) * time.Second)})
			}
			sum, least, most := 0, partitions, 0
			for _, m := range working {
				got := share(partitions, append([]Member(nil), working...), m.Process)
				sum, least, most = sum+got, min(least, got), max(most, got)
			}
			if sum != partitions || most-least > 1 {
				t.Errorf("%d partitions, %d processes: the shares add up to %d, from %d to %d", partitions, n, sum, least, most)
			}
			if got := share(partitions, working, "a stranger"); got != 0 {
				t.Errorf("a process that is not there has a share of %d", got)
			}
		}
	}
}

func TestWhoJoinsLastHasTheSmallerShare(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	working := []Member{{Process: "a", Started: begun.Add(time.Second)}, {Process: "z", Started: begun}}
	if old, fresh := share(5, working, "z"), share(5, working, "a"); old != 3 || fresh != 2 {
		t.Errorf("the older has %d, the other %d", old, fresh)
	}
}
