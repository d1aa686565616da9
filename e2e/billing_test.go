package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
)

// billingClock is the file that billing lives by.
type billingClock struct{ file string }

func newBillingClock(t *testing.T, at time.Time) billingClock {
	t.Helper()
	c := billingClock{filepath.Join(t.TempDir(), "billing-clock")}
	c.set(t, at)
	return c
}

// set replaces the file at once, so that nobody reads half of it.
func (c billingClock) set(t *testing.T, at time.Time) {
	t.Helper()
	if err := os.WriteFile(c.file+".new", []byte(at.UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(c.file+".new", c.file); err != nil {
		t.Fatal(err)
	}
}

// startOfMonth is that of the UTC month so many months after this one.
func startOfMonth(after int) time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month()+time.Month(after), 1, 0, 0, 0, 0, time.UTC)
}

// closedMonths waits until the demo tenant has so many invoices, the newest first.
func closedMonths(t *testing.T, s *stack.Stack, want int) (invoices []*invoicev1.Invoice) {
	t.Helper()
	stack.Eventually(t, 30*time.Second, "the months are closed", func() error {
		answer, err := s.Invoices(s.Demo.APIKey).List(t.Context(), &invoicev1.ListRequest{})
		if invoices = answer.GetInvoices(); err == nil && len(invoices) != want {
			err = fmt.Errorf("%d invoices, want %d", len(invoices), want)
		}
		return err
	})
	return invoices
}

// TestAMonthIsClosedByItsClock moves billing's clock over the ends of two months: of the trial and of the first that costs something.
func TestAMonthIsClosedByItsClock(t *testing.T) {
	clock := newBillingClock(t, time.Now())
	s := stack.Start(t, stack.Options{Args: []string{"--billing-clock", clock.file}})
	dir := newDevice(t, s, "counted")
	publishCurl(t, s, dir, `{"measurements":{"temperature":1}}`)
	stack.Eventually(t, 60*time.Second, "the draft counts the event", func() error {
		draft, err := s.Invoices(s.Demo.APIKey).GetDraft(t.Context(), &invoicev1.GetDraftRequest{})
		if n := quantityOf(draft.GetBill(), "events"); err == nil && n != 1 {
			err = fmt.Errorf("it has %d", n)
		}
		return err
	})
	clock.set(t, startOfMonth(1).Add(25*time.Hour))
	first := closedMonths(t, s, 1)[0]
	if first.GetStatus() != invoicev1.InvoiceStatus_INVOICE_STATUS_PAID || first.GetBill().GetTotalMinor() != 0 {
		t.Errorf("the month of the trial: %v", first)
	}
	clock.set(t, startOfMonth(3).Add(25*time.Hour))
	all := closedMonths(t, s, 3)
	if all[0].GetStatus() != invoicev1.InvoiceStatus_INVOICE_STATUS_OPEN || all[0].GetDueMinor() <= 0 {
		t.Errorf("a month that costs something: %v", all[0])
	}
	whole, err := s.Invoices(s.Demo.APIKey).Get(t.Context(), &invoicev1.GetRequest{InvoiceId: first.GetNumber()})
	if err != nil || quantityOf(whole.GetInvoice().GetBill(), "events") != 1 {
		t.Errorf("the event is not on the invoice: %v, %v", whole, err)
	}
	file := filepath.Join(t.TempDir(), "invoice.pdf")
	s.Run(t, "invoice", "export", first.GetNumber(), file)
	if content, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(content, []byte("%PDF-")) {
		t.Errorf("%d bytes, %v", len(content), err)
	}
	if out := s.Run(t, "invoice", "show", all[0].GetNumber()); !bytes.Contains([]byte(out), []byte(fmt.Sprintf("invoice %s to ", all[0].GetNumber()))) {
		t.Errorf("%s", out)
	}
}

func quantityOf(bill *invoicev1.Bill, meter string) (sum uint64) {
	for _, l := range bill.GetLines() {
		if l.GetMeter() == meter {
			sum += l.GetQuantity()
		}
	}
	return sum
}
