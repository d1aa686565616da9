// Package money is the noun of an amount of money: whole minor units of a currency, exact prices, and the one way in
// which we round. The nouns of this module import it. It is this module's only home of the decimal module.
package money

import (
	"fmt"
	"math"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/millwright-io/millwright/tenancy"
)

// Currency is an ISO 4217 code of a currency that we bill in.
type Currency string

// digits are the currencies that we bill in, with the digits of their minor unit (ISO 4217, table A.1).
var digits = map[Currency]int32{"CHF": 2, "EUR": 2, "GBP": 2, "JPY": 0, "USD": 2}

// Valid reports whether we bill in it.
func (c Currency) Valid() bool {
	_, ok := digits[c]
	return ok
}

// Digits is how many digits an amount has after the point.
func (c Currency) Digits() uint32 { return uint32(digits[c]) } //nolint:gosec // none is negative

// Amount is a number of minor units: 1250 is EUR 12.50 and JPY 1250.
type Amount int64

// Price is an exact, non-negative amount of major units, for something of which one may cost less than a minor unit.
type Price struct{ d decimal.Decimal }

const (
	maxPriceDigits = 20 // before and after the point together
	maxPriceText   = maxPriceDigits + 1
)

// ParsePrice reads a price as it is written in a price book: digits with at most one point.
func ParsePrice(text string) (Price, error) {
	plain := strings.Trim(text, "0123456789.") == "" && strings.Count(text, ".") <= 1
	if !plain || text == "" || text == "." || len(text) > maxPriceText {
		return Price{}, fmt.Errorf("price %.24q: want digits with at most one point, e.g. 0.0004: %w", text, tenancy.ErrInvalid)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return Price{}, fmt.Errorf("price %q: %s: %w", text, err.Error(), tenancy.ErrInvalid)
	}
	return Price{d}, nil
}

// MustPrice is ParsePrice of a constant in the code, as regexp.MustCompile is.
func MustPrice(text string) Price {
	p, err := ParsePrice(text)
	if err != nil {
		panic(err) //nolint:forbidigo // a constant that is wrong is found by the first test
	}
	return p
}

// MarshalText implements encoding.TextMarshaler.
func (p Price) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Price) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePrice(string(text))
	return err
}

// String writes a price as ParsePrice reads it.
func (p Price) String() string { return p.d.String() }

// IsZero reports whether it costs nothing.
func (p Price) IsZero() bool { return p.d.IsZero() }

// Sum is an exact amount of major units before it is rounded. The zero value is nothing.
type Sum struct{ d decimal.Decimal }

// Of is what quantity costs when per of them cost the price; per is not 0. It is exact to 28 digits after the point.
func (p Price) Of(quantity, per uint64) Sum {
	if per == 1 {
		return Sum{p.d.Mul(whole(quantity))}
	}
	return Sum{p.d.Mul(whole(quantity)).DivRound(whole(per), precision)}
}

// precision is how many digits after the point a quotient keeps: 25 more than a minor unit has.
const precision = 28

func whole(n uint64) decimal.Decimal { return decimal.NewFromUint64(n) }

// Plus adds.
func (s Sum) Plus(t Sum) Sum { return Sum{s.d.Add(t.d)} }

// Share is the part of a sum that numerator has of denominator, which is not 0.
func (s Sum) Share(numerator, denominator uint64) Sum {
	return Sum{s.d.Mul(whole(numerator)).DivRound(whole(denominator), precision)}
}

// Percent is that many per cent of a sum.
func (s Sum) Percent(p Price) Sum { return Sum{s.d.Mul(p.d).Shift(-2)} }

// Times multiplies by a factor, e.g. that of a region.
func (s Sum) Times(factor Price) Sum { return Sum{s.d.Mul(factor.d)} }

// AtLeast is the larger of both, AtMost the smaller.
func (s Sum) AtLeast(t Sum) Sum { return Sum{decimal.Max(s.d, t.d)} }

// AtMost is the smaller of both.
func (s Sum) AtMost(t Sum) Sum { return Sum{decimal.Min(s.d, t.d)} }

// String writes all its digits.
func (s Sum) String() string { return s.d.String() }

// maxAmount is what an amount may be: a hundredth of what an int64 holds, so that no sum of a hundred overflows.
const maxAmount = math.MaxInt64 / 100

// Round makes whole minor units, half to even (IEEE 754 roundTiesToEven, "banker's rounding"): of many halves as many
// become more as become less.
func (s Sum) Round(c Currency) (Amount, error) {
	minor := s.d.Shift(digits[c]).RoundBank(0)
	if minor.Abs().GreaterThan(decimal.NewFromInt(maxAmount)) {
		return 0, fmt.Errorf("%s %s is more than can be billed: %w", s.d.StringFixed(digits[c]), c, tenancy.ErrInvalid)
	}
	return Amount(minor.IntPart()), nil
}

// Less reports whether p is cheaper than q.
func (p Price) Less(q Price) bool { return p.d.LessThan(q.d) }

// SumOf is an amount as a sum.
func SumOf(a Amount, c Currency) Sum { return Sum{decimal.New(int64(a), -digits[c])} }

// In writes an amount for people: EUR 12.50, JPY 1250.
func (a Amount) In(c Currency) string {
	return string(c) + " " + a.Text(c)
}

// Text writes an amount in major units, e.g. -12.50.
func (a Amount) Text(c Currency) string {
	return decimal.New(int64(a), -digits[c]).StringFixed(digits[c])
}
