// Package invoice is the noun of what a tenant is to pay for a month. rpc imports it; it imports no vendor and no
// generated code.
package invoice

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

// Subscription is what a tenant pays by.
type Subscription struct {
	// Since is when the tenant was founded.
	Since    time.Time
	Plan     string
	Region   string
	Currency money.Currency
}

// Subscriptions know what tenants pay by.
type Subscriptions interface {
	Subscription(ctx context.Context, id tenancy.ID) (Subscription, error)
}

// Ledger reads usage.
type Ledger interface {
	// Usage returns the hours of [start, end) in which something was counted.
	Usage(ctx context.Context, id tenancy.ID, start, end time.Time) ([]billing.Hour, error)
}

// Draft is the bill of a month that goes on.
type Draft struct {
	Period   rating.Period
	Currency money.Currency
	// Book is the version of the price book.
	Book string
	// Now is the bill of what was counted so far, Forecast that of a month that goes on at the same pace.
	Now, Forecast rating.Bill
}

// Service makes drafts.
type Service struct {
	books         price.Books
	subscriptions Subscriptions
	ledger        Ledger
	now           func() time.Time
}

// NewService returns a service.
func NewService(books price.Books, s Subscriptions, l Ledger, now func() time.Time) *Service {
	return &Service{books: books, subscriptions: s, ledger: l, now: now}
}

// Draft returns the bill of the current UTC month as it would be if the month ended with what was counted so far.
func (s *Service) Draft(ctx context.Context, id tenancy.ID) (Draft, error) {
	now := s.now().UTC()
	period := rating.Month(now)
	sub, err := s.subscriptions.Subscription(ctx, id)
	if err != nil {
		return Draft{}, err
	}
	book, err := s.books.At(period.Start)
	if err != nil {
		return Draft{}, err
	}
	hours, err := s.ledger.Usage(ctx, id, period.Start, period.End)
	if err != nil {
		return Draft{}, err
	}
	stretches, err := stretchesOf(sub, book, period, hours)
	if err != nil {
		return Draft{}, fmt.Errorf("draft of %s: %w", id, err)
	}
	d := Draft{Period: period, Currency: sub.Currency, Book: book.Version}
	in := rating.Input{Period: period, Currency: sub.Currency, Stretches: stretches}
	if d.Now, err = rating.Rate(in); err != nil {
		return Draft{}, fmt.Errorf("draft of %s: %w", id, err)
	}
	in.Stretches = forecast(stretches, now)
	if d.Forecast, err = rating.Rate(in); err != nil {
		return Draft{}, fmt.Errorf("forecast of %s: %w", id, err)
	}
	return d, nil
}

// stretchesOf cuts a period where the tenant was founded and where its trial ended.
func stretchesOf(sub Subscription, book price.Book, period rating.Period, hours []billing.Hour) ([]rating.Stretch, error) {
	plan, ok := book.Plan(sub.Plan)
	rates, priced := plan.Currencies[sub.Currency]
	if !ok || !priced {
		return nil, fmt.Errorf("price book %s has no plan %s in %s: %w", book.Version, sub.Plan, sub.Currency, tenancy.ErrConflict)
	}
	from := later(period.Start, sub.Since.UTC().Truncate(time.Hour))
	end := later(from, earlier(period.End, sub.Since.UTC().Truncate(time.Hour).AddDate(0, 0, plan.TrialDays)))
	var list []rating.Stretch
	for _, cut := range []struct {
		from, to time.Time
		trial    bool
	}{{from, end, true}, {end, period.End, false}} {
		if cut.from.Before(cut.to) {
			list = append(list, rating.Stretch{
				From: cut.from, To: cut.to, Plan: sub.Plan, Region: sub.Region, Rates: rates, Trial: cut.trial, Usage: usage(hours, cut.from, cut.to),
			})
		}
	}
	return list, nil
}

func usage(hours []billing.Hour, from, to time.Time) map[billing.Meter]uint64 {
	sum := make(map[billing.Meter]uint64)
	for _, h := range hours {
		if h.Start.Before(from) || !h.Start.Before(to) {
			continue
		}
		for m, value := range h.Used {
			sum[m] += value
		}
	}
	return sum
}

// forecast extends what was used in the past part of each stretch to all of it. The hour that goes on counts as past: so
// soon after the start, little is known, and less is promised.
func forecast(list []rating.Stretch, now time.Time) []rating.Stretch {
	pace := make(map[billing.Meter]uint64) // of the stretch before, for one that is yet to come
	var over uint64
	out := make([]rating.Stretch, len(list))
	for i, s := range list {
		past := earlier(s.To, now.Truncate(time.Hour).Add(time.Hour))
		if s.From.Before(past) {
			pace, over = s.Usage, hoursBetween(s.From, past)
		}
		grown := make(map[billing.Meter]uint64, len(pace))
		for m, n := range pace {
			grown[m] = scale(n, hoursBetween(s.From, s.To), over)
		}
		out[i] = s
		out[i].Usage = grown
	}
	return out
}

func hoursBetween(from, to time.Time) uint64 { return uint64(max(to.Sub(from), 0) / time.Hour) }

// scale is n x numerator / denominator, rounded down, and as much as fits. numerator is less than a year of hours.
func scale(n, numerator, denominator uint64) uint64 {
	if denominator == 0 {
		return 0
	}
	hi, lo := bits.Mul64(n, numerator)
	if hi >= denominator {
		return 1<<64 - 1
	}
	q, _ := bits.Div64(hi, lo, denominator)
	return q
}

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
