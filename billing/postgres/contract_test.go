package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/billing/subscription"
	"github.com/millwright-io/millwright/tenancy"
)

// ada is an operator.
var ada = contract.Author{Actor: "ada", Action: "/test"}

func november(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC) }

func agreed(from time.Time, change func(*contract.Contract)) contract.Contract {
	c := contract.Contract{ID: string(tenancy.NewID()), From: from, Currency: "EUR"}
	if change != nil {
		change(&c)
	}
	return c
}

// agree makes a contract that the price book of this release has to serve.
func (b books) agree(t *testing.T, id tenancy.ID, c contract.Contract, now time.Time) error {
	t.Helper()
	loaded, err := price.Load()
	if err != nil {
		t.Fatal(err)
	}
	return b.InsertContract(t.Context(), id, c, ada, now, func(s subscription.Subscription) error { return s.Priced(loaded, c) })
}

// TestAContractThatCannotBeRatedIsRefused asks for yen, in which the price book has no plan: nothing is kept, and the month is closed as ever.
func TestAContractThatCannotBeRatedIsRefused(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	next := november(1).AddDate(0, 1, 0)
	err := b.agree(t, id, agreed(next, func(c *contract.Contract) { c.Currency = "JPY" }), noon)
	if !errors.Is(err, tenancy.ErrConflict) || !strings.Contains(err.Error(), "no plan team in JPY") || !strings.Contains(err.Error(), "it has CHF, EUR, GBP, USD") {
		t.Errorf("a contract in yen: %v", err)
	}
	if list, err := b.Contracts(t.Context(), id); err != nil || len(list) != 0 {
		t.Errorf("it was kept: %v, %v", list, err)
	}
	b.closer(t, after.AddDate(0, 1, 0)).Round(t.Context())
	b.closer(t, after.AddDate(0, 1, 0)).Round(t.Context())
	if i := b.only(t, id); !i.Period.Start.Equal(next) || i.Currency != "EUR" {
		t.Errorf("December: %s in %s", i.Period.Start, i.Currency)
	}
}

func TestAContractStandsInsteadOfThePriceBook(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.use(t, id, noon, billing.MeterEvents, 150_000_000, 1)
	fee := money.MustPrice("1000")
	err := b.agree(t, id, agreed(november(1), func(c *contract.Contract) {
		c.Flat, c.Discount = &fee, money.MustPrice("10")
		c.Charges = []price.Charge{{Meter: billing.MeterEvents, Model: price.PerUnit, Per: 1_000_000, Tiers: []price.Tier{{Price: money.MustPrice("0.5")}}}}
	}), noon)
	if err != nil {
		t.Fatal(err)
	}
	b.closer(t, after).Round(t.Context())
	// 1000 for the plan, 150 x 0.50, a tenth off.
	if i := b.only(t, id); i.Total != 96_750 {
		t.Errorf("%d: %+v", i.Total, i.Lines)
	}
	if err := b.agree(t, id, agreed(november(1), nil), after); !errors.Is(err, tenancy.ErrConflict) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a contract for a closed month: %v", err)
	}
}

func TestAnotherCurrencyBeginsWithTheNextMonth(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	dollars := func(c *contract.Contract) { c.Currency = "USD" }
	if err := b.agree(t, id, agreed(november(1), dollars), noon); !errors.Is(err, tenancy.ErrConflict) || !strings.Contains(err.Error(), "2026-12") {
		t.Errorf("in the month that goes on: %v", err)
	}
	if err := b.agree(t, id, agreed(november(1).AddDate(0, 1, 0), dollars), noon); err != nil {
		t.Fatal(err)
	}
	b.closer(t, after).Round(t.Context())
	if i := b.only(t, id); i.Currency != "EUR" || i.Total != 9000 {
		t.Errorf("November: %s %d", i.Currency, i.Total)
	}
	b.closer(t, after.AddDate(0, 1, 0)).Round(t.Context())
	if i := b.only(t, id); i.Currency != "USD" || i.Total != 9900 {
		t.Errorf("December: %s %d", i.Currency, i.Total)
	}
}

