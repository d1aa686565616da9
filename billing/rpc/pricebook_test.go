package rpc_test

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rpc"
	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
)

// TestEveryVersionOfThePriceBookIsShown has a version before, one now and one to come.
func TestEveryVersionOfThePriceBookIsShown(t *testing.T) {
	t.Parallel()
	month := func(m time.Month) time.Time { return time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC) }
	rates := price.Rates{Flat: money.MustPrice("90"), Regions: map[string]money.Price{"eu-north": money.MustPrice("1.1")}, Charges: []price.Charge{{
		Meter: billing.MeterEvents, Model: price.Graduated, Per: 1000, Included: 10, Tiers: []price.Tier{{UpTo: 5, Price: money.MustPrice("0.2")}, {Price: money.MustPrice("0.1")}},
	}}}
	plans := []price.Plan{{Name: "team", TrialDays: 30, Currencies: map[money.Currency]price.Rates{"USD": rates, "EUR": rates}}}
	s := &rpc.Billing{
		Prices: price.Books{{Version: "a", From: month(9)}, {Version: "b", From: month(10), Plans: plans}, {Version: "c", From: month(12)}},
		Now:    func() time.Time { return month(11).Add(time.Hour) },
	}
	res, err := s.ListPriceBooks(t.Context(), &billingv1.ListPriceBooksRequest{})
	if err != nil {
		t.Fatal(err)
	}
	books := res.GetPriceBooks()
	if len(books) != 3 {
		t.Fatalf("%d versions, want 3", len(books))
	}
	for i, want := range []struct {
		version string
		current bool
		end     time.Time
	}{{"c", false, time.Time{}}, {"b", true, month(12)}, {"a", false, month(10)}} {
		b := books[i]
		if b.GetVersion() != want.version || b.GetCurrent() != want.current || (b.GetEnd() == nil) != want.end.IsZero() || (b.GetEnd() != nil && !b.GetEnd().AsTime().Equal(want.end)) {
			t.Errorf("%d: %v, want %+v", i, b, want)
		}
	}
	prices := books[1].GetPrices()
	if len(prices) != 2 || prices[0].GetCurrency() != "EUR" || prices[1].GetCurrency() != "USD" {
		t.Fatalf("prices by currency: %v", prices)
	}
	p := prices[0]
	if p.GetPlan() != "team" || p.GetTrialDays() != 30 || p.GetFlat() != "90" || p.GetRegionFactors()["eu-north"] != "1.1" || len(p.GetCharges()) != 1 || len(p.GetCharges()[0].GetTiers()) != 2 {
		t.Errorf("%v", p)
	}
}
