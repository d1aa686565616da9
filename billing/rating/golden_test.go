package rating_test

import (
	"slices"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
)

var november = rating.Month(time.Date(2026, time.November, 27, 0, 0, 0, 0, time.UTC))

// tiers are those of the examples: the first thousand, up to five thousand, the rest.
func tiers(second string) []price.Tier {
	t := []price.Tier{{UpTo: 1000, Price: money.MustPrice("0.10")}, {UpTo: 5000, Price: money.MustPrice("0.08")}, {Price: money.MustPrice("0.05")}}
	if second != "" {
		t[1].Flat = money.MustPrice(second)
	}
	return t
}

func charge(model price.Model, per, included uint64, t ...price.Tier) price.Rates {
	return price.Rates{Charges: []price.Charge{{Meter: billing.MeterEvents, Model: model, Per: per, Included: included, Tiers: t}}}
}

func one(text string) price.Tier { return price.Tier{Price: money.MustPrice(text)} }

func flat(text string) price.Rates { return price.Rates{Flat: money.MustPrice(text)} }

// month is a bill of a whole November under one plan.
func month(rates price.Rates, events uint64) rating.Input {
	return rating.Input{Period: november, Currency: "EUR", Stretches: []rating.Stretch{{
		From: november.Start, To: november.End, Plan: "team", Region: "eu-1", Rates: rates, Usage: map[billing.Meter]uint64{billing.MeterEvents: events},
	}}}
}

func with(in rating.Input, change func(*rating.Input)) rating.Input {
	change(&in)
	return in
}

func day(d int) time.Time { return time.Date(2026, time.November, d, 0, 0, 0, 0, time.UTC) }

