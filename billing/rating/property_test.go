package rating_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
)

// TestPropertiesOfRating makes bills of every shape and holds them to what must be true of all. MILLWRIGHT_RATING_CASES
// says how many.
func TestPropertiesOfRating(t *testing.T) {
	t.Parallel()
	cases := 20_000
	if text := os.Getenv("MILLWRIGHT_RATING_CASES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("MILLWRIGHT_RATING_CASES: %v", err)
		}
		cases = n
	}
	for i := range cases {
		seed := uint64(i)
		if err := holds(rand.New(rand.NewPCG(seed, 0))); err != nil { //nolint:gosec // a seed that can be repeated is the point
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("%d cases", cases)
}

func holds(r *rand.Rand) error {
	in := anInput(r)
	bill, err := rating.Rate(in)
	if err != nil {
		return fmt.Errorf("refused: %w\n%+v", err, in)
	}
	if err := addsUp(bill); err != nil {
		return fmt.Errorf("%w\n%+v\n%+v", err, in, bill)
	}
	other, err := rating.Rate(shuffled(r, in))
	if err != nil || !reflect.DeepEqual(bill, other) {
		return fmt.Errorf("another order makes another bill: %w\n%+v\n%+v", err, bill, other)
	}
	if err := flatIsWhole(in, bill); err != nil {
		return err
	}
	return monotone(r, in, bill)
}

// addsUp: nothing to pay is below zero, and the lines are the total.
func addsUp(b rating.Bill) error {
	sum := money.Amount(0)
	for _, l := range b.Lines {
		sum += l.Amount
		if (l.Kind == rating.KindFlat || l.Kind == rating.KindUsage || l.Kind == rating.KindMinimum || l.Kind == rating.KindTax) && l.Amount < 0 {
			return fmt.Errorf("a line of %s is negative", l.Kind)
		}
		if l.Trial && l.Amount != 0 {
			return fmt.Errorf("a line of a trial costs %d", l.Amount)
		}
		parts := uint64(0)
		for _, p := range l.Parts {
			parts += p.Quantity
		}
		if l.Kind == rating.KindUsage && parts != l.Quantity-min(l.Quantity, l.Included) {
			return fmt.Errorf("the parts of %s are %d of %d above %d", l.Meter, parts, l.Quantity, l.Included)
		}
	}
	if sum != b.Total || b.Total < 0 || b.Subtotal < 0 || b.Carried > 0 {
		return fmt.Errorf("the lines sum to %d, the total is %d, %d before adjustments, %d carried", sum, b.Total, b.Subtotal, b.Carried)
	}
	return nil
}

// flatIsWhole: a month in one plan costs its flat fee, in however many stretches.
func flatIsWhole(in rating.Input, b rating.Bill) error {
	covered, sum := time.Duration(0), money.Amount(0)
	for _, s := range in.Stretches {
		if s.Rates.Flat != in.Stretches[0].Rates.Flat || s.Trial {
			return nil
		}
		covered += s.To.Sub(s.From)
	}
	for _, l := range b.Lines {
		if l.Kind == rating.KindFlat {
			sum += l.Amount
		}
	}
	if covered != in.Period.End.Sub(in.Period.Start) {
		return nil
	}
	want, err := in.Stretches[0].Rates.Flat.Of(1, 1).Round(in.Currency)
	if err != nil || sum != want {
		return fmt.Errorf("%d stretches of a whole month cost %d, the flat fee is %d: %w", len(in.Stretches), sum, want, err)
	}
	return nil
}

// monotone: more usage costs as much or more, but for charges by volume, of which docs/billing.md says so.
func monotone(r *rand.Rand, in rating.Input, before rating.Bill) error {
	i := r.IntN(len(in.Stretches))
	charges := in.Stretches[i].Rates.Charges
	if len(charges) == 0 {
		return nil
	}
	c := charges[r.IntN(len(charges))]
	if c.Model == price.Volume {
		return nil
	}
	in.Stretches[i].Usage[c.Meter] += uint64(r.IntN(1_000_000))
	after, err := rating.Rate(in)
	if err != nil || after.Subtotal < before.Subtotal || after.Total < before.Total {
		return fmt.Errorf("more %s (%s) costs less: %d, then %d: %w", c.Meter, c.Model, before.Total, after.Total, err)
	}
	return nil
}

func anInput(r *rand.Rand) rating.Input {
	in := rating.Input{
		Period:   rating.Month(time.Date(2024+r.IntN(5), time.Month(1+r.IntN(12)), 15, 0, 0, 0, 0, time.UTC)),
		Currency: []money.Currency{"EUR", "USD", "JPY", "CHF"}[r.IntN(4)],
	}
	hours := int(in.Period.End.Sub(in.Period.Start) / time.Hour)
	at, same := r.IntN(2)*r.IntN(hours/2), r.IntN(2) == 0
	rates := someRates(r)
	for at < hours && len(in.Stretches) < 4 {
		to := min(hours, at+1+r.IntN(hours))
		if len(in.Stretches) == 3 {
			to = hours
		}
		if !same {
			rates = someRates(r)
		}
		s := rating.Stretch{
			From: in.Period.Start.Add(time.Duration(at) * time.Hour), To: in.Period.Start.Add(time.Duration(to) * time.Hour),
			Plan: "team", Region: []string{"eu-1", "us-1"}[r.IntN(2)], Rates: rates, Trial: r.IntN(8) == 0, Usage: map[billing.Meter]uint64{},
		}
		for _, c := range rates.Charges {
			s.Usage[c.Meter] = quantity(r)
		}
		in.Stretches = append(in.Stretches, s)
		at = to
	}
	extras(r, &in)
	return in
}

func extras(r *rand.Rand, in *rating.Input) {
	if r.IntN(3) == 0 {
		in.Discount = money.MustPrice(strconv.Itoa(r.IntN(101)))
	}
	if r.IntN(3) == 0 {
		in.Tax = money.MustPrice([]string{"19", "7", "20", "8.1"}[r.IntN(4)])
	}
	for i := range r.IntN(3) {
		in.Coupons = append(in.Coupons, rating.Coupon{Code: fmt.Sprint("C", i), Amount: money.Amount(r.IntN(5000))})
		in.Adjustments = append(in.Adjustments, rating.Adjustment{ID: fmt.Sprint("A", i), Amount: money.Amount(r.IntN(40_000) - 20_000)})
		in.Credits = append(in.Credits, rating.Credit{
			ID: fmt.Sprint("P", i), Left: money.Amount(r.IntN(30_000)), ExpiresAt: in.Period.Start.AddDate(0, r.IntN(3), 0),
		})
	}
}

func quantity(r *rand.Rand) uint64 { return r.Uint64N(uint64(1) << r.IntN(41)) }

func someRates(r *rand.Rand) price.Rates {
	p := func() money.Price {
		return money.MustPrice(fmt.Sprintf("%d.%0*d", r.IntN(3), 1+r.IntN(6), r.IntN(10)))
	}
	rates := price.Rates{Flat: money.MustPrice(fmt.Sprintf("%d.%02d", r.IntN(500), r.IntN(100)))}
	if r.IntN(4) == 0 {
		rates.Minimum = money.MustPrice(strconv.Itoa(r.IntN(1000)))
	}
	if r.IntN(4) == 0 {
		rates.Regions = map[string]money.Price{"us-1": money.MustPrice("1.05")}
	}
	for _, m := range []billing.Meter{billing.MeterEvents, billing.MeterPoints, billing.MeterBytes}[:r.IntN(4)] {
		c := price.Charge{
			Meter: m, Model: []price.Model{price.PerUnit, price.Package, price.Graduated, price.Volume}[r.IntN(4)],
			Per: uint64(1 + r.IntN(2)*999_999), Included: quantity(r) * r.Uint64N(2),
		}
		if c.Model == price.Graduated || c.Model == price.Volume {
			for upTo := 1 + quantity(r); len(c.Tiers) < r.IntN(4); upTo += 1 + quantity(r) {
				c.Tiers = append(c.Tiers, price.Tier{UpTo: upTo, Price: p(), Flat: p()})
			}
		}
		c.Tiers = append(c.Tiers, price.Tier{Price: p()})
		if r.IntN(6) == 0 {
			c.Minimum = money.MustPrice(strconv.Itoa(r.IntN(50)))
		}
		if r.IntN(6) == 0 {
			c.Maximum = money.MustPrice(strconv.Itoa(50 + r.IntN(5000)))
		}
		rates.Charges = append(rates.Charges, c)
	}
	return rates
}

func shuffled(r *rand.Rand, in rating.Input) rating.Input {
	in.Stretches = mixed(r, in.Stretches)
	in.Coupons = mixed(r, in.Coupons)
	in.Adjustments = mixed(r, in.Adjustments)
	in.Credits = mixed(r, in.Credits)
	return in
}

func mixed[T any](r *rand.Rand, list []T) []T {
	out := make([]T, len(list))
	for to, from := range r.Perm(len(list)) {
		out[to] = list[from]
	}
	return out
}
