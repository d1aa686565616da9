package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/latency"
)

func TestTheEffectCountsFromBeforeTheCallToTheLastUse(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := command.Env{Now: func() time.Time { return now }}
	begun, ended := now, 0
	one := trial{
		take: func(context.Context) error { now = now.Add(3 * time.Millisecond); return nil },
		felt: func(context.Context) (time.Time, string, error) {
			return begun.Add(20 * time.Millisecond), "revoked", nil
		},
		end: func() { ended++ },
	}
	var felt, answered latency.Histogram
	reasons := map[string]int{}
	if err := measure(t.Context(), e, one, &felt, &answered, reasons); err != nil {
		t.Fatal(err)
	}
	if got := felt.Quantile(1).Round(time.Millisecond); got != 20*time.Millisecond {
		t.Errorf("in effect after %s", got)
	}
	if got := answered.Quantile(1).Round(time.Millisecond); got != 3*time.Millisecond {
		t.Errorf("answered after %s", got)
	}
	one.felt = func(context.Context) (time.Time, string, error) { return time.Time{}, "", errors.New("it still sends") }
	if err := measure(t.Context(), e, one, &felt, &answered, reasons); err == nil || felt.Count() != 1 {
		t.Errorf("a right that works on: %v, %d counted", err, felt.Count())
	}
	if ended != 2 || reasons["revoked"] != 1 {
		t.Errorf("%d trials ended, reasons %v", ended, reasons)
	}
}