// TestBillsComputedByHand are the examples of docs/billing.md, in its order.
func TestBillsComputedByHand(t *testing.T) {
	t.Parallel()
	leap := rating.Month(time.Date(2028, time.February, 1, 0, 0, 0, 0, time.UTC))
	change := time.Date(2028, time.February, 29, 0, 0, 0, 0, time.UTC)
	withMinimum, withMaximum := charge(price.PerUnit, 1, 0, one("0.01")), charge(price.PerUnit, 1, 0, one("0.01"))
	withMinimum.Charges[0].Minimum, withMaximum.Charges[0].Maximum = money.MustPrice("5"), money.MustPrice("20")
	inUS := charge(price.PerUnit, 1, 0, one("0.01"))
	inUS.Regions = map[string]money.Price{"eu-1": money.MustPrice("1.05")}
	committed := price.Rates{Flat: money.MustPrice("90"), Minimum: money.MustPrice("250"), Charges: charge(price.PerUnit, 1, 0, one("0.01")).Charges}
	for _, c := range []struct {
		name    string
		in      rating.Input
		amounts []money.Amount
		total   money.Amount
	}{
		{"flat", month(flat("90"), 0), []money.Amount{9000}, 9000},
		{"per unit, above what is included", month(charge(price.PerUnit, 1_000_000, 100_000_000, one("0.20")), 123_456_789), []money.Amount{469}, 469},
		{"all included", month(charge(price.PerUnit, 1_000_000, 100_000_000, one("0.20")), 100_000_000), []money.Amount{0}, 0},
		{"a half to even, down", month(charge(price.PerUnit, 1, 0, one("0.005")), 1), []money.Amount{0}, 0},
		{"a half to even, up", month(charge(price.PerUnit, 1, 0, one("0.005")), 3), []money.Amount{2}, 2},
		{"a package is due when it is begun", month(charge(price.Package, 1_000_000, 0, one("0.40")), 2_000_001), []money.Amount{120}, 120},
		{"a package that is full", month(charge(price.Package, 1_000_000, 0, one("0.40")), 2_000_000), []money.Amount{80}, 80},
		{"graduated, at an edge", month(charge(price.Graduated, 1, 0, tiers("")...), 1000), []money.Amount{10_000}, 10_000},
		{"graduated, one above it", month(charge(price.Graduated, 1, 0, tiers("")...), 1001), []money.Amount{10_008}, 10_008},
		{"graduated, in the last tier", month(charge(price.Graduated, 1, 0, tiers("")...), 6000), []money.Amount{47_000}, 47_000},
		{"a tier with a fee of its own", month(charge(price.Graduated, 1, 0, tiers("10")...), 1001), []money.Amount{11_008}, 11_008},
		{"volume, at an edge", month(charge(price.Volume, 1, 0, tiers("")...), 1000), []money.Amount{10_000}, 10_000},
		{"volume, one above it", month(charge(price.Volume, 1, 0, tiers("")...), 1001), []money.Amount{8008}, 8008},
		{"volume, in the last tier", month(charge(price.Volume, 1, 0, tiers("")...), 6000), []money.Amount{30_000}, 30_000},
		{"a charge's minimum", month(withMinimum, 100), []money.Amount{500}, 500},
		{"a charge's maximum", month(withMaximum, 10_000), []money.Amount{2000}, 2000},
		{"a plan's minimum", month(committed, 1000), []money.Amount{9000, 1000, 15_000}, 25_000},
		{"a region's factor", month(inUS, 1000), []money.Amount{1050}, 1050},
		{"a change of plan on 29 February", rating.Input{Period: leap, Currency: "EUR", Stretches: []rating.Stretch{
			{From: leap.Start, To: change, Plan: "team", Rates: flat("90")}, {From: change, To: leap.End, Plan: "plant", Rates: flat("900")},
		}}, []money.Amount{8690, 3103}, 11_793},
		{"founded on the 16th: half of what is included", with(month(charge(price.PerUnit, 1_000_000, 100_000_000, one("0.20")), 60_000_000), func(in *rating.Input) {
			in.Stretches[0].From = day(16)
		}), []money.Amount{200}, 200},
		{"a trial until the 11th", with(month(flat("90"), 0), func(in *rating.Input) {
			trial := in.Stretches[0]
			trial.To, trial.Trial, in.Stretches[0].From = day(11), true, day(11)
			in.Stretches = append(in.Stretches, trial)
		}), []money.Amount{0, 6000}, 6000},
		{"discount, coupon, tax", with(month(flat("100"), 0), func(in *rating.Input) {
			in.Discount, in.Tax = money.MustPrice("10"), money.MustPrice("19")
			in.Coupons = []rating.Coupon{{Code: "WELCOME", Amount: 2000}}
		}), []money.Amount{10_000, -1000, -2000, 1330}, 8330},
		{"more in the customer's favour than the bill", with(month(flat("90"), 0), func(in *rating.Input) {
			in.Adjustments = []rating.Adjustment{{ID: "a", Amount: -12_000}}
		}), []money.Amount{9000, -9000}, 0},
		{"credits, the first to expire first", with(month(flat("90"), 0), func(in *rating.Input) {
			in.Credits = []rating.Credit{
				{ID: "later", Left: 10_000, ExpiresAt: day(1).AddDate(1, 0, 0)},
				{ID: "soon", Left: 5000, ExpiresAt: day(1).AddDate(0, 1, 0)},
				{ID: "expired", Left: 5000, ExpiresAt: day(20)},
			}
		}), []money.Amount{9000, -5000, -4000}, 0},
		{"yen have no parts", with(month(flat("90.5"), 0), func(in *rating.Input) { in.Currency = "JPY" }), []money.Amount{90}, 90},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bill, err := rating.Rate(c.in)
			if err != nil {
				t.Fatal(err)
			}
			var amounts []money.Amount
			for _, l := range bill.Lines {
				amounts = append(amounts, l.Amount)
			}
			if !slices.Equal(amounts, c.amounts) || bill.Total != c.total {
				t.Errorf("%v, in all %d; want %v, in all %d", amounts, bill.Total, c.amounts, c.total)
			}
			if c.name == "more in the customer's favour than the bill" && bill.Carried != -3000 {
				t.Errorf("carried %d, want -3000", bill.Carried)
			}
		})
	}
}
