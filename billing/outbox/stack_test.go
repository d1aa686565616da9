package outbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/billing/postgres"
	"github.com/millwright-io/millwright/billing/stripe"
	"github.com/millwright-io/millwright/billing/stripe/fake"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	key    = "sk_test_fake"
	secret = "whsec_test"
)

// stack is a database with one tenant, the stand-in for Stripe, and the endpoint that it tells its events.
type stack struct {
	t      *testing.T
	store  *postgres.Store
	owner  *pgx.Conn
	tenant tenancy.ID
	stripe string
	hook   string
	served *served

	mu      sync.Mutex
	offset  time.Duration // of the wall clock
	billing time.Time
}

// served notes whether the tenant is.
type served struct {
	mu  sync.Mutex
	log []string
}

func (s *served) SuspendForPayment(_ context.Context, _ tenancy.ID, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) > 0 && strings.HasPrefix(s.log[len(s.log)-1], "suspended") {
		return nil
	}
	s.log = append(s.log, "suspended: "+reason)
	return nil
}

func (s *served) ResumeAfterPayment(_ context.Context, _ tenancy.ID, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, "resumed")
	return nil
}

func setup(t *testing.T) *stack {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{t: t, tenant: tenancy.NewID(), served: &served{}, billing: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	if s.owner, err = pgx.ConnectConfig(t.Context(), cfg.ConnConfig); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.owner.Close(context.WithoutCancel(t.Context())) })
	s.exec("insert into tenants (id, name, slug, status, plan, cell, created_at) values ($1, 'Acme', 'acme', 'active', 'team', 'eu', now())", s.tenant)
	s.exec("insert into placements values ($1, 'eu')", s.tenant)
	s.exec("insert into members values ($1, 'p', 'ada@example.com', 'owner', now()), ($1, 'q', 'bob@example.com', 'viewer', now())", s.tenant)
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "set role "+migrations.AppRole)
		return err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s.store = postgres.New(pool)
	stand := fake.New(key)
	t.Cleanup(stand.Close)
	server := httptest.NewServer(stand)
	t.Cleanup(server.Close)
	s.stripe = server.URL
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ours := httptest.NewServer(stripe.Webhook(file, s.store, slog.New(slog.DiscardHandler), s.now))
	t.Cleanup(ours.Close)
	s.hook = ours.URL
	s.tell("webhooks", map[string]any{"url": ours.URL, "secret": secret})
	if err := s.store.BeginCollecting(t.Context(), s.billing.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stack) exec(statement string, args ...any) {
	s.t.Helper()
	if _, err := s.owner.Exec(s.t.Context(), statement, args...); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

func (s *stack) one(query string, args ...any) (text string) {
	s.t.Helper()
	if err := s.owner.QueryRow(s.t.Context(), query, args...).Scan(&text); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return text
}

// invoice freezes an invoice of two lines.
func (s *stack) invoice(number string) (id string) {
	s.t.Helper()
	id = string(tenancy.NewID())
	s.exec(`insert into invoices (id, tenant_id, number, period_start, period_end, final, tenant_name, currency, price_book, issued_at, due_at, subtotal_minor, tax_minor, total_minor,
		carried_minor, terms, sha256, status, status_at)
		values ($1, $2, $3, $4::timestamptz, $4::timestamptz + interval '1 day', false, 'Acme', 'EUR', '2026-11', $4, $4, 12345, 0, 12345, 0, '{}', sha256('x'), 'open', $4)`, id, s.tenant, number, s.now().Add(time.Duration(len(number))*time.Microsecond))
	s.exec(`insert into invoice_lines (tenant_id, invoice_id, position, kind, plan, meter, quantity, included, parts, reference, reason, trial, amount_minor)
		values ($1, $2, 1, 'flat', 'team', '', 1, 0, '[]', '', '', false, 13000), ($1, $2, 2, 'discount', '', '', 0, 0, '[]', '', '', false, -655)`, s.tenant, id)
	return id
}

func (s *stack) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.offset)
}

// later moves the wall clock, and Stripe's.
func (s *stack) later(d time.Duration) {
	s.mu.Lock()
	s.offset += d
	s.mu.Unlock()
	s.tell("advance", map[string]any{"seconds": int64(d / time.Second)})
}

func (s *stack) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.billing
}

// tell tells the stand-in what to do.
func (s *stack) tell(what string, q any) {
	s.t.Helper()
	s.ask(what, q, nil)
}

func (s *stack) ask(what string, q, answer any) {
	s.t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.stripe+"/_test/"+what, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %s", what, res.StatusCode, text)
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			s.t.Fatal(err)
		}
	}
}

// state is what the stand-in has.
type state struct {
	Customers, Invoices, Charges []map[string]any
	Answers                      map[string]int
	Waiting                      int
	Meters                       map[string]int64
}

func (s *stack) state() (st state) {
	s.t.Helper()
	s.ask("state", struct{}{}, &st)
	return st
}

func (s *stack) worker(crash func(string)) *outbox.Worker {
	return outbox.NewWorker(outbox.Deps{
		Store: s.store, Provider: stripe.New(key, s.stripe), Tenants: s.served, Policy: payment.Policy{Grace: 10 * 24 * time.Hour}, Origin: "http://console",
		Log: slog.New(slog.DiscardHandler), Now: s.now, Billing: s.clock, Crash: crash,
	})
}

// round works until nothing is due.
func (s *stack) round() {
	s.t.Helper()
	if err := s.worker(nil).Round(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// dies works until a point, at which the worker ends without another statement. It reports whether it came there.
func (s *stack) dies(at string) (died bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.worker(func(point string) {
			if point == at {
				died = true
				runtime.Goexit()
			}
		}).Round(s.t.Context())
	}()
	<-done
	return died
}

// card has a customer with a card that works.
func (s *stack) card(last4 string) (customer string) {
	s.t.Helper()
	customer, err := outbox.NewCustomers(s.store, stripe.New(key, s.stripe), s.now).Customer(s.t.Context(), s.tenant)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := stripe.New(key, s.stripe).Checkout(s.t.Context(), customer, "http://console"); err != nil {
		s.t.Fatal(err)
	}
	s.tell("card", map[string]any{"customer": customer, "last4": last4})
	s.until("the card is known", func() bool {
		return s.one("select card_last4 from payment_accounts where tenant_id = $1", s.tenant) == last4
	})
	return customer
}

// until works, and lets time pass, until something is so.
func (s *stack) until(what string, so func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !so() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: still not", what)
		}
		s.round()
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *stack) paid(invoice string) func() bool {
	return func() bool { return s.one("select status from invoices where id = $1", invoice) == "paid" }
}

// chargedOnce wants one charge of the invoice's amount for each of so many invoices.
func (s *stack) chargedOnce(invoices int) {
	s.t.Helper()
	st := s.state()
	if len(st.Customers) != 1 || len(st.Invoices) != invoices || len(st.Charges) != invoices {
		s.t.Errorf("%d customers, %d invoices, %d charges; want one customer and %d of each", len(st.Customers), len(st.Invoices), len(st.Charges), invoices)
	}
	for _, c := range st.Charges {
		if c["amount"] != 12345.0 || c["currency"] != "eur" || c["paid"] != true {
			s.t.Errorf("charged %v", c)
		}
	}
}
