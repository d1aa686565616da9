package invoice_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/billing/subscription"
	"github.com/millwright-io/millwright/tenancy"
)

// one is what one tenant pays by, and its usage.
type one struct {
	invoice.Store
	sub   subscription.Subscription
	hours []billing.Hour
}

func (o one) Facts(_ context.Context, _ tenancy.ID, period rating.Period) (invoice.Facts, error) {
	return invoice.Facts{Subscription: o.sub, Period: period, Hours: o.hours}, nil
}

func at(day, hour int) time.Time { return time.Date(2026, time.November, day, hour, 0, 0, 0, time.UTC) }

func draft(t *testing.T, o one, now time.Time) invoice.Draft {
	t.Helper()
	books, err := price.Load()
	if err != nil {
		t.Fatal(err)
	}
	d, err := invoice.NewService(books, o, func() time.Time { return now }).Draft(t.Context(), "aaaaaaaaaaaaaaaa")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func line(b rating.Bill, k rating.Kind, m billing.Meter, trial bool) (sum money.Amount, quantity uint64) {
	for _, l := range b.Lines {
		if l.Kind == k && l.Meter == m && l.Trial == trial {
			sum, quantity = sum+l.Amount, quantity+l.Quantity
		}
	}
	return sum, quantity
}

func TestADraftCountsThisMonthOnly(t *testing.T) {
	t.Parallel()
	d := draft(t, one{
		nil,
		subscription.Subscription{Since: at(1, 0).AddDate(0, -6, 0), Plan: "team", Region: "eu-1", Currency: "EUR"},
		[]billing.Hour{
			{Start: at(1, 0).Add(-time.Hour), Used: billing.Used{billing.MeterEvents: 1 << 40}},
			{Start: at(1, 0), Used: billing.Used{billing.MeterEvents: 150_000_000}},
			{Start: at(15, 23), Used: billing.Used{billing.MeterEvents: 150_000_000}},
		},
	}, at(15, 23).Add(10*time.Minute))
	// 90 for the plan; 200 of 300 million events above the included 100, at 0.20 a million.
	if d.Now.Total != 9000+4000 {
		t.Errorf("so far %d, want 13000: %+v", d.Now.Total, d.Now.Lines)
	}
	// Half of the month is over: 600 million, 500 above.
	if d.Forecast.Total != 9000+10_000 {
		t.Errorf("forecast %d, want 19000: %+v", d.Forecast.Total, d.Forecast.Lines)
	}
}

func TestADraftBeginsWithTheTenantAndItsTrial(t *testing.T) {
	t.Parallel()
	o := one{
		nil,
		subscription.Subscription{Since: at(10, 7).AddDate(0, -1, 0).Add(20 * time.Minute), Plan: "team", Region: "eu-1", Currency: "EUR"},
		[]billing.Hour{{Start: at(9, 6), Used: billing.Used{billing.MeterPoints: 5_000_000_000}}, {Start: at(9, 7), Used: billing.Used{billing.MeterPoints: 3_000_000_000}}},
	}
	// Founded on 10 October, so that the trial ends on 9 November at 7: of 720 hours 521 are left, and as much of what is included.
	d := draft(t, o, at(9, 8))
	if sum, quantity := line(d.Now, rating.KindUsage, billing.MeterPoints, true); sum != 0 || quantity != 5_000_000_000 {
		t.Errorf("in the trial: %d points for %d", quantity, sum)
	}
	hoursLeft := uint64(720 - 8*24 - 7)
	billable := 3_000_000_000 - 1_000_000_000*hoursLeft/720
	want, err := money.MustPrice("0.05").Of(billable, 1_000_000).Round("EUR")
	if sum, quantity := line(d.Now, rating.KindUsage, billing.MeterPoints, false); err != nil || sum != want || quantity != 3_000_000_000 {
		t.Errorf("after it: %d points for %d, want %d", quantity, sum, want)
	}
	if sum, _ := line(d.Now, rating.KindFlat, "", false); sum != money.Amount(9000*hoursLeft/720) {
		t.Errorf("fee %d", sum)
	}
}

func TestAPlanWithoutAPriceIsSaidSo(t *testing.T) {
	t.Parallel()
	books, err := price.Load()
	if err != nil {
		t.Fatal(err)
	}
	o := one{sub: subscription.Subscription{Since: at(1, 0), Plan: "gone", Currency: "EUR"}}
	s := invoice.NewService(books, o, func() time.Time { return at(2, 0) })
	if _, err := s.Draft(t.Context(), "aaaaaaaaaaaaaaaa"); !errors.Is(err, tenancy.ErrConflict) {
		t.Errorf("%v", err)
	}
	early := invoice.NewService(books, o, func() time.Time { return at(2, 0).AddDate(-1, 0, 0) })
	if _, err := early.Draft(t.Context(), "aaaaaaaaaaaaaaaa"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("before the first price book: %v", err)
	}
}
