// Package budget is the noun of what a tenant means to spend in a month: who is told when, and what is held back when it
// is spent. rpc serves it, postgres keeps it, the control plane runs its watcher; it imports no vendor and no generated
// code.
package budget

import (
	"fmt"
	"slices"
	"time"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/tenancy"
)

// Action says what happens when something is spent.
type Action string

// The actions. Overage is for prepaid credits only: nobody is told, what is above them is billed.
const (
	Notify   Action = "notify"
	Throttle Action = "throttle"
	Block    Action = "block"
	Overage  Action = "overage"
)

// holds reports whether the action keeps events back.
func (a Action) holds() bool { return a == Throttle || a == Block }

// Basis is what a threshold looks at.
type Basis string

// The bases: what the month costs so far, what it will cost at this pace, prepaid credits that are used up.
const (
	Actual   Basis = "actual"
	Forecast Basis = "forecast"
	Credits  Basis = "credits"
)

// Budget is what a tenant means to spend in a UTC month, before tax and prepaid credits.
type Budget struct {
	Amount   money.Amount   `json:"amount_minor"`
	Currency money.Currency `json:"currency"`
	// ActualPercents and ForecastPercents of the amount are told of, each once a month.
	ActualPercents   []int  `json:"actual_percents"`
	ForecastPercents []int  `json:"forecast_percents"`
	WhenSpent        Action `json:"when_spent"`
	WhenCreditsSpent Action `json:"when_credits_spent"`
	// EventsPerSecond is what Throttle leaves.
	EventsPerSecond int       `json:"throttle_events_per_second,omitempty"`
	SetBy           string    `json:"-"`
	SetAt           time.Time `json:"-"`
	// Revision rises with every change.
	Revision int64 `json:"-"`
}

const (
	maxPercents = 10
	maxPercent  = 1000
)

// Check says what is wrong with a budget, and puts its percentages in order.
func (b *Budget) Check() error {
	if b.Amount <= 0 {
		return fmt.Errorf("budget of %d: want an amount above zero: %w", b.Amount, tenancy.ErrInvalid)
	}
	for _, list := range []*[]int{&b.ActualPercents, &b.ForecastPercents} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
		if n := len(*list); n > maxPercents || n > 0 && ((*list)[0] < 1 || (*list)[n-1] > maxPercent) {
			return fmt.Errorf("percentages %v: want at most %d from 1 to %d: %w", *list, maxPercents, maxPercent, tenancy.ErrInvalid)
		}
	}
	if !slices.Contains([]Action{Notify, Throttle, Block}, b.WhenSpent) {
		return fmt.Errorf("when spent %q: want notify, throttle or block: %w", b.WhenSpent, tenancy.ErrInvalid)
	}
	if !slices.Contains([]Action{Overage, Notify, Throttle, Block}, b.WhenCreditsSpent) {
		return fmt.Errorf("when credits are spent %q: want overage, notify, throttle or block: %w", b.WhenCreditsSpent, tenancy.ErrInvalid)
	}
	throttles := b.WhenSpent == Throttle || b.WhenCreditsSpent == Throttle
	if throttles != (b.EventsPerSecond > 0) {
		return fmt.Errorf("%d events a second: want a number above zero with throttle, and none without: %w", b.EventsPerSecond, tenancy.ErrInvalid)
	}
	return nil
}

// Hold is what a spent budget does to the tenant's events, until the month ends.
type Hold struct {
	Action          Action    `json:"action"`
	Basis           Basis     `json:"basis"`
	EventsPerSecond int       `json:"events_per_second"`
	Reason          string    `json:"reason"`
	Since           time.Time `json:"since"`
	Until           time.Time `json:"until"`
}

// Same reports whether two holds do the same; since when does not matter.
func (h *Hold) Same(o *Hold) bool {
	if h == nil || o == nil {
		return h == o
	}
	a, b := *h, *o
	a.Since, b.Since = time.Time{}, time.Time{}
	return a.Until.Equal(b.Until) && a.Action == b.Action && a.Basis == b.Basis && a.EventsPerSecond == b.EventsPerSecond && a.Reason == b.Reason
}

// Notice is what people were told.
type Notice struct {
	// Month is its start.
	Month         time.Time
	Basis         Basis
	Percent       int
	Spent, Amount money.Amount
	Currency      money.Currency
	CreatedAt     time.Time
}
