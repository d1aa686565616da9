package admission

import (
	"errors"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

func TestLateEventsTakeNothingFromWhatIsLive(t *testing.T) {
	t.Parallel()
	l, _, c := setup(t, 100, 100)
	late := func(n int) error {
		_, err := l.ReserveLate(acme, "press", n, 0)
		return err
	}
	if err := late(50); err != nil {
		t.Fatal(err)
	}
	var limit *tenancy.LimitError
	if err := late(1); !errors.As(err, &limit) || limit.Limit != tenancy.LimitLateEventsPerSecond || limit.Maximum != 50 || limit.RetryAfter != 20*time.Millisecond {
		t.Fatalf("the lane is exhausted: %v", err)
	}
	if err := l.TakeN(acme, "press", 100); err != nil {
		t.Errorf("what is live is refused: %v", err)
	}
	if l.TakeN(acme, "press", 1) == nil {
		t.Error("what is live took from the lane")
	}
	c.t = c.t.Add(time.Second)
	if err := late(50); err != nil {
		t.Errorf("a second later: %v", err)
	}
	if uses := l.Uses(); len(uses) != 1 || uses[0].Admitted != 200 || uses[0].Today != 200 {
		t.Errorf("uses %+v", uses)
	}
}
