package subscription_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/subscription"
	"github.com/millwright-io/millwright/tenancy"
)

// TestAContractIsPricedInAllItsMonths has a book that gives up dollars for the plan team in 2027, and a tenant that goes from free to
// team in December.
func TestAContractIsPricedInAllItsMonths(t *testing.T) {
	t.Parallel()
	month := func(year int, m time.Month) time.Time { return time.Date(year, m, 1, 0, 0, 0, 0, time.UTC) }
	in := func(list ...money.Currency) map[money.Currency]price.Rates {
		all := map[money.Currency]price.Rates{}
		for _, c := range list {
			all[c] = price.Rates{}
		}
		return all
	}
	books := price.Books{
		{Version: "2026", From: month(2026, 1), Plans: []price.Plan{{Name: "free", Currencies: in("EUR", "USD", "GBP")}, {Name: "team", Currencies: in("EUR", "USD")}}},
		{Version: "2027", From: month(2027, 1), Plans: []price.Plan{{Name: "free", Currencies: in("EUR", "USD")}, {Name: "team", Currencies: in("EUR")}}},
	}
	s := subscription.Subscription{Plan: "free", Currency: "EUR", Since: month(2026, 6), History: []subscription.Change{
		{Plan: "free", EffectiveAt: month(2026, 6), Applied: true}, {Plan: "team", EffectiveAt: month(2026, 12)},
	}}
	for name, c := range map[string]struct {
		currency money.Currency
		from, to time.Time
		refused  string
	}{
		"both books have it":                        {"EUR", month(2026, 11), time.Time{}, ""},
		"it ends before the book changes":           {"USD", month(2026, 11), month(2027, 1), ""},
		"the later book lacks it":                   {"USD", month(2026, 11), time.Time{}, "price book 2027 has no plan team in USD"},
		"the later book lacks it for a plan of old": {"USD", month(2027, 1), month(2027, 2), "it has EUR"},
		"only until the plan changes":               {"GBP", month(2026, 11), month(2026, 12), ""},
		"the plan that is to come lacks it":         {"GBP", month(2026, 11), month(2027, 1), "no plan team in GBP"},
		"none has it":                               {"JPY", month(2026, 11), month(2026, 12), "it has EUR, GBP, USD"},
		"before there was a book":                   {"JPY", month(2025, 11), month(2026, 1), ""},
		"from before there was a book":              {"JPY", month(2025, 11), month(2026, 2), "no plan free in JPY"},
	} {
		err := s.Priced(books, contract.Contract{ID: "c", From: c.from, To: c.to, Currency: c.currency})
		if c.refused == "" && err != nil || c.refused != "" && (!errors.Is(err, tenancy.ErrConflict) || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %v, want %q", name, err, c.refused)
		}
	}
}
