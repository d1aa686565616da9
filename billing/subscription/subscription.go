// Package subscription is the noun of what a tenant pays by: its plans since when, its currency, its contract. It cuts a
// month into the stretches that are rated. Invoices, changes, postgres and rpc import it; it imports no vendor and no
// generated code.
package subscription

import (
	"fmt"
	"slices"
	"time"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

// DefaultCurrency is what tenants pay in who agreed on nothing else.
const DefaultCurrency money.Currency = "EUR"

// Change is a plan from an hour on.
type Change struct {
	Plan string
	// EffectiveAt is on the hour.
	EffectiveAt time.Time
	RequestedAt time.Time
	RequestedBy string
	// Applied: the tenant has the plan. Otherwise it waits for EffectiveAt.
	Applied bool
}

// Subscription is what a tenant pays by in one month.
type Subscription struct {
	Tenant tenancy.ID
	Name   string
	// Since is when the tenant was founded; Until when it was asked to be deleted, or zero.
	Since, Until time.Time
	// Plan is the one that it has now.
	Plan   string
	Region string
	// Currency is that of the month.
	Currency money.Currency
	// History has every plan, the oldest first. Empty: Plan since Since.
	History []Change
	// Contract is that of the month.
	Contract contract.Contract
}

// Pending is the change that waits.
func (s Subscription) Pending() (Change, bool) {
	i := slices.IndexFunc(s.History, func(c Change) bool { return !c.Applied })
	if i < 0 {
		return Change{}, false
	}
	return s.History[i], true
}

// With is the subscription with a change, which replaces those that begin when it does or later.
func (s Subscription) With(c Change) Subscription {
	s.History = slices.DeleteFunc(s.plans(), func(h Change) bool { return !h.Applied || !h.EffectiveAt.Before(c.EffectiveAt) })
	s.History = append(s.History, c)
	return s
}

// plans are the history, at least one, the oldest first; a plan that follows itself is one.
func (s Subscription) plans() []Change {
	sorted := slices.SortedFunc(slices.Values(s.History), func(a, b Change) int { return a.EffectiveAt.Compare(b.EffectiveAt) })
	if len(sorted) == 0 {
		return []Change{{Plan: s.Plan, EffectiveAt: s.Since.UTC().Truncate(time.Hour), RequestedAt: s.Since, Applied: true}}
	}
	return slices.CompactFunc(sorted, func(a, b Change) bool { return a.Plan == b.Plan })
}

// Trial is the span that costs nothing: the first days of the first plan that has a trial, of that plan only.
type Trial struct {
	Plan     string
	From, To time.Time
}

// Trial returns it; false when no plan so far has one.
func (s Subscription) Trial(book price.Book) (Trial, bool) {
	for _, c := range s.plans() {
		if p, ok := book.Plan(c.Plan); ok && p.TrialDays > 0 {
			return Trial{c.Plan, c.EffectiveAt, c.EffectiveAt.AddDate(0, 0, p.TrialDays)}, true
		}
	}
	return Trial{}, false
}

// NextHour is the first full hour that is not before t.
func NextHour(t time.Time) time.Time {
	t = t.UTC()
	if whole := t.Truncate(time.Hour); whole.Equal(t) {
		return whole
	}
	return t.Truncate(time.Hour).Add(time.Hour)
}

// Stretches cut a month where the tenant was founded or ended, where its plan changed and where its trial began and ended. They
// have no usage yet.
func (s Subscription) Stretches(book price.Book, period rating.Period) (list []rating.Stretch, err error) {
	plans := s.plans()
	trial, _ := s.Trial(book)
	start, end := later(period.Start, s.Since.UTC().Truncate(time.Hour)), period.End
	if !s.Until.IsZero() {
		end = earlier(end, NextHour(s.Until))
	}
	for i, c := range plans {
		from, to := start, end
		if i > 0 {
			from = later(from, c.EffectiveAt.UTC())
		}
		if i+1 < len(plans) {
			to = earlier(to, plans[i+1].EffectiveAt.UTC())
		}
		if !from.Before(to) {
			continue
		}
		rates, err := s.rates(book, c.Plan)
		if err != nil {
			return nil, err
		}
		whole := rating.Stretch{From: from, To: to, Plan: c.Plan, Region: s.Region, Rates: rates}
		list = append(list, cut(whole, trial)...)
	}
	return list, nil
}

// Rates are what a plan costs the tenant.
func (s Subscription) rates(book price.Book, plan string) (price.Rates, error) {
	p, ok := book.Plan(plan)
	rates, priced := p.Currencies[s.Currency]
	if !ok || !priced {
		return price.Rates{}, fmt.Errorf("price book %s has no plan %s in %s: %w", book.Version, plan, s.Currency, tenancy.ErrConflict)
	}
	return s.Contract.Apply(rates), nil
}

// cut divides a stretch where a trial of its plan begins and ends.
func cut(s rating.Stretch, t Trial) (list []rating.Stretch) {
	if s.Plan != t.Plan {
		return []rating.Stretch{s}
	}
	begin, end := bounded(t.From, s), bounded(t.To, s)
	for _, part := range []struct {
		from, to time.Time
		trial    bool
	}{{s.From, begin, false}, {begin, end, true}, {end, s.To, false}} {
		if part.from.Before(part.to) {
			s.From, s.To, s.Trial = part.from, part.to, part.trial
			list = append(list, s)
		}
	}
	return list
}

func bounded(t time.Time, s rating.Stretch) time.Time { return earlier(later(t, s.From), s.To) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
