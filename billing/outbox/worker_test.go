package outbox_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// points are where a process may end on an invoice's way to being paid, between any two of its statements and requests.
var points = []string{
	"invoice:intended", "invoice:sent", "item/0:intended", "item/0:sent", "item/1:intended", "item/1:sent", "finalize:intended", "finalize:sent", "payment:reading",
}

// TestACrashAnywhereChargesOnce ends the process at every point. Its successor goes on when the lease is over: minutes later, when the provider still
// knows the keys, and two days later, when it does not.
func TestACrashAnywhereChargesOnce(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{5 * time.Minute, 48 * time.Hour} {
		for _, point := range points {
			t.Run(fmt.Sprintf("%s %s", point, after), func(t *testing.T) {
				t.Parallel()
				s := setup(t)
				s.card("4242")
				invoice := s.invoice("2026-000001")
				if !s.dies(point) {
					t.Fatalf("the worker does not come to %s", point)
				}
				s.round() // somebody else has it
				if s.paid(invoice)() {
					t.Error("it was paid while the lease was somebody else's")
				}
				s.later(after)
				s.until("paid", s.paid(invoice))
				s.chargedOnce(1)
			})
		}
	}
}

// TestACustomerIsMadeOnce ends the process around the making of a customer.
func TestACustomerIsMadeOnce(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{5 * time.Minute, 48 * time.Hour} {
		for _, point := range []string{"customer:intended", "customer:sent"} {
			t.Run(fmt.Sprintf("%s %s", point, after), func(t *testing.T) {
				t.Parallel()
				s := setup(t)
				invoice := s.invoice("2026-000001")
				if !s.dies(point) {
					t.Fatalf("the worker does not come to %s", point)
				}
				s.later(after)
				s.until("its payment failed, as there is no card", func() bool {
					return s.one("select status from invoices where id = $1", invoice) == "past_due"
				})
				if st := s.state(); len(st.Customers) != 1 || len(st.Invoices) != 1 || len(st.Charges) != 0 {
					t.Errorf("%d customers, %d invoices, %d charges", len(st.Customers), len(st.Invoices), len(st.Charges))
				}
				s.card("4242") // what failed is charged to it at once
				s.until("paid", s.paid(invoice))
				s.chargedOnce(1)
			})
		}
	}
}

// TestAnAnswerThatDoesNotComeChargesOnce: the provider takes a request and the answer is lost; it refuses one; it has an error that it remembers.
func TestAnAnswerThatDoesNotComeChargesOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"accept", "refuse", "error"} {
		for _, request := range []string{"POST /v1/customers", "POST /v1/invoices", "POST /v1/invoiceitems", "POST /v1/invoices/", "GET /v1/invoices/"} {
			t.Run(mode+" "+request, func(t *testing.T) {
				t.Parallel()
				s := setup(t)
				if request != "POST /v1/customers" {
					s.card("4242")
				}
				s.tell("fault", map[string]any{"request": request, "exact": request == "POST /v1/invoices", "mode": mode})
				invoice := s.invoice("2026-000001")
				if request == "POST /v1/customers" {
					s.round()
					s.later(time.Minute)
					s.until("the customer is there", func() bool { return s.one("select count(*)::text from payment_accounts where customer <> ''") == "1" })
					s.card("4242")
				}
				s.until("paid", func() bool {
					s.later(10 * time.Second)
					return s.paid(invoice)()
				})
				s.chargedOnce(1)
			})
		}
	}
}

// TestManyWorkersChargeOnce: several control planes work at once on several invoices.
func TestManyWorkersChargeOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.card("4242")
	var invoices []string
	for i := range 6 {
		invoices = append(invoices, s.invoice(fmt.Sprintf("2026-%06d", i)))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				if err := s.worker(nil).Round(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, invoice := range invoices {
		s.until("paid", s.paid(invoice))
	}
	s.chargedOnce(6)
}

// TestWhatIsRefusedForGoodIsParked: an operator finds the reason, puts it right, and tries again.
func TestWhatIsRefusedForGoodIsParked(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.card("4242")
	invoice := s.invoice("2026-000001")
	if !s.dies("item/1:sent") {
		t.Fatal("the worker does not come there")
	}
	// Somebody adds a line at the provider by hand: its invoice is not ours any more, and nothing may be charged.
	in := s.state().Invoices[0]
	s.form("/v1/invoiceitems", fmt.Sprintf("customer=%s&invoice=%s&amount=1&currency=eur", in["customer"], in["id"]))
	s.later(time.Hour)
	s.until("parked", func() bool {
		return s.one("select state from payment_entries where invoice_id = $1", invoice) == "parked"
	})
	list, err := s.store.Outbox(t.Context(), "", true, 10)
	if err != nil || len(list) != 1 || list[0].Failure == "" {
		t.Fatalf("operators see %+v, %v", list, err)
	}
	t.Log(list[0].Failure)
	if st := s.state(); len(st.Charges) != 0 {
		t.Errorf("%d charges", len(st.Charges))
	}
	s.form("/v1/invoiceitems", fmt.Sprintf("customer=%s&invoice=%s&amount=-1&currency=eur", in["customer"], in["id"]))
	if _, err := s.store.Retry(t.Context(), list[0].ID, s.now()); err != nil {
		t.Fatal(err)
	}
	s.until("paid", s.paid(invoice))
	s.chargedOnce(1)
	if _, err := s.store.Retry(t.Context(), list[0].ID, s.now()); err == nil {
		t.Error("what is done is tried again")
	}
}

// TestADraftThatWasDeletedIsMadeAgain when an operator says so, and not before.
func TestADraftThatWasDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.card("4242")
	invoice := s.invoice("2026-000001")
	if !s.dies("item/1:intended") {
		t.Fatal("the worker does not come there")
	}
	s.do(http.MethodDelete, fmt.Sprintf("/v1/invoices/%s", s.state().Invoices[0]["id"]), "")
	s.later(time.Hour)
	s.until("parked", func() bool {
		return s.one("select state from payment_entries where invoice_id = $1", invoice) == "parked"
	})
	if _, err := s.store.Retry(t.Context(), s.one("select id from payment_entries"), s.now()); err != nil {
		t.Fatal(err)
	}
	s.until("paid", s.paid(invoice))
	s.chargedOnce(1)
}

// TestWhatWasIssuedBeforeIsNotCollected: an installation that names its key later does not charge old months.
func TestWhatWasIssuedBeforeIsNotCollected(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.exec("update payment_collection set since = $1", s.now().Add(time.Hour))
	s.invoice("2026-000001")
	s.round()
	if n := s.one("select count(*)::text from payment_entries"); n != "0" {
		t.Errorf("%s entries", n)
	}
}
