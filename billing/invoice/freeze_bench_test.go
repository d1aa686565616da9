package invoice_test

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/billing/subscription"
)

// BenchmarkFreeze makes the invoice of a tenant's month: every meter in every hour. 10 000 tenants are 10 000 of it.
func BenchmarkFreeze(b *testing.B) {
	books, err := price.Load()
	if err != nil {
		b.Fatal(err)
	}
	f := invoice.Facts{
		Subscription: subscription.Subscription{Tenant: "aaaaaaaaaaaaaaaa", Name: "Works", Since: at(1, 0).AddDate(-1, 0, 0), Plan: "team", Region: "eu-1", Currency: "EUR"},
		Period:       rating.Month(at(1, 0)),
	}
	for start := f.Period.Start; start.Before(f.Period.End); start = start.Add(time.Hour) {
		h := billing.Hour{Start: start}
		for i, m := range billing.Meters() {
			h.Add(m, uint64(1000*(i+1)+start.Hour()))
		}
		f.Hours = append(f.Hours, h)
	}
	b.ReportAllocs()
	for b.Loop() {
		if frozen, err := invoice.Freeze(books, f, at(1, 0).AddDate(0, 1, 1), time.Hour, false); err != nil || len(frozen.Snapshots) == 0 {
			b.Fatal(frozen, err)
		}
	}
}
