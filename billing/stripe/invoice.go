package stripe

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/billing/payment"
)

// CreateInvoice implements outbox.Provider: an empty draft that takes nothing but the items that we add, and that Stripe does not touch before
// we finalize it.
func (c *Client) CreateInvoice(ctx context.Context, key, customer, entry string, b payment.Bill) (string, error) {
	made, err := c.invoices.New(&stripe.InvoiceParams{
		Params: with(ctx, key), Customer: stripe.String(customer), Currency: stripe.String(strings.ToLower(string(b.Currency))), AutoAdvance: stripe.Bool(false),
		CollectionMethod: stripe.String(string(stripe.InvoiceCollectionMethodChargeAutomatically)), PendingInvoiceItemsBehavior: stripe.String("exclude"),
		Description: stripe.String("Millwright invoice " + b.Number), Metadata: map[string]string{metaEntry: entry, metaInvoice: b.Invoice},
	})
	if err != nil {
		return "", explain("make an invoice", err)
	}
	return made.ID, nil
}

// FindInvoice implements outbox.Provider. Lists, unlike searches, know at once what was made. One that was voided does not count: it was put
// out of the way.
func (c *Client) FindInvoice(ctx context.Context, customer, entry string) (string, bool, error) {
	list := c.invoices.List(&stripe.InvoiceListParams{ListParams: stripe.ListParams{Context: ctx, Limit: stripe.Int64(100)}, Customer: stripe.String(customer)})
	for list.Next() {
		if in := list.Invoice(); in.Metadata[metaEntry] == entry && in.Status != stripe.InvoiceStatusVoid {
			return in.ID, true, nil
		}
	}
	return "", false, explain("find an invoice", list.Err())
}

// AddItem implements outbox.Provider.
func (c *Client) AddItem(ctx context.Context, key, customer, invoice string, line int, b payment.Bill) (string, error) {
	l := b.Lines[line]
	made, err := c.items.New(&stripe.InvoiceItemParams{
		Params: with(ctx, key), Customer: stripe.String(customer), Invoice: stripe.String(invoice), Amount: stripe.Int64(l.Amount),
		Currency: stripe.String(strings.ToLower(string(b.Currency))), Description: stripe.String(l.Text),
		Metadata: map[string]string{metaInvoice: b.Invoice, metaLine: strconv.Itoa(line)},
	})
	if err != nil {
		return "", explain("add a line to an invoice", err)
	}
	return made.ID, nil
}

// FindItem implements outbox.Provider.
func (c *Client) FindItem(ctx context.Context, invoice string, line int) (string, bool, error) {
	list := c.items.List(&stripe.InvoiceItemListParams{ListParams: stripe.ListParams{Context: ctx, Limit: stripe.Int64(100)}, Invoice: stripe.String(invoice)})
	for list.Next() {
		if item := list.InvoiceItem(); item.Metadata[metaLine] == strconv.Itoa(line) {
			return item.ID, true, nil
		}
	}
	return "", false, explain("find a line of an invoice", list.Err())
}

// Finalize implements outbox.Provider.
func (c *Client) Finalize(ctx context.Context, key, invoice string) error {
	_, err := c.invoices.FinalizeInvoice(invoice, &stripe.InvoiceFinalizeInvoiceParams{Params: with(ctx, key), AutoAdvance: stripe.Bool(true)})
	return explain("finalize an invoice", err)
}

// Read implements outbox.Provider.
func (c *Client) Read(ctx context.Context, invoice string) (outbox.Reading, error) {
	p := &stripe.InvoiceParams{Params: with(ctx, "")}
	p.AddExpand("payment_intent")
	in, err := c.invoices.Get(invoice, p)
	if err != nil {
		return outbox.Reading{}, explain("read an invoice", err)
	}
	r := outbox.Reading{
		Draft: in.Status == stripe.InvoiceStatusDraft, Total: in.Total, Currency: string(in.Currency), Charges: int(in.AttemptCount), State: payment.Pending,
	}
	switch in.Status {
	case stripe.InvoiceStatusPaid:
		r.State, r.PaidAt = payment.Paid, time.Now().UTC()
		if t := in.StatusTransitions; t != nil && t.PaidAt > 0 {
			r.PaidAt = time.Unix(t.PaidAt, 0).UTC()
		}
	case stripe.InvoiceStatusVoid, stripe.InvoiceStatusUncollectible:
		r.State = payment.Void
	case stripe.InvoiceStatusOpen:
		if in.Attempted {
			r.State, r.Decline = payment.Failed, declineOf(in)
		}
	case stripe.InvoiceStatusDraft:
	}
	return r, nil
}

func declineOf(in *stripe.Invoice) string {
	switch {
	case in.PaymentIntent != nil && in.PaymentIntent.LastPaymentError != nil:
		return in.PaymentIntent.LastPaymentError.Msg
	case in.LastFinalizationError != nil:
		return in.LastFinalizationError.Msg
	}
	return "there is no card that can be charged"
}

// Pay implements outbox.Provider. That the card was refused, or that it is paid already, is what reading the invoice will say.
func (c *Client) Pay(ctx context.Context, key, invoice string) error {
	_, err := c.invoices.Pay(invoice, &stripe.InvoicePayParams{Params: with(ctx, key)})
	var e *stripe.Error
	if errors.As(err, &e) && e.Type == stripe.ErrorTypeCard {
		return nil
	}
	return explain("charge a card again", err)
}