// TestOverlappingContractsAreRefused writes many of the same months at once: one is kept.
func TestOverlappingContractsAreRefused(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	var kept atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch err := b.agree(t, id, agreed(november(1), nil), noon); {
			case err == nil:
				kept.Add(1)
			case !errors.Is(err, tenancy.ErrConflict) || !strings.Contains(err.Error(), "overlaps"):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if kept.Load() != 1 {
		t.Errorf("%d of 8 were kept", kept.Load())
	}
	list, err := b.Contracts(t.Context(), id)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	next := november(1).AddDate(0, 1, 0)
	if err := b.agree(t, id, agreed(next, nil), noon); !errors.Is(err, tenancy.ErrConflict) {
		t.Errorf("after one without an end: %v", err)
	}
	if _, err := b.EndContract(t.Context(), id, list[0].ID, next, ada); err != nil {
		t.Fatal(err)
	}
	if err := b.agree(t, id, agreed(next, nil), noon); err != nil {
		t.Errorf("after one that has ended: %v", err)
	}
}

func TestCreditsAreUsedUpByInvoices(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	grant := func(amount money.Amount, currency money.Currency, expires time.Time) string {
		t.Helper()
		c := contract.Credit{ID: string(tenancy.NewID()), Currency: currency, Amount: amount, GrantedAt: noon, ExpiresAt: expires, Reason: "paid", GrantedBy: "ada"}
		if err := b.InsertCredit(t.Context(), id, c, ada); err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	grant(5_000, "EUR", november(20)) // too early
	grant(5_000, "USD", november(1).AddDate(1, 0, 0))
	year := grant(12_000, "EUR", november(1).AddDate(1, 0, 0))
	for month, want := range []struct{ total, left money.Amount }{{0, 3_000}, {6_000, 0}, {9_000, 0}} {
		b.closer(t, after.AddDate(0, month, 0)).Round(t.Context())
		if i := b.only(t, id); i.Total != want.total {
			t.Errorf("month %d: %d, want %d", month, i.Total, want.total)
		}
		credits, err := b.Credits(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range credits {
			if c.ID == year && c.Left != want.left || c.ID != year && c.Left != 5_000 {
				t.Errorf("month %d: %+v", month, c)
			}
		}
	}
}

func TestACouponHoldsForItsMonths(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	if err := b.InsertCoupon(t.Context(), contract.Coupon{Code: "WELCOME", Percent: money.MustPrice("50"), Months: 2}, ada, noon); err != nil {
		t.Fatal(err)
	}
	if err := b.InsertCoupon(t.Context(), contract.Coupon{Code: "WELCOME", Percent: money.MustPrice("1"), Months: 2}, ada, noon); !errors.Is(err, tenancy.ErrExists) {
		t.Errorf("the same code: %v", err)
	}
	if _, err := b.GiveCoupon(t.Context(), id, "NONE", ada, noon); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("no such coupon: %v", err)
	}
	if first, err := b.GiveCoupon(t.Context(), id, "WELCOME", ada, noon); err != nil || !first.Equal(november(1)) {
		t.Fatal(first, err)
	}
	if _, err := b.GiveCoupon(t.Context(), id, "WELCOME", ada, noon); !errors.Is(err, tenancy.ErrExists) {
		t.Errorf("twice: %v", err)
	}
	for month, want := range []money.Amount{4_500, 4_500, 9_000} {
		b.closer(t, after.AddDate(0, month, 0)).Round(t.Context())
		if i := b.only(t, id); i.Total != want {
			t.Errorf("month %d: %d, want %d", month, i.Total, want)
		}
	}
}

func TestCreditNotes(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.closer(t, after).Round(t.Context())
	first := b.only(t, id)
	note := func(i invoice.Invoice, amount money.Amount) (invoice.Note, invoice.Invoice, error) {
		return b.IssueCreditNote(t.Context(), id, i.Number, invoice.Note{Amount: amount, Reason: "an outage", IssuedAt: after, IssuedBy: "ada"}, ada)
	}
	n, i, err := note(first, 1_000)
	if err != nil || n.Number != "CN-2026-000001" || i.Status != invoice.StatusOpen || i.Due() != 9_000 || len(i.Notes) != 1 {
		t.Fatalf("a part: %+v, %+v, %v", n, i, err)
	}
	if _, _, err := note(first, 8_001); !errors.Is(err, tenancy.ErrConflict) {
		t.Errorf("more than is left: %v", err)
	}
	b.closer(t, after.AddDate(0, 1, 0)).Round(t.Context())
	second := b.only(t, id)
	if second.Total != 8_000 || adjustments(second) != -1_000 {
		t.Errorf("the bill after: %+v", second.Lines)
	}
	if _, i, err = note(second, 8_000); err != nil || i.Status != invoice.StatusVoid || i.Due() != 0 {
		t.Errorf("all of an unpaid one: %+v, %v", i, err)
	}
	b.closer(t, after.AddDate(0, 2, 0)).Round(t.Context())
	if third := b.only(t, id); adjustments(third) != -1_000 {
		t.Errorf("what the void one had settled is open again: %+v", third.Lines)
	}
	for _, statement := range []string{"update credit_notes set amount_minor = 1", "delete from credit_notes"} {
		if _, err := b.owner.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "frozen") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	revenue, err := b.Revenue(t.Context(), november(1))
	if err != nil || len(revenue) != 3 || revenue[1].Void != 8_000 || revenue[1].Credited != 8_000 || revenue[2].Open != 9_000 {
		t.Errorf("%+v, %v", revenue, err)
	}
}

// nineteen is a tax of 19 per cent.
type nineteen struct{}

func (nineteen) Percent(subscription.Subscription, rating.Period) (money.Price, error) {
	return money.MustPrice("19"), nil
}

func TestTaxesAreAsked(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.UseTaxes(nineteen{})
	id := b.tenant(t, "team", long)
	b.closer(t, after).Round(t.Context())
	if i := b.only(t, id); i.Tax != 1_710 || i.Total != 10_710 {
		t.Errorf("tax %d, total %d", i.Tax, i.Total)
	}
}
