package budget_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/budget"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
)

var now = time.Date(2026, time.November, 10, 12, 0, 0, 0, time.UTC)

func spending(spent, forecast money.Amount, credits bool) budget.Spending {
	return budget.Spending{Month: rating.Month(now), Currency: "EUR", Spent: spent, Forecast: forecast, CreditsSpent: credits}
}

func TestThresholdsAreExact(t *testing.T) {
	t.Parallel()
	b := budget.Budget{Amount: 333, Currency: "EUR", ActualPercents: []int{50, 80, 100}, ForecastPercents: []int{100}, WhenSpent: budget.Notify, WhenCreditsSpent: budget.Overage}
	for _, c := range []struct {
		spent, forecast money.Amount
		want            []int
	}{
		{0, 0, nil},
		{166, 332, nil},
		{167, 332, []int{50}},
		{266, 333, []int{50, 100}},
		{267, 1, []int{50, 80}},
		{332, 0, []int{50, 80}},
		{333, 0, []int{50, 80, 100}},
		{math.MaxInt64, math.MaxInt64, []int{50, 80, 100, 100}},
	} {
		var got []int
		out := budget.Of(b, spending(c.spent, c.forecast, true), now)
		for _, n := range out.Due {
			got = append(got, n.Percent)
		}
		if !slices.Equal(got, c.want) || out.Hold != nil || out.Problem != "" {
			t.Errorf("%d spent, %d forecast: %v %v, want %v", c.spent, c.forecast, got, out, c.want)
		}
	}
}

func TestTheFirstDayTellsOfNoForecast(t *testing.T) {
	t.Parallel()
	b := budget.Budget{Amount: 100, Currency: "EUR", ForecastPercents: []int{100}, WhenSpent: budget.Block, WhenCreditsSpent: budget.Overage}
	start := rating.Month(now).Start
	for at, want := range map[time.Time]int{start: 0, start.Add(24*time.Hour - 1): 0, start.Add(24 * time.Hour): 1} {
		if out := budget.Of(b, spending(1, 1000, false), at); len(out.Due) != want || out.Hold != nil {
			t.Errorf("%s: %v, want %d", at, out, want)
		}
	}
}

func TestTheStricterHolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount, credits budget.Action
		spent           money.Amount
		used            bool
		action          budget.Action
		basis           budget.Basis
	}{
		{budget.Block, budget.Overage, 99, true, "", ""},
		{budget.Block, budget.Overage, 100, true, budget.Block, budget.Actual},
		{budget.Throttle, budget.Block, 100, true, budget.Block, budget.Credits},
		{budget.Throttle, budget.Throttle, 100, true, budget.Throttle, budget.Actual},
		{budget.Block, budget.Throttle, 100, true, budget.Block, budget.Actual},
		{budget.Notify, budget.Throttle, 1, true, budget.Throttle, budget.Credits},
		{budget.Notify, budget.Throttle, 1000, false, "", ""},
	} {
		b := budget.Budget{Amount: 100, Currency: "EUR", WhenSpent: c.amount, WhenCreditsSpent: c.credits, EventsPerSecond: 5}
		h := budget.Of(b, spending(c.spent, 0, c.used), now).Hold
		switch {
		case c.action == "" && h != nil, c.action != "" && (h == nil || h.Action != c.action || h.Basis != c.basis || !h.Until.Equal(rating.Month(now).End)):
			t.Errorf("%+v: %+v", c, h)
		case h != nil && (h.Reason == "" || len(h.Reason) > 300 || (h.EventsPerSecond == 5) != (c.action == budget.Throttle)):
			t.Errorf("%+v: %+v", c, h)
		}
	}
}

func TestAnotherCurrencyIsSaidSo(t *testing.T) {
	t.Parallel()
	b := budget.Budget{Amount: 1, Currency: "USD", ActualPercents: []int{100}, WhenSpent: budget.Block, WhenCreditsSpent: budget.Block}
	out := budget.Of(b, spending(100, 100, true), now)
	if !strings.Contains(out.Problem, "in USD and bills are in EUR") || out.Hold != nil || out.Due != nil {
		t.Errorf("%+v", out)
	}
}
