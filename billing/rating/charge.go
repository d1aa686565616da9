package rating

import (
	"math/bits"
	"time"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
)

// share is the part of the period that a stretch has, in seconds.
type share struct{ of, whole uint64 }

func (b *builder) shareOf(s Stretch) share {
	return share{seconds(s.To.Sub(s.From)), seconds(b.in.Period.End.Sub(b.in.Period.Start))}
}

func seconds(d time.Duration) uint64 { return uint64(max(d, 0) / time.Second) }

// count is a share of a quantity, rounded down.
func (s share) count(n uint64) uint64 {
	hi, lo := bits.Mul64(n, s.of)
	q, _ := bits.Div64(hi, lo, s.whole) // of is at most whole, so that hi is below whole
	return q
}

func (s share) price(p money.Price) money.Sum { return p.Of(1, 1).Share(s.of, s.whole) }

// stretches make a line of the flat fee and one of each charge; quantities that are included, bounds of tiers, minima
// and maxima are those of the stretch's share of the period.
func (b *builder) stretches(list []Stretch) error {
	for _, s := range list {
		sh := b.shareOf(s)
		before := b.bill.Total
		if err := b.flatFee(s, sh); err != nil {
			return err
		}
		for _, c := range s.Rates.Charges {
			if err := b.charge(s, sh, c); err != nil {
				return err
			}
		}
		if err := b.bounds(s, sh, b.bill.Total-before); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) flatFee(s Stretch, sh share) error {
	if s.Rates.Flat.IsZero() {
		return nil
	}
	l := Line{Kind: KindFlat, From: s.From, To: s.To, Plan: s.Plan, Trial: s.Trial}
	if !s.Trial {
		before, err := b.flat.Share(1, sh.whole).Round(b.in.Currency)
		if err != nil {
			return err
		}
		b.flat = b.flat.Plus(s.Rates.Flat.Of(sh.of, 1))
		after, err := b.flat.Share(1, sh.whole).Round(b.in.Currency)
		if err != nil {
			return err
		}
		l.Amount = after - before
	}
	b.add(l)
	return nil
}

func (b *builder) charge(s Stretch, sh share, c price.Charge) error {
	l := Line{
		Kind: KindUsage, From: s.From, To: s.To, Plan: s.Plan, Trial: s.Trial,
		Meter: c.Meter, Quantity: s.Usage[c.Meter], Included: sh.count(c.Included),
	}
	billable := l.Quantity - min(l.Quantity, l.Included)
	var sum money.Sum
	l.Parts, sum = apply(c, sh, billable)
	sum = sum.AtLeast(sh.price(c.Minimum))
	if !c.Maximum.IsZero() {
		sum = sum.AtMost(sh.price(c.Maximum))
	}
	amount, err := sum.Times(s.Rates.Factor(s.Region)).Round(b.in.Currency)
	if err != nil {
		return err
	}
	if !s.Trial {
		l.Amount = amount
	}
	b.add(l)
	return nil
}

// apply prices what is billable by the charge's model.
func apply(c price.Charge, sh share, billable uint64) (parts []Part, sum money.Sum) {
	take := func(quantity uint64, t price.Tier) {
		p := Part{Quantity: quantity, Price: t.Price, Per: c.Per, Flat: t.Flat}
		parts = append(parts, p)
		sum = sum.Plus(t.Price.Of(quantity, c.Per)).Plus(t.Flat.Of(1, 1))
	}
	if billable == 0 {
		return nil, sum
	}
	switch c.Model {
	case price.PerUnit:
		take(billable, c.Tiers[0])
	case price.Package:
		begun := (billable-1)/c.Per + 1
		parts = []Part{{Quantity: billable, Price: c.Tiers[0].Price, Per: c.Per}}
		sum = c.Tiers[0].Price.Of(begun, 1)
	case price.Graduated:
		lower := uint64(0)
		for _, t := range c.Tiers {
			upper := billable
			if t.UpTo != 0 {
				upper = min(billable, sh.count(t.UpTo))
			}
			if upper > lower {
				take(upper-lower, t)
				lower = upper
			}
		}
	case price.Volume:
		for _, t := range c.Tiers {
			if t.UpTo == 0 || billable <= sh.count(t.UpTo) {
				take(billable, t)
				break
			}
		}
	}
	return parts, sum
}

// bounds add what a plan's minimum lacks, or take what is above its maximum.
func (b *builder) bounds(s Stretch, sh share, sum money.Amount) error {
	if s.Trial {
		return nil
	}
	l := Line{From: s.From, To: s.To, Plan: s.Plan}
	least, err := sh.price(s.Rates.Minimum).Round(b.in.Currency)
	if err != nil {
		return err
	}
	if sum < least {
		l.Kind, l.Amount = KindMinimum, least-sum
		b.add(l)
	}
	most, err := sh.price(s.Rates.Maximum).Round(b.in.Currency)
	if err != nil {
		return err
	}
	if !s.Rates.Maximum.IsZero() && sum > most {
		l.Kind, l.Amount = KindMaximum, most-sum
		b.add(l)
	}
	return nil
}
