package subscription_test

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/billing/subscription"
)

func day(month time.Month, d, hour int) time.Time {
	return time.Date(2028, month, d, hour, 0, 0, 0, time.UTC)
}

// stretches are what the February of a leap year is cut into.
func stretches(t *testing.T, s subscription.Subscription) []rating.Stretch {
	t.Helper()
	books, err := price.Load()
	if err != nil {
		t.Fatal(err)
	}
	s.Currency = subscription.DefaultCurrency
	list, err := s.Stretches(books[len(books)-1], rating.Month(day(2, 1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

type part struct {
	from, to time.Time
	plan     string
	trial    bool
}

func TestAMonthIsCutWherePlansChange(t *testing.T) {
	t.Parallel()
	long := day(1, 1, 0).AddDate(-1, 0, 0)
	at := func(plan string, when time.Time) subscription.Change {
		return subscription.Change{Plan: plan, EffectiveAt: when, Applied: true}
	}
	for name, c := range map[string]struct {
		sub  subscription.Subscription
		want []part
	}{
		"one plan": {subscription.Subscription{Since: long, Plan: "team"}, []part{{day(2, 1, 0), day(3, 1, 0), "team", false}}},
		"a change on the leap day": {
			subscription.Subscription{Since: long, History: []subscription.Change{at("plant", day(2, 29, 15)), at("team", long)}},
			[]part{{day(2, 1, 0), day(2, 29, 15), "team", false}, {day(2, 29, 15), day(3, 1, 0), "plant", false}},
		},
		"the same plan again": {
			subscription.Subscription{Since: long, History: []subscription.Change{at("team", long), at("team", day(2, 3, 0))}},
			[]part{{day(2, 1, 0), day(3, 1, 0), "team", false}},
		},
		"a change at midnight of the next month": {
			subscription.Subscription{Since: long, History: []subscription.Change{at("team", long), at("plant", day(3, 1, 0))}},
			[]part{{day(2, 1, 0), day(3, 1, 0), "team", false}},
		},
		"founded and deleted": {
			subscription.Subscription{Since: day(2, 10, 8).Add(20 * time.Minute), Until: day(2, 20, 9).Add(time.Second), Plan: "free"},
			[]part{{day(2, 10, 8), day(2, 20, 10), "free", false}},
		},
		"the trial is of the plan that it began with": {
			subscription.Subscription{Since: day(2, 10, 0), History: []subscription.Change{at("free", day(2, 10, 0)), at("team", day(2, 12, 0)), at("plant", day(2, 20, 0))}},
			[]part{{day(2, 10, 0), day(2, 12, 0), "free", false}, {day(2, 12, 0), day(2, 20, 0), "team", true}, {day(2, 20, 0), day(3, 1, 0), "plant", false}},
		},
		"ended before": {subscription.Subscription{Since: long, Until: day(1, 31, 22), Plan: "team"}, nil},
	} {
		list := stretches(t, c.sub)
		if len(list) != len(c.want) {
			t.Errorf("%s: %d stretches, want %d", name, len(list), len(c.want))
			continue
		}
		for i, s := range list {
			if got := (part{s.From, s.To, s.Plan, s.Trial}); got != c.want[i] {
				t.Errorf("%s: %v, want %v", name, got, c.want[i])
			}
		}
	}
}
