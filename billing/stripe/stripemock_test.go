package stripe_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/metering"
	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/billing/stripe"
	"github.com/millwright-io/millwright/billing/stripe/fake"
	"github.com/millwright-io/millwright/tenancy"
)

const testKey = "sk_test_fake"

// mock is Stripe's own check of requests, started once for all tests of this package.
var mock struct {
	sync.Mutex
	url string
	cmd *exec.Cmd
}

func TestMain(m *testing.M) {
	code := m.Run()
	if mock.cmd != nil {
		_ = mock.cmd.Process.Kill()
		_ = mock.cmd.Wait()
	}
	os.Exit(code)
}

// stripeMock returns its URL. Without it a test is skipped; with CI=true it fails.
func stripeMock(t *testing.T) string {
	t.Helper()
	mock.Lock()
	defer mock.Unlock()
	binary, err := filepath.Abs("../../.tools/bin/stripe-mock")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("stripe-mock is missing: make test-go builds it: %v", err)
		}
		t.Skip("stripe-mock is missing: make test-go builds it")
	}
	for range 5 { // another process may take the port first
		if mock.url == "" {
			startMock(t, binary)
		}
	}
	if mock.url == "" {
		t.Fatal("stripe-mock does not listen")
	}
	return mock.url
}

// startMock leaves the URL empty when stripe-mock could not have its port.
func startMock(t *testing.T, binary string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	cmd := exec.Command(binary, "-http-addr", address) // TestMain ends it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/v1/customers/cus_x", nil)
		req.Header.Set("Authorization", "Bearer "+testKey)
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.Header.Get("Stripe-Mock-Version") != "" {
				mock.url, mock.cmd = "http://"+address, cmd
				return
			}
			break // somebody else has the port
		}
		if cmd.ProcessState != nil {
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

var bill = payment.Bill{
	Invoice: "inv", Number: "2026-000001", Name: "Acme", Currency: "EUR", Total: 900,
	Lines: []payment.Line{{Text: "plan fee", Amount: 1000}, {Text: "discount", Amount: -100}},
}

// cycle sends every kind of request that is ever sent, in the order of a life with Stripe, and returns what was refused.
func cycle(ctx context.Context, c *stripe.Client) map[string]error {
	failed := map[string]error{}
	note := func(what string, err error) {
		if err != nil {
			failed[what] = err
		}
	}
	id := tenancy.NewID()
	customer, err := c.CreateCustomer(ctx, "k/customer/"+string(id), id, "Acme")
	note("make a customer", err)
	_, _, err = c.FindCustomer(ctx, id)
	note("find a customer", err)
	_, err = c.Checkout(ctx, customer, "http://127.0.0.1/payments")
	note("open a checkout", err)
	_, err = c.Card(ctx, customer, true)
	note("adopt a card", err)
	_, err = c.Card(ctx, customer, false)
	note("read the card", err)
	_, err = c.Portal(ctx, customer, "http://127.0.0.1/payments")
	note("open the portal", err)
	note("make a meter", c.EnsureMeters(ctx, map[string]string{"millwright_events": "Events"}))
	note("count", c.Count(ctx, metering.Event{Meter: "millwright_events", Customer: customer, Identifier: "i/" + string(id), Amount: 7, Hour: time.Now().Add(-time.Hour)}))
	in, err := c.CreateInvoice(ctx, "k/invoice/"+string(id), customer, "entry", bill)
	note("make an invoice", err)
	_, _, err = c.FindInvoice(ctx, customer, "entry")
	note("find an invoice", err)
	for i := range bill.Lines {
		_, err = c.AddItem(ctx, "k/item/"+string(id)+string(rune('0'+i)), customer, in, i, bill)
		note("add a line", err)
	}
	_, _, err = c.FindItem(ctx, in, 1)
	note("find a line", err)
	note("finalize", c.Finalize(ctx, "k/finalize/"+string(id), in))
	_, err = c.Read(ctx, in)
	note("read an invoice", err)
	note("pay", c.Pay(ctx, "k/pay/"+string(id), in))
	return failed
}

// TestStripeMockAcceptsEveryRequest holds every kind of request against Stripe's own description of its API.
func TestStripeMockAcceptsEveryRequest(t *testing.T) {
	t.Parallel()
	url := stripeMock(t)
	for what, err := range cycle(t.Context(), stripe.New(testKey, url)) {
		t.Errorf("%s: %v", what, err)
	}
}

// TestTheFakeAcceptsEveryRequest sends the same to the stand-in.
func TestTheFakeAcceptsEveryRequest(t *testing.T) {
	t.Parallel()
	stand := fake.New(testKey)
	t.Cleanup(stand.Close)
	server := httptest.NewServer(stand)
	t.Cleanup(server.Close)
	for what, err := range cycle(t.Context(), stripe.New(testKey, server.URL)) {
		t.Errorf("%s: %v", what, err)
	}
}

// TestTheFakeAnswersInStripesShape compares the names and kinds of what both answer: everything that the stand-in says must be there in Stripe's own
// examples, with the same kind of value where that is not null.
func TestTheFakeAnswersInStripesShape(t *testing.T) {
	t.Parallel()
	described := stripeMock(t)
	stand := fake.New(testKey)
	t.Cleanup(stand.Close)
	server := httptest.NewServer(stand)
	t.Cleanup(server.Close)
	ids := map[string]string{}
	for _, q := range []struct{ path, form, keep string }{
		{"POST /v1/customers", "name=Acme&metadata[a]=b", "customer"},
		{"GET /v1/customers/CUSTOMER", "", ""},
		{"POST /v1/checkout/sessions", "mode=setup&customer=CUSTOMER&success_url=http://a.example&payment_method_types[0]=card", ""},
		{"POST /v1/billing_portal/sessions", "customer=CUSTOMER", ""},
		{"GET /v1/payment_methods", "customer=CUSTOMER&type=card", ""},
		{"POST /v1/invoices", "customer=CUSTOMER&currency=eur&auto_advance=false", "invoice"},
		{"POST /v1/invoiceitems", "customer=CUSTOMER&invoice=INVOICE&amount=7&currency=eur", ""},
		{"GET /v1/invoiceitems", "invoice=INVOICE", ""},
		{"POST /v1/invoices/INVOICE/finalize", "auto_advance=true", ""},
		{"GET /v1/invoices/INVOICE", "", ""},
		{"GET /v1/invoices", "customer=CUSTOMER", ""},
		{"GET /v1/charges", "customer=CUSTOMER", ""},
		{"POST /v1/billing/meters", "display_name=E&event_name=e&default_aggregation[formula]=sum", ""},
		{"GET /v1/billing/meters", "", ""},
		{"POST /v1/billing/meter_events", "event_name=e&identifier=i&payload[stripe_customer_id]=CUSTOMER&payload[value]=1", ""},
	} {
		answers := map[string]map[string]any{}
		for name, base := range map[string]string{"fake": server.URL, "mock": described} {
			replace := func(text string) string {
				return replaceIDs(text, ids[name+"/customer"], ids[name+"/invoice"])
			}
			status, answer := ask(t, base, replace(q.path), replace(q.form))
			if status != http.StatusOK {
				t.Fatalf("%s: the %s says %d: %v", q.path, name, status, answer)
			}
			answers[name] = answer
			if q.keep != "" {
				ids[name+"/"+q.keep], _ = answer["id"].(string)
			}
		}
		for _, wrong := range differences("", answers["fake"], answers["mock"]) {
			t.Errorf("%s: %s", q.path, wrong)
		}
	}
	for _, q := range []struct {
		path, form string
		status     int
	}{
		{"POST /v1/billing/meter_events", "identifier=x", 400},
		{"POST /v1/customers", "nonsense=1", 400},
	} {
		for name, base := range map[string]string{"fake": server.URL, "mock": described} {
			status, answer := ask(t, base, q.path, q.form)
			e, _ := answer["error"].(map[string]any)
			if (status != q.status && status != 404) || e["type"] != "invalid_request_error" {
				t.Errorf("%s %s: the %s says %d %v", q.path, q.form, name, status, answer)
			}
		}
	}
}
