package pdf_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/pdf"
	"github.com/millwright-io/millwright/billing/rating"
)

func sample(lines int) invoice.Invoice {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	i := invoice.Invoice{
		Number: "2026-000042", Tenant: "aaaaaaaaaaaaaaaa", TenantName: "Zażółć Werke Αθήνα", Period: rating.Month(start), Currency: "EUR", Book: "2026-11",
		IssuedAt: start.AddDate(0, 1, 1), DueAt: start.AddDate(0, 1, 15), Subtotal: 10_000, Total: 10_000, Status: invoice.StatusOpen,
	}
	for range lines {
		i.Lines = append(i.Lines, invoice.Line{Line: rating.Line{
			Kind: rating.KindUsage, Meter: "events", Plan: "team", From: start.Add(time.Hour), To: start.AddDate(0, 0, 5), Quantity: 150_000_000, Included: 100_000_000,
			Parts: []rating.Part{{Quantity: 50_000_000, Price: money.MustPrice("0.2"), Per: 1_000_000}}, Amount: 1000,
		}, Snapshot: [32]byte{1}})
	}
	i.Seal(i.Number)
	return i
}

func TestAnInvoiceIsDrawnTheSameEveryTime(t *testing.T) {
	t.Parallel()
	first, err := pdf.Invoice(sample(3))
	if err != nil {
		t.Fatal(err)
	}
	again, err := pdf.Invoice(sample(3))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("it differs, %v", err)
	}
	if !bytes.HasPrefix(first, []byte("%PDF-1.")) || !bytes.HasSuffix(bytes.TrimSpace(first), []byte("%%EOF")) || bytes.Count(first, []byte("/Type /Page\n")) != 1 {
		t.Errorf("%d bytes, %d pages", len(first), bytes.Count(first, []byte("/Type /Page\n")))
	}
}

func TestALongInvoiceGoesOnOnTheNextPage(t *testing.T) {
	t.Parallel()
	long, err := pdf.Invoice(sample(120))
	if err != nil {
		t.Fatal(err)
	}
	if pages := bytes.Count(long, []byte("/Type /Page\n")); pages < 4 {
		t.Errorf("%d pages", pages)
	}
}
