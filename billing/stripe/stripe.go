// Package stripe is the one home of stripe-go: it asks Stripe for customers, invoices, cards and pages, and reads what Stripe tells us. It implements
// outbox.Provider and payment.Provider; the composition in controlplane imports it. What is charged is decided elsewhere: Stripe collects our
// frozen invoices as they are, see billing/README.md.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/billing/meter"
	"github.com/stripe/stripe-go/v76/billing/meterevent"
	portal "github.com/stripe/stripe-go/v76/billingportal/session"
	checkout "github.com/stripe/stripe-go/v76/checkout/session"
	"github.com/stripe/stripe-go/v76/customer"
	"github.com/stripe/stripe-go/v76/invoice"
	"github.com/stripe/stripe-go/v76/invoiceitem"
	"github.com/stripe/stripe-go/v76/paymentmethod"

	"github.com/millwright-io/millwright/billing/outbox"
)

// requestTimeout bounds one request, below the outbox's own patience.
const requestTimeout = 20 * time.Second

// maxSecret bounds a file with a secret.
const maxSecret = 1000

// Client asks Stripe.
type Client struct {
	customers customer.Client
	invoices  invoice.Client
	items     invoiceitem.Client
	methods   paymentmethod.Client
	checkouts checkout.Client
	portals   portal.Client
	meters    meter.Client
	events    meterevent.Client
}

// Open reads the secret key from the first line of a file. url is Stripe's API, empty for Stripe's own.
func Open(keyFile, url string) (*Client, error) {
	key, err := secrets(keyFile)
	if err != nil {
		return nil, fmt.Errorf("stripe key file: %w", err)
	}
	return New(key[0], url), nil
}

// New returns a client for a secret key. Telemetry is off, and so are the library's own repetitions: the outbox repeats, under keys that it recorded.
func New(key, url string) *Client {
	cfg := &stripe.BackendConfig{
		HTTPClient: &http.Client{Timeout: requestTimeout}, EnableTelemetry: stripe.Bool(false), MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	}
	if url != "" {
		cfg.URL = stripe.String(strings.TrimRight(url, "/"))
	}
	b := stripe.GetBackendWithConfig(stripe.APIBackend, cfg)
	return &Client{
		customers: customer.Client{B: b, Key: key}, invoices: invoice.Client{B: b, Key: key}, items: invoiceitem.Client{B: b, Key: key},
		methods: paymentmethod.Client{B: b, Key: key}, checkouts: checkout.Client{B: b, Key: key}, portals: portal.Client{B: b, Key: key},
		meters: meter.Client{B: b, Key: key}, events: meterevent.Client{B: b, Key: key},
	}
}

// secrets are the lines of a file, of which there is at least one.
func secrets(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if len(text) > maxSecret {
		return nil, fmt.Errorf("%s has %d bytes: want one secret a line", file, len(text))
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s is empty: write the secret into its first line", file)
	}
	return lines, nil
}

// with are the parameters that every request has.
func with(ctx context.Context, key string) stripe.Params {
	p := stripe.Params{Context: ctx}
	if key != "" {
		p.SetIdempotencyKey(key)
	}
	return p
}

// explain makes an error of stripe-go one of ours. Nothing of a request is in it but what Stripe says: its text names no secret.
func explain(what string, err error) error {
	if err == nil {
		return nil
	}
	var e *stripe.Error
	if !errors.As(err, &e) {
		return &outbox.Failure{Text: fmt.Sprintf("%s: stripe did not answer: %s", what, err.Error()), Err: err}
	}
	f := &outbox.Failure{Text: fmt.Sprintf("%s: stripe says %d: %s", what, e.HTTPStatusCode, e.Msg), Err: err}
	if e.RequestID != "" {
		f.Text += " (request " + e.RequestID + ")"
	}
	switch {
	case e.HTTPStatusCode == http.StatusUnauthorized || e.HTTPStatusCode == http.StatusForbidden:
		f.Text += ": look at the stripe key file"
		f.After = time.Minute
	case e.HTTPStatusCode == http.StatusTooManyRequests || e.HTTPStatusCode == http.StatusConflict:
	case e.HTTPStatusCode >= http.StatusInternalServerError:
	default:
		f.Final = true
	}
	if e.LastResponse != nil {
		f.Replayed = !f.Final && e.LastResponse.Header.Get("Idempotent-Replayed") == "true"
		if wait, err := time.ParseDuration(e.LastResponse.Header.Get("Retry-After") + "s"); err == nil && wait > 0 && wait <= time.Hour {
			f.After = wait
		}
	}
	return f
}
