package outbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/stripe/fake"
)

// bill moves the clock of billing.
func (s *stack) bill(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.billing = s.billing.Add(d)
}

func (s *stack) standing(want string) func() bool {
	return func() bool {
		return s.one("select standing from payment_accounts where tenant_id = $1", s.tenant) == want
	}
}

func (s *stack) letters() []string {
	rows, err := s.owner.Query(s.t.Context(), "select recipient || ': ' || subject from letters order by created_at, id")
	if err != nil {
		s.t.Fatal(err)
	}
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			s.t.Fatal(err)
		}
		list = append(list, text)
	}
	return list
}

const day = 24 * time.Hour

// TestWhoDoesNotPayIsSuspendedAndResumed goes from good standing over a failed payment, a reminder and the suspension back to good standing.
func TestWhoDoesNotPayIsSuspendedAndResumed(t *testing.T) {
	t.Parallel()
	s := setup(t)
	customer := s.card("4242")
	s.tell("decline", map[string]any{"customer": customer, "times": 3})
	invoice := s.invoice("2026-000001")
	s.until("past due", s.standing("past_due"))
	if status := s.one("select status from invoices where id = $1", invoice); status != "past_due" {
		t.Errorf("the invoice is %s", status)
	}
	s.bill(4 * day)
	s.round()
	if n := len(s.letters()); n != 1 {
		t.Errorf("letters after 4 days: %v", s.letters())
	}
	s.bill(day)
	s.until("reminded", func() bool { return len(s.letters()) == 2 })
	s.bill(5 * day)
	for _, point := range []string{"dunning:suspended"} { // a crash between the suspension and its note repeats neither
		if !s.dies(point) {
			t.Fatalf("the worker does not come to %s", point)
		}
	}
	s.later(5 * time.Minute)
	s.until("suspended", s.standing("suspended"))
	s.later(day) // the provider tries again, and is refused
	s.later(3 * day)
	s.round()
	if !s.standing("suspended")() {
		t.Error("it is not suspended any more")
	}
	s.later(5 * day) // and now it works
	s.until("good", s.standing("good"))
	s.until("paid", s.paid(invoice))
	if want := []string{"suspended", "resumed"}; len(s.served.log) != 2 || !strings.HasPrefix(s.served.log[0], want[0]) || s.served.log[1] != want[1] {
		t.Errorf("the control plane was asked %v", s.served.log)
	}
	want := []string{
		"ada@example.com: Acme: a payment failed", "ada@example.com: Acme: a payment is still overdue", "ada@example.com: Acme is suspended", "ada@example.com: Acme: paid, thank you",
	}
	if got := s.letters(); !slices.Equal(got, want) {
		t.Errorf("letters %v", got)
	}
	paid := 0
	for _, c := range s.state().Charges {
		if c["paid"] == true {
			paid++
		}
	}
	if paid != 1 {
		t.Errorf("%d charges succeeded", paid)
	}
}

// TestANewCardPaysWhatFailed: entering a card is all that a customer has to do.
func TestANewCardPaysWhatFailed(t *testing.T) {
	t.Parallel()
	s := setup(t)
	customer := s.card("0341")
	s.tell("decline", map[string]any{"customer": customer, "times": 1})
	invoice := s.invoice("2026-000001")
	s.until("past due", s.standing("past_due"))
	s.card("4242")
	s.until("paid", s.paid(invoice))
	s.until("good", s.standing("good"))
	if len(s.served.log) != 0 {
		t.Errorf("the control plane was asked %v", s.served.log)
	}
}

// TestTheOrderOfEventsIsOfNoAccount: they come twice, the wrong way round, late, and forged.
func TestTheOrderOfEventsIsOfNoAccount(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"twice", "reversed", "hold"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			customer := s.card("4242")
			s.tell("webhooks", map[string]any{"url": s.hook, "secret": secret, "mode": mode})
			s.tell("decline", map[string]any{"customer": customer, "times": 1})
			invoice := s.invoice("2026-000001")
			s.round()
			s.later(25 * time.Hour) // tried again, and paid
			if mode == "hold" {
				s.until("paid without an event", s.paid(invoice))
			}
			s.tell("webhooks", map[string]any{"url": s.hook, "secret": secret})
			s.until("paid", s.paid(invoice))
			s.until("all told", func() bool { return s.state().Waiting == 0 })
			s.round()
			if !s.paid(invoice)() || !s.standing("good")() {
				t.Error("an old event undid what a newer one said")
			}
			if st := s.state(); st.Answers["200"] == 0 || len(st.Answers) != 1 {
				t.Errorf("answers to events: %v", st.Answers)
			}
		})
	}
}

func (s *stack) post(body, signature string) (int, string) {
	s.t.Helper()
	return s.send(http.MethodPost, s.hook, body, map[string]string{"Stripe-Signature": signature})
}

// TestForgedEventsAreRefused, and those of customers that nobody knows are kept for operators.
func TestForgedEventsAreRefused(t *testing.T) {
	t.Parallel()
	s := setup(t)
	body := `{"id":"evt_1","object":"event","type":"invoice.paid","created":1,"data":{"object":{"id":"in_1","object":"invoice","customer":"cus_nobody"}}}`
	for what, signature := range map[string]string{
		"none": "", "rubbish": "t=1,v1=00", "another secret": fake.Sign([]byte(body), "whsec_other", time.Now()),
		"another body": fake.Sign([]byte(body+" "), secret, time.Now()), "old": fake.Sign([]byte(body), secret, time.Now().Add(-6*time.Minute)),
	} {
		if status, answer := s.post(body, signature); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
	if status, _ := s.post(strings.Repeat("x", 300<<10), "t=1,v1=00"); status != http.StatusBadRequest {
		t.Errorf("too long: %d", status)
	}
	for _, want := range []string{"noted\n", "noted before\n"} {
		if status, answer := s.post(body, fake.Sign([]byte(body), secret, time.Now())); status != http.StatusOK || answer != want {
			t.Errorf("%d %q, want %q", status, answer, want)
		}
	}
	// One that is about nobody, while there is an account without a customer.
	s.exec("insert into payment_accounts (tenant_id, customer_name, intended_at) values ($1, 'Acme', now())", s.tenant)
	nobody := `{"id":"evt_2","object":"event","type":"balance.available","created":1,"data":{"object":{"object":"balance"}}}`
	if status, answer := s.post(nobody, fake.Sign([]byte(nobody), secret, time.Now())); status != http.StatusOK {
		t.Errorf("an event about nobody: %d %s", status, answer)
	}
	list, err := s.store.Events(t.Context(), true, 10)
	if err != nil || len(list) != 2 || list[0].ID != "evt_2" || list[1].ID != "evt_1" || list[0].Tenant != "" {
		t.Errorf("operators see %+v, %v", list, err)
	}
}
