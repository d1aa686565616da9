package budget

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
)

// Spending is how a month stands.
type Spending struct {
	Month    rating.Period
	Currency money.Currency
	// Spent and Forecast are before tax and prepaid credits.
	Spent, Forecast money.Amount
	// CreditsSpent: there were prepaid credits, and they do not pay for all that was used.
	CreditsSpent bool
}

// Outcome is what follows from a budget and a month.
type Outcome struct {
	// Due are all thresholds that are reached, told of before or not.
	Due []Notice
	// Hold is nil when nothing is to be held back.
	Hold *Hold
	// Problem says why the budget cannot be looked at.
	Problem string
}

// quietStart is how long into a month its forecast is not told of: it rests on too little.
const quietStart = 24 * time.Hour

// Of is the outcome; a pure function.
func Of(b Budget, s Spending, now time.Time) Outcome {
	if b.Currency != s.Currency {
		return Outcome{Problem: fmt.Sprintf("the budget is in %s and bills are in %s: set it again", b.Currency, s.Currency)}
	}
	now = now.UTC()
	var out Outcome
	note := func(basis Basis, percent int, spent money.Amount) {
		out.Due = append(out.Due, Notice{
			Month: s.Month.Start, Basis: basis, Percent: percent, Spent: spent, Amount: b.Amount, Currency: b.Currency, CreatedAt: now,
		})
	}
	for _, percent := range b.ActualPercents {
		if reached(s.Spent, b.Amount, percent) {
			note(Actual, percent, s.Spent)
		}
	}
	for _, percent := range b.ForecastPercents {
		if now.Sub(s.Month.Start) >= quietStart && reached(s.Forecast, b.Amount, percent) {
			note(Forecast, percent, s.Forecast)
		}
	}
	if s.CreditsSpent && b.WhenCreditsSpent != Overage {
		note(Credits, 100, s.Spent)
	}
	out.Hold = holdOf(b, s, now)
	return out
}

// holdOf is the stricter of what the amount and the credits call for. Its reason is read by people and devices that may see no money: it
// names no amount.
func holdOf(b Budget, s Spending, now time.Time) *Hold {
	month := s.Month.Start.Format("January 2006")
	hold := func(action Action, basis Basis, what string) *Hold {
		h := &Hold{Action: action, Basis: basis, Since: now, Until: s.Month.End}
		if action == Throttle {
			h.EventsPerSecond = b.EventsPerSecond
			h.Reason = fmt.Sprintf("%s, so that events are held to %d a second until the month ends or the budget is raised", what, b.EventsPerSecond)
			return h
		}
		h.Reason = what + ", so that events are refused until the month ends or the budget is raised"
		return h
	}
	var byAmount, byCredits *Hold
	if b.WhenSpent.holds() && reached(s.Spent, b.Amount, 100) {
		byAmount = hold(b.WhenSpent, Actual, fmt.Sprintf("the organisation's budget for %s is spent", month))
	}
	if b.WhenCreditsSpent.holds() && s.CreditsSpent {
		byCredits = hold(b.WhenCreditsSpent, Credits, fmt.Sprintf("the organisation's prepaid credits are used up in %s", month))
	}
	if byAmount == nil || byCredits != nil && byCredits.Action == Block && byAmount.Action != Block {
		return byCredits
	}
	return byAmount
}

// reached reports whether spent is at least that many per cent of the amount, exactly.
func reached(spent, amount money.Amount, percent int) bool {
	if spent <= 0 {
		return false
	}
	spentHigh, spentLow := bits.Mul64(uint64(spent), 100)
	wantHigh, wantLow := bits.Mul64(uint64(amount), uint64(percent)) //nolint:gosec // Check wants both above zero
	return spentHigh > wantHigh || spentHigh == wantHigh && spentLow >= wantLow
}
