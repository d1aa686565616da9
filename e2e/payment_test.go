package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1/invoicev1connect"
	paymentv1 "github.com/millwright-io/millwright/proto/gen/millwright/payment/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/payment/v1/paymentv1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

// steps are where the control plane is killed on an invoice's way to being paid: before and after each request to the payment provider.
var steps = []string{
	"customer:intended", "customer:sent", "invoice:intended", "invoice:sent", "item/0:intended", "item/0:sent", "finalize:intended", "finalize:sent", "payment:reading",
}

// cycle is an installation whose months a test lets end, and a stand-in for Stripe that collects its invoices.
type cycle struct {
	*stack.Stack
	provider, clock, crash string
	collector              *stack.ControlPlane
	payments               paymentv1connect.PaymentServiceClient
	invoices               invoicev1connect.InvoiceServiceClient
}

// TestBillingCycle lets a simulated plant run, months end, invoices freeze and be charged: with the control plane killed at every step of the first one,
// with answers lost for the second, with a refused card for the third. Each is charged exactly once.
func TestBillingCycle(t *testing.T) {
	c := startCycle(t)
	t.Run("killed at every step", c.killedAtEveryStep)
	t.Run("answers that do not come", c.answersLost)
	t.Run("a card that is refused", c.cardRefused)
}

