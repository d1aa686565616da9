package outbox_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/tenancy"
)

// takeBack issues a credit note over all of an invoice.
func (s *stack) takeBack(id string) error {
	_, _, err := s.store.IssueCreditNote(s.t.Context(), s.tenant, id, invoice.Note{Amount: 12345, Reason: "a mistake", IssuedAt: s.now()}, contract.Author{Actor: "ops"})
	return err
}

func (s *stack) status(id string) string {
	return s.one("select status from invoices where id = $1", id)
}

// TestAnInvoiceIsTakenBackOrCharged ends the process at every point, and then takes all of the invoice back. Until it was to be final at
// the provider it becomes void and is never charged; from then on the credit note is refused until the payment is known, and then
// corrects the next bill.
func TestAnInvoiceIsTakenBackOrCharged(t *testing.T) {
	t.Parallel()
	final := slices.Index(points, "finalize:intended")
	for at, point := range points {
		for _, after := range []time.Duration{5 * time.Minute, 48 * time.Hour} {
			t.Run(fmt.Sprintf("%s %s", point, after), func(t *testing.T) {
				t.Parallel()
				s := setup(t)
				s.card("4242")
				id := s.invoice("2026-000001")
				if !s.dies(point) {
					t.Fatalf("the worker does not come to %s", point)
				}
				err := s.takeBack(id)
				s.later(after)
				if at < final {
					if err != nil || s.status(id) != "void" {
						t.Fatalf("%s, %v", s.status(id), err)
					}
					s.until("the entry is done", func() bool {
						return s.one("select state || payment || (select count(*) from payment_work where kind = 'entry') from payment_entries") == "donevoid0"
					})
					if n := len(s.state().Charges); n != 0 || s.status(id) != "void" {
						t.Errorf("%d charges, the invoice is %s", n, s.status(id))
					}
					return
				}
				if !errors.Is(err, tenancy.ErrConflict) || !strings.Contains(err.Error(), "is being charged") || s.status(id) != "open" {
					t.Fatalf("%s, %v", s.status(id), err)
				}
				s.until("paid", s.paid(id))
				if err := s.takeBack(id); err != nil || s.status(id) != "paid" {
					t.Errorf("after it was paid it is %s, %v", s.status(id), err)
				}
				if n := s.one("select sum(amount_minor)::text from billing_adjustments"); n != "-12345" {
					t.Errorf("the next bill is corrected by %s", n)
				}
				s.chargedOnce(1)
			})
		}
	}
}

// TestWhatWaitsForAnOperatorIsTakenBack parks a payment: the credit note ends it, and there is nothing to retry.
func TestWhatWaitsForAnOperatorIsTakenBack(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.card("4242")
	id := s.invoice("2026-000001")
	if !s.dies("item/1:sent") {
		t.Fatal("the worker does not come there")
	}
	in := s.state().Invoices[0]
	s.form("/v1/invoiceitems", fmt.Sprintf("customer=%s&invoice=%s&amount=1&currency=eur", in["customer"], in["id"]))
	s.later(time.Hour)
	s.until("parked", func() bool { return s.one("select state from payment_entries") == "parked" })
	if err := s.takeBack(id); err != nil || s.status(id) != "void" || s.one("select state || payment from payment_entries") != "donevoid" {
		t.Errorf("%s, %v", s.status(id), err)
	}
	if _, err := s.store.Retry(t.Context(), s.one("select id from payment_entries"), s.now()); !errors.Is(err, tenancy.ErrConflict) {
		t.Errorf("it is tried again: %v", err)
	}
	s.round()
	if n := len(s.state().Charges); n != 0 {
		t.Errorf("%d charges", n)
	}
}

// TestTakingBackWhileItIsCharged does both at once, many times: an invoice is void and was not charged, or it is paid, once.
func TestTakingBackWhileItIsCharged(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.card("4242")
	var ids []string
	for i := range 8 {
		ids = append(ids, s.invoice(fmt.Sprintf("2026-%0*d", 6+i, i)))
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := s.worker(nil).Round(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	void := make([]bool, len(ids))
	for i, id := range ids {
		all.Go(func() {
			switch err := s.takeBack(id); {
			case err == nil:
				void[i] = true
			case !errors.Is(err, tenancy.ErrConflict):
				t.Error(err)
			}
		})
	}
	all.Wait()
	charged := 0
	for i, id := range ids {
		if s.status(id) != "void" {
			s.until("paid", s.paid(id))
			charged++
		} else if !void[i] {
			t.Errorf("invoice %d is void, and its credit note was refused", i)
		}
	}
	// Of what is void there may be a draft.
	if n := len(s.state().Charges); n != charged {
		t.Errorf("%d charges, %d invoices that are not void", n, charged)
	}
}
