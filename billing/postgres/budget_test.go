package postgres_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/budget"
	"github.com/millwright-io/millwright/tenancy"
)

func settlement(at time.Time, hold *budget.Hold) budget.Settlement {
	return budget.Settlement{
		Outcome: budget.Outcome{
			Due:  []budget.Notice{{Month: hour.AddDate(0, 0, -3).Truncate(24 * time.Hour), Basis: budget.Actual, Percent: 80, Spent: 8, Amount: 10, Currency: "EUR", CreatedAt: at}},
			Hold: hold,
		},
		Write: func(string, budget.Notice) budget.Letter { return budget.Letter{Subject: "s", Text: "t"} },
		Held:  func(_, _ *budget.Hold) budget.Change { return budget.Change{At: at, Actor: "system", Action: "held"} },
		Next:  at.Add(time.Hour),
	}
}

// TestABudgetIsSettledOnce has many look at one budget at once; a tenant's budget is its own.
func TestABudgetIsSettledOnce(t *testing.T) {
	t.Parallel()
	store, a, b := setup(t)
	if _, err := store.Budget(t.Context(), a); !errors.Is(err, tenancy.ErrNotFound) {
		t.Fatalf("no budget yet: %v", err)
	}
	in := budget.Budget{
		Amount: 10, Currency: "EUR", ActualPercents: []int{80}, WhenSpent: budget.Throttle, WhenCreditsSpent: budget.Overage, EventsPerSecond: 3, SetBy: "ada", SetAt: hour,
	}
	if err := store.PutBudget(t.Context(), a, in, budget.Change{At: hour, Actor: "ada", Action: "set"}); err != nil {
		t.Fatal(err)
	}
	if due, err := store.DueBudgets(t.Context(), hour, 10); err != nil || len(due) != 1 || due[0] != a {
		t.Fatalf("due %v, %v", due, err)
	}
	got, err := store.Budget(t.Context(), a)
	if err != nil || got.Revision != 1 || got.Amount != 10 || len(got.ForecastPercents) != 0 || !got.SetAt.Equal(hour) {
		t.Fatalf("%+v, %v", got, err)
	}
	hold := &budget.Hold{Action: budget.Throttle, Basis: budget.Actual, EventsPerSecond: 3, Reason: "r", Since: hour, Until: hour.Add(time.Hour)}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := store.SettleBudget(t.Context(), a, 1, settlement(hour, hold)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if notices, err := store.BudgetNotices(t.Context(), a, hour.AddDate(-1, 0, 0)); err != nil || len(notices) != 1 || notices[0].Percent != 80 {
		t.Errorf("notices %v, %v", notices, err)
	}
	if h, err := store.BudgetHold(t.Context(), a); err != nil || !h.Same(hold) {
		t.Errorf("hold %+v, %v", h, err)
	}
	if h, err := store.BudgetHold(t.Context(), b); err != nil || h != nil {
		t.Errorf("another tenant's hold %+v, %v", h, err)
	}
	if due, err := store.DueBudgets(t.Context(), hour.Add(time.Hour-1), 10); err != nil || len(due) != 0 {
		t.Errorf("due within the hour: %v, %v", due, err)
	}
	// What was looked at before a change settles nothing.
	if err := store.PutBudget(t.Context(), a, in, budget.Change{At: hour, Actor: "ada", Action: "set"}); err != nil {
		t.Fatal(err)
	}
	if err := store.SettleBudget(t.Context(), a, 1, settlement(hour, nil)); err != nil {
		t.Fatal(err)
	}
	if h, err := store.BudgetHold(t.Context(), a); err != nil || h == nil {
		t.Errorf("an old look ended the hold: %v, %v", h, err)
	}
	if err := store.DeleteBudget(t.Context(), a, budget.Change{At: hour, Actor: "ada", Action: "remove"}); err != nil {
		t.Fatal(err)
	}
	if h, err := store.BudgetHold(t.Context(), a); err != nil || h != nil {
		t.Errorf("the hold outlives its budget: %v, %v", h, err)
	}
	if err := store.DeleteBudget(t.Context(), a, budget.Change{}); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
}