func startCycle(t *testing.T) *cycle {
	t.Helper()
	dir := stack.TempDir(t)
	c := &cycle{clock: filepath.Join(dir, "clock"), crash: filepath.Join(dir, "crash"), provider: startStripe(t)}
	c.setClock(t, time.Now())
	secrets := map[string]string{}
	for name, text := range map[string]string{"key": "sk_test_fake", "secret": "whsec_e2e"} {
		secrets[name] = filepath.Join(dir, name)
		if err := os.WriteFile(secrets[name], []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.Stack = stack.Start(t, stack.Options{Demo: "plant", Args: []string{"--billing-clock", c.clock}})
	c.collector = c.StartControlPlane(t, []string{"MILLWRIGHT_CRASH_FILE=" + c.crash}, "--stripe-key-file="+secrets["key"],
		"--stripe-webhook-secret-file="+secrets["secret"], "--stripe-url="+c.provider)
	c.tell(t, "webhooks", map[string]any{"url": c.collector.URL + "/webhooks/stripe", "secret": "whsec_e2e"}, nil)
	c.payments = paymentv1connect.NewPaymentServiceClient(http.DefaultClient, c.collector.URL, stack.Bearer(c.Demo.APIKey))
	c.invoices = invoicev1connect.NewInvoiceServiceClient(http.DefaultClient, c.Demo.ControlURL, stack.Bearer(c.Demo.APIKey))
	stack.Eventually(t, 60*time.Second, "the plant's events are counted", func() error {
		usage, err := c.Usage(c.Demo.APIKey).Get(context.Background(), &usagev1.GetRequest{})
		if err == nil && usage.GetToday().GetEvents() == 0 {
			err = errors.New("none")
		}
		return err
	})
	return c
}

// startStripe runs the stand-in and returns its URL.
func startStripe(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(stack.Program(t, "./billing/cmd/stripe-fake"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		if url, ok := strings.CutPrefix(scan.Text(), "ready: "); ok {
			return url
		}
	}
	t.Fatal("the stand-in for Stripe did not start")
	return ""
}

func (c *cycle) setClock(t *testing.T, at time.Time) {
	t.Helper()
	next := c.clock + ".next"
	if err := os.WriteFile(next, []byte(at.UTC().Format(time.RFC3339)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, c.clock); err != nil {
		t.Fatal(err)
	}
}

// monthEnds lets n months from now end, with the grace for late usage, and returns that time.
func (c *cycle) monthEnds(t *testing.T, n int) time.Time {
	t.Helper()
	now := time.Now().UTC()
	at := time.Date(now.Year(), now.Month()+time.Month(n), 3, 0, 0, 0, 0, time.UTC)
	c.setClock(t, at)
	return at
}

// tell tells the stand-in what to do, or asks it.
func (c *cycle) tell(t *testing.T, what string, q, answer any) {
	t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(c.provider+"/_test/"+what, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", what, res.Status)
	}
	if answer != nil {
		if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
			t.Fatal(err)
		}
	}
}

// collected is what the stand-in has.
type collected struct {
	Customers []struct {
		ID string `json:"id"`
	} `json:"customers"`
	Invoices []struct {
		Status   string            `json:"status"`
		Total    int64             `json:"total"`
		Metadata map[string]string `json:"metadata"`
	} `json:"invoices"`
	Charges []struct {
		Amount  int64  `json:"amount"`
		Invoice string `json:"invoice"`
		Paid    bool   `json:"paid"`
	} `json:"charges"`
}

func (c *cycle) collected(t *testing.T) (st collected) {
	t.Helper()
	c.tell(t, "state", struct{}{}, &st)
	return st
}

// owed are the invoices with something to pay, the newest first.
func (c *cycle) owed() ([]*invoicev1.Invoice, error) {
	answer, err := c.invoices.List(context.Background(), &invoicev1.ListRequest{})
	var list []*invoicev1.Invoice
	for _, in := range answer.GetInvoices() {
		if in.GetBill().GetTotalMinor() > 0 {
			list = append(list, in)
		}
	}
	return list, err
}

// has waits for so many invoices with something to pay, of which the newest stands so.
func (c *cycle) has(t *testing.T, n int, status invoicev1.InvoiceStatus) *invoicev1.Invoice {
	t.Helper()
	var list []*invoicev1.Invoice
	stack.Eventually(t, 60*time.Second, fmt.Sprintf("invoice %d is %s", n, status), func() (err error) {
		if list, err = c.owed(); err == nil && (len(list) != n || list[0].GetStatus() != status) {
			err = fmt.Errorf("%d invoices, %v", len(list), list)
		}
		return err
	})
	return list[0]
}

// chargedOnce wants one successful charge of its amount for every invoice with something to pay, and nothing else at the provider.
func (c *cycle) chargedOnce(t *testing.T) {
	t.Helper()
	list, err := c.owed()
	if err != nil {
		t.Fatal(err)
	}
	st := c.collected(t)
	due := map[int64]int{}
	for _, in := range list {
		due[in.GetBill().GetTotalMinor()]++
	}
	per := map[string]int{}
	for _, charge := range st.Charges {
		if charge.Paid {
			due[charge.Amount]--
			per[charge.Invoice]++
		}
	}
	for amount, n := range due {
		if n != 0 {
			t.Errorf("%d charges of %d are missing", n, amount)
		}
	}
	if len(st.Customers) != 1 || len(st.Invoices) != len(list) || len(per) != len(list) {
		t.Errorf("%d customers, %d invoices, %d of them charged; want 1, %d, %d", len(st.Customers), len(st.Invoices), len(per), len(list), len(list))
	}
	for _, in := range st.Invoices {
		if in.Status != "paid" || in.Metadata["millwright_invoice"] == "" {
			t.Errorf("at the provider: %+v", in)
		}
	}
}

func (c *cycle) killedAtEveryStep(t *testing.T) {
	c.arm(t, steps[0])
	c.monthEnds(t, 2) // the first month is trial
	for i, step := range steps {
		stack.Eventually(t, 30*time.Second, "the control plane is killed at "+step, func() error {
			if !c.collector.Killed() {
				return errors.New("it lives")
			}
			return nil
		})
		if step == "invoice:intended" { // the customer is there: its card is entered while nobody listens
			c.tell(t, "card", map[string]any{"customer": c.collected(t).Customers[0].ID, "last4": "4242"}, nil)
		}
		if i+1 < len(steps) {
			c.arm(t, steps[i+1])
		}
		c.collector.Launch(t)
	}
	in := c.has(t, 1, invoicev1.InvoiceStatus_INVOICE_STATUS_PAID)
	if in.GetPaymentReference() == "" {
		t.Error("the invoice does not say what the provider calls it")
	}
	c.chargedOnce(t)
	method, err := c.payments.GetPaymentMethod(context.Background(), &paymentv1.GetPaymentMethodRequest{})
	if err != nil || method.GetMethod().GetLast4() != "4242" {
		t.Errorf("the card is %v, %v", method, err)
	}
}

// arm has the control plane end at a step.
func (c *cycle) arm(t *testing.T, step string) {
	t.Helper()
	if err := os.WriteFile(c.crash, []byte(step), 0o644); err != nil {
		t.Fatal(err)
	}
}

// answersLost: the provider takes each request, and the connection is gone before its answer.
func (c *cycle) answersLost(t *testing.T) {
	for request, exact := range map[string]bool{"POST /v1/invoices": true, "POST /v1/invoiceitems": true, "POST /v1/invoices/": false} {
		c.tell(t, "fault", map[string]any{"request": request, "exact": exact, "mode": "accept", "times": 3}, nil)
	}
	c.monthEnds(t, 3)
	c.has(t, 2, invoicev1.InvoiceStatus_INVOICE_STATUS_PAID)
	c.chargedOnce(t)
}

// cardRefused goes over a failed payment and a suspension to a card that works.
func (c *cycle) cardRefused(t *testing.T) {
	ctx := context.Background()
	customer := c.collected(t).Customers[0].ID
	c.tell(t, "decline", map[string]any{"customer": customer, "times": 1}, nil)
	at := c.monthEnds(t, 4)
	c.has(t, 3, invoicev1.InvoiceStatus_INVOICE_STATUS_PAST_DUE)
	c.standing(t, paymentv1.Standing_STANDING_PAST_DUE, tenantv1.TenantStatus_TENANT_STATUS_ACTIVE)
	c.setClock(t, at.Add(15*24*time.Hour))
	c.standing(t, paymentv1.Standing_STANDING_SUSPENDED, tenantv1.TenantStatus_TENANT_STATUS_SUSPENDED)
	page, err := c.payments.CreateCheckout(ctx, &paymentv1.CreateCheckoutRequest{})
	if err != nil || !strings.HasPrefix(page.GetUrl(), "https://") {
		t.Fatalf("the page for a card: %v, %v", page, err)
	}
	c.tell(t, "card", map[string]any{"customer": customer, "last4": "1881"}, nil)
	c.has(t, 3, invoicev1.InvoiceStatus_INVOICE_STATUS_PAID)
	c.standing(t, paymentv1.Standing_STANDING_GOOD, tenantv1.TenantStatus_TENANT_STATUS_ACTIVE)
	c.chargedOnce(t)
}

// standing waits for how the tenant stands, and whether it is served.
func (c *cycle) standing(t *testing.T, want paymentv1.Standing, served tenantv1.TenantStatus) {
	t.Helper()
	stack.Eventually(t, 30*time.Second, want.String(), func() error {
		status, err := c.payments.GetStatus(context.Background(), &paymentv1.GetStatusRequest{})
		if err != nil {
			return err
		}
		tenant, err := c.Tenants(c.Demo.APIKey).Get(context.Background(), &tenantv1.GetRequest{})
		if err == nil && (status.GetStanding() != want || tenant.GetTenant().GetStatus() != served) {
			err = fmt.Errorf("%s, %s: %s", status.GetStanding(), tenant.GetTenant().GetStatus(), status.GetNextAction())
		}
		return err
	})
}
