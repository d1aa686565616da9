package tally

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const acme = tenancy.ID("aaaaaaaaaaaaaaaa")

func refusal(scope string, current int64) *tenancy.LimitError {
	return &tenancy.LimitError{Limit: tenancy.LimitEventsPerSecond, Scope: scope, Current: current, Maximum: 100}
}

func TestAMillionRefusalsAreOneRow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tally := New(func() time.Time { return now })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 250_000 {
				tally.Refuse(acme, refusal("tenant", int64(100+i%7)), 1)
			}
		})
	}
	wg.Wait()
	tally.Use(acme, tenancy.LimitEventsPerSecond, 90, 100)
	want := Total{Tenant: acme, Limit: tenancy.LimitEventsPerSecond, Scope: "tenant", Minute: now.Truncate(time.Minute), Used: 106, Maximum: 100, Refused: 1_000_000}
	if got := tally.Changed(); len(got) != 1 || got[0] != want {
		t.Fatalf("got %+v", got)
	}
	if got := tally.Changed(); len(got) != 0 {
		t.Fatalf("unchanged rows: %+v", got)
	}
	tally.Refuse(acme, refusal("tenant", 1), 1)
	if got := tally.Changed(); len(got) != 1 || got[0].Refused != 1_000_001 {
		t.Fatalf("totals are not absolute: %+v", got)
	}
	now = now.Add(5 * time.Minute)
	tally.Changed()
	if len(tally.rows) != 0 || len(tally.crowds) != 0 {
		t.Errorf("%d rows and %d crowds are kept for ever", len(tally.rows), len(tally.crowds))
	}
}

func TestScopesAreBounded(t *testing.T) {
	t.Parallel()
	tally := New(func() time.Time { return time.Unix(1e9, 0) })
	for i := range 10_000 {
		tally.Refuse(acme, refusal(fmt.Sprintf("device press_%04d", i), 1), 1)
	}
	var all, other int64
	list := tally.Changed()
	for _, total := range list {
		all += total.Refused
		if total.Scope == "other devices" {
			other = total.Refused
		}
	}
	if len(list) != scopes+1 || all != 10_000 || other != 10_000-scopes {
		t.Errorf("%d rows, %d refusals, %d of them of others", len(list), all, other)
	}
}

func TestWhatCouldNotBeSentIsSentAgainAndAtTheEnd(t *testing.T) {
	t.Parallel()
	tally := New(time.Now)
	tally.Refuse(acme, refusal("tenant", 1), 3)
	ctx, cancel := context.WithCancel(t.Context())
	attempts, done := 0, make(chan struct{})
	var sent []Total
	go func() {
		defer close(done)
		tally.Run(ctx, time.Millisecond, func(_ context.Context, list []Total) error {
			if attempts++; attempts == 1 {
				return errors.New("away")
			}
			sent = append(sent, list...)
			if len(sent) == 1 {
				tally.Refuse(acme, refusal("tenant", 1), 1)
				cancel()
			}
			return nil
		}, func(error) {})
	}()
	<-done
	if last := len(sent) - 1; last < 1 || sent[0].Refused < 3 || sent[last].Refused != 4 {
		t.Errorf("sent %+v", sent)
	}
}
