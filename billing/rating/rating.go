// Package rating makes the lines of a bill from usage and prices. It is a pure function: the same input, in whatever
// order, makes the same lines; docs/billing.md has its rules with examples computed by hand. Invoices and previews call
// it; it imports no vendor.
package rating

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/tenancy"
)

// Period is what one bill is for, a half-open span of UTC.
type Period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Month is the UTC month that a time is in.
func Month(at time.Time) Period {
	at = at.UTC()
	start := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	return Period{Start: start, End: start.AddDate(0, 1, 0)}
}

// Input is all that a bill follows from.
type Input struct {
	Period   Period
	Currency money.Currency
	// Stretches cover the period, or the part of it in which the tenant existed, without overlap.
	Stretches []Stretch
	// Discount is what a contract takes off, in per cent.
	Discount money.Price
	Coupons  []Coupon
	// Adjustments correct earlier bills; negative ones are in the customer's favour.
	Adjustments []Adjustment
	// Tax is in per cent of what is left after adjustments.
	Tax     money.Price
	Credits []Credit
}

// Stretch is a part of the period under one plan, on whole hours.
type Stretch struct {
	From   time.Time   `json:"from"`
	To     time.Time   `json:"to"`
	Plan   string      `json:"plan"`
	Region string      `json:"region"`
	Rates  price.Rates `json:"rates"`
	// Trial: everything is listed and nothing costs.
	Trial bool `json:"trial,omitempty"`
	// Usage is what was counted from From to To.
	Usage map[billing.Meter]uint64 `json:"usage,omitempty"`
}

// Coupon takes a percentage or an amount off, once.
type Coupon struct {
	Code    string       `json:"code"`
	Percent money.Price  `json:"percent,omitzero"`
	Amount  money.Amount `json:"amount,omitempty"`
	// Currency is that of the amount; empty for percentages.
	Currency money.Currency `json:"currency,omitempty"`
}

// Adjustment corrects an earlier bill.
type Adjustment struct {
	ID     string
	Reason string
	Amount money.Amount
}

// Credit was paid in advance.
type Credit struct {
	ID        string
	Left      money.Amount
	ExpiresAt time.Time
}

// Kind says what a line is.
type Kind string

// The kinds, in the order of a bill.
const (
	KindFlat       Kind = "flat"
	KindUsage      Kind = "usage"
	KindMinimum    Kind = "minimum"
	KindMaximum    Kind = "maximum"
	KindDiscount   Kind = "discount"
	KindCoupon     Kind = "coupon"
	KindAdjustment Kind = "adjustment"
	KindTax        Kind = "tax"
	KindCredit     Kind = "credit"
)

// Line is one line of a bill. Amounts of discounts, coupons, maxima and credits are negative.
type Line struct {
	Kind     Kind
	From, To time.Time
	Plan     string
	Meter    billing.Meter
	Quantity uint64
	Included uint64
	Parts    []Part
	// Reference is a coupon's code, or the id of an adjustment or a credit.
	Reference string
	Trial     bool
	Amount    money.Amount
}

// Part is what of a line's quantity had one price.
type Part struct {
	Quantity uint64      `json:"quantity"`
	Price    money.Price `json:"price"`
	Per      uint64      `json:"per"`
	Flat     money.Price `json:"flat,omitzero"`
}

// Bill is what rating makes.
type Bill struct {
	Lines []Line
	// Subtotal is before adjustments, tax and credits; Total is what is to be paid, and never negative.
	Subtotal, Tax, Total money.Amount
	// Carried is what adjustments in the customer's favour are more than the bill: the next one's first adjustment.
	Carried money.Amount
}

// Rate makes a bill.
func Rate(in Input) (Bill, error) {
	if err := in.check(); err != nil {
		return Bill{}, err
	}
	b := &builder{in: in}
	stretches := slices.SortedFunc(slices.Values(in.Stretches), func(x, y Stretch) int { return x.From.Compare(y.From) })
	for _, step := range []func() error{
		func() error { return b.stretches(stretches) },
		b.discounts, b.adjustments, b.tax, b.credits,
	} {
		if err := step(); err != nil {
			return Bill{}, err
		}
	}
	return b.bill, nil
}

