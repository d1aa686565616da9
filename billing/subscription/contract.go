package subscription

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/tenancy"
)

// Priced refuses a contract for which a month could not be rated: every version of the price book that holds in its time must have, in
// its currency, the plans that the tenant has then as far as is known.
func (s Subscription) Priced(books price.Books, c contract.Contract) error {
	s.Contract, s.Currency = c, c.Currency
	for i, book := range books {
		from, to := later(book.From, c.From), c.To
		if i+1 < len(books) && (to.IsZero() || books[i+1].From.Before(to)) {
			to = books[i+1].From
		}
		if !to.IsZero() && !from.Before(to) {
			continue
		}
		for _, plan := range s.between(from, to) {
			if err := s.priced(book, plan); err != nil {
				return err
			}
		}
	}
	return nil
}

// between are the plans from one time to another; a zero end is none.
func (s Subscription) between(from, to time.Time) (names []string) {
	plans := s.plans()
	for i, c := range plans {
		// The first is that of all time before it, too.
		begun := i == 0 || to.IsZero() || c.EffectiveAt.Before(to)
		ended := i+1 < len(plans) && !plans[i+1].EffectiveAt.After(from)
		if begun && !ended {
			names = append(names, c.Plan)
		}
	}
	return names
}

func (s Subscription) priced(book price.Book, plan string) error {
	rates, err := s.rates(book, plan)
	if err == nil {
		err = rates.Check()
		if err != nil {
			err = fmt.Errorf("with plan %s of price book %s: %w: %w", plan, book.Version, err, tenancy.ErrInvalid)
		}
		return err
	}
	var has []string
	if p, ok := book.Plan(plan); ok {
		for _, c := range slices.Sorted(maps.Keys(p.Currencies)) {
			has = append(has, string(c))
		}
	}
	if len(has) == 0 {
		return err
	}
	return fmt.Errorf("%w: it has %s", err, strings.Join(has, ", "))
}
