package ratelimit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/ratelimit"
)

func TestTakeRefusesAboveTheLimitOfItsKeyAndSaysWhy(t *testing.T) {
	t.Parallel()
	l, err := ratelimit.New(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close(t.Context()) }()
	take := func(key string, limit, n int) (refused int, last error) {
		for range n {
			if _, err := l.Take(t.Context(), key, "tenant", limit); err != nil {
				refused, last = refused+1, err
			}
		}
		return refused, last
	}
	// The window may roll over once while the test runs: at most one more share is given.
	refused, err := take("a", 5, 20)
	if refused < 10 {
		t.Errorf("%d of 20 refused at a limit of 5", refused)
	}
	var le *tenancy.LimitError
	if !errors.As(err, &le) || le.Maximum != 5 || le.Current != 5 || le.RetryAfter <= 0 || le.RetryAfter > time.Second {
		t.Errorf("refusal: %+v", le)
	}
	if refused, err := take("b", 5, 5); refused > 0 {
		t.Errorf("another key is refused: %v", err)
	}
	if refused, err := take("a", 50, 40); refused > 0 {
		t.Errorf("a raised limit is not taken over: %v", err)
	}
	if refused, _ := take("c", 10_000_000, 1000); refused > 0 {
		t.Error("a limit above the maximum refuses")
	}
}
