// Package contract is the noun of what holds for one customer instead of the price book: a discount, prices, a fee, a
// minimum, a currency, from one month to another. Subscriptions and rpc import it; it imports no vendor and no generated
// code.
package contract

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/tenancy"
)

// Contract holds for whole UTC months. The zero value is none.
type Contract struct {
	ID string `json:"contract_id"`
	// From and To are starts of UTC months; a zero To: until it is ended.
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
	// Currency is what its months are billed in.
	Currency money.Currency `json:"currency"`
	// Discount is in per cent of fee and usage.
	Discount money.Price `json:"discount,omitzero"`
	// Flat and Minimum, when set, stand instead of the plan's; Charges instead of the plan's for the same meters.
	Flat    *money.Price   `json:"flat,omitempty"`
	Minimum *money.Price   `json:"minimum,omitempty"`
	Charges []price.Charge `json:"charges,omitempty"`
	// Note says what it is for.
	Note string `json:"note,omitempty"`
}

// Holds reports whether the contract is for the month that begins then.
func (c Contract) Holds(month time.Time) bool {
	return c.ID != "" && !month.Before(c.From) && (c.To.IsZero() || month.Before(c.To))
}

// Apply puts what was agreed in the place of a plan's rates.
func (c Contract) Apply(r price.Rates) price.Rates {
	if c.ID == "" {
		return r
	}
	if c.Flat != nil {
		r.Flat = *c.Flat
	}
	if c.Minimum != nil {
		r.Minimum = *c.Minimum
		if !r.Maximum.IsZero() && r.Maximum.Less(r.Minimum) {
			r.Maximum = money.Price{}
		}
	}
	own := make(map[billing.Meter]price.Charge, len(c.Charges))
	for _, charge := range c.Charges {
		own[charge.Meter] = charge
	}
	charges := slices.Clone(r.Charges)
	for i, charge := range charges {
		if agreed, ok := own[charge.Meter]; ok {
			charges[i] = agreed
			delete(own, charge.Meter)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(own)) {
		charges = append(charges, own[m])
	}
	r.Charges = charges
	return r
}

const (
	longestNote = 400
	mostCharges = 50
)

// Check refuses a contract that cannot be applied.
func (c Contract) Check() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("contract: %s: %w", fmt.Sprintf(format, args...), tenancy.ErrInvalid)
	}
	switch {
	case !startsMonth(c.From):
		return refuse("start %s: want the start of a UTC month", c.From.UTC().Format(time.RFC3339))
	case !c.To.IsZero() && (!startsMonth(c.To) || !c.From.Before(c.To)):
		return refuse("end %s: want the start of a UTC month after %s", c.To.UTC().Format(time.RFC3339), c.From.UTC().Format(time.DateOnly))
	case !c.Currency.Valid():
		return refuse("%.8q is no currency that is billed in", c.Currency)
	case money.MustPrice("100").Less(c.Discount):
		return refuse("a discount of %s%%: want at most 100", c.Discount)
	case len([]rune(c.Note)) > longestNote:
		return refuse("the note is longer than %d characters", longestNote)
	case len(c.Charges) > mostCharges:
		return refuse("%d charges: want at most %d", len(c.Charges), mostCharges)
	}
	if err := (price.Rates{Charges: c.Charges}).Check(); err != nil {
		return refuse("%s", err)
	}
	return nil
}

func startsMonth(t time.Time) bool {
	t = t.UTC()
	return !t.IsZero() && t.Equal(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC))
}