func (in Input) check() error {
	if !in.Currency.Valid() {
		return fmt.Errorf("rate: there is no currency %.8q: %w", in.Currency, tenancy.ErrInvalid)
	}
	if !in.Period.Start.Before(in.Period.End) {
		return fmt.Errorf("rate: the period ends before it starts: %w", tenancy.ErrInvalid)
	}
	sorted := slices.SortedFunc(slices.Values(in.Stretches), func(x, y Stretch) int { return x.From.Compare(y.From) })
	before := in.Period.Start
	for _, s := range sorted {
		if s.From.Before(before) || !s.From.Before(s.To) || s.To.After(in.Period.End) {
			return fmt.Errorf("rate: the stretch from %s to %s overlaps another or leaves the period: %w",
				s.From.UTC().Format(time.RFC3339), s.To.UTC().Format(time.RFC3339), tenancy.ErrInvalid)
		}
		if !s.From.Equal(s.From.Truncate(time.Hour)) || !s.To.Equal(s.To.Truncate(time.Hour)) {
			return fmt.Errorf("rate: the stretch from %s is not on whole hours: %w", s.From.UTC().Format(time.RFC3339), tenancy.ErrInvalid)
		}
		before = s.To
	}
	return nil
}

type builder struct {
	in   Input
	bill Bill
	// flat is the exact sum of flat fees so far, each times its seconds: a line is the difference of two such sums, shared
	// and rounded, so that the parts of a month add up to the month.
	flat money.Sum
}

func (b *builder) add(l Line) {
	b.bill.Lines = append(b.bill.Lines, l)
	b.bill.Total += l.Amount
}

// take adds a negative line of at most what is left to pay, and returns what was taken.
func (b *builder) take(l Line, amount money.Amount) money.Amount {
	amount = min(amount, b.bill.Total)
	if amount <= 0 {
		return 0
	}
	l.Amount = -amount
	b.add(l)
	return amount
}

// discounts are the contract's, then coupons by code; percentages are of what is left at that moment.
func (b *builder) discounts() error {
	off, err := percentOf(b.bill.Total, b.in.Discount, b.in.Currency)
	if err != nil {
		return err
	}
	b.take(Line{Kind: KindDiscount}, off)
	coupons := slices.SortedFunc(slices.Values(b.in.Coupons), func(x, y Coupon) int { return cmp.Compare(x.Code, y.Code) })
	for _, c := range coupons {
		off, err := percentOf(b.bill.Total, c.Percent, b.in.Currency)
		if err != nil {
			return err
		}
		b.take(Line{Kind: KindCoupon, Reference: c.Code}, off+c.Amount)
	}
	b.bill.Subtotal = b.bill.Total
	return nil
}

// adjustments are first those that the customer owes, then those in their favour, as far as there is something to pay.
func (b *builder) adjustments() error {
	list := slices.SortedFunc(slices.Values(b.in.Adjustments), func(x, y Adjustment) int {
		return cmp.Or(-cmp.Compare(min(1, max(-1, x.Amount)), min(1, max(-1, y.Amount))), cmp.Compare(x.ID, y.ID))
	})
	for _, a := range list {
		l := Line{Kind: KindAdjustment, Reference: a.ID, Amount: a.Amount}
		if a.Amount >= 0 {
			b.add(l)
			continue
		}
		b.bill.Carried -= -a.Amount - b.take(l, -a.Amount)
	}
	return nil
}

func (b *builder) tax() (err error) {
	if b.bill.Tax, err = percentOf(b.bill.Total, b.in.Tax, b.in.Currency); err != nil || b.bill.Tax == 0 {
		return err
	}
	b.add(Line{Kind: KindTax, Amount: b.bill.Tax})
	return nil
}

// credits are used up in the order in which they expire.
func (b *builder) credits() error {
	list := slices.SortedFunc(slices.Values(b.in.Credits), func(x, y Credit) int {
		return cmp.Or(x.ExpiresAt.Compare(y.ExpiresAt), cmp.Compare(x.ID, y.ID))
	})
	for _, c := range list {
		if !c.ExpiresAt.Before(b.in.Period.End) {
			b.take(Line{Kind: KindCredit, Reference: c.ID}, c.Left)
		}
	}
	return nil
}

func percentOf(a money.Amount, p money.Price, c money.Currency) (money.Amount, error) {
	if a <= 0 || p.IsZero() {
		return 0, nil
	}
	return money.SumOf(a, c).Percent(p).Round(c)
}
