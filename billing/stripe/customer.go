package stripe

import (
	"context"
	"fmt"

	"github.com/stripe/stripe-go/v76"

	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/tenancy"
)

// The metadata by which what we made is found again.
const (
	metaTenant  = "millwright_tenant"
	metaInvoice = "millwright_invoice"
	metaEntry   = "millwright_entry"
	metaLine    = "millwright_line"
)

// CreateCustomer implements outbox.Provider.
func (c *Client) CreateCustomer(ctx context.Context, key string, id tenancy.ID, name string) (string, error) {
	made, err := c.customers.New(&stripe.CustomerParams{
		Params: with(ctx, key), Name: stripe.String(name), Metadata: map[string]string{metaTenant: string(id)},
	})
	if err != nil {
		return "", explain("make a customer", err)
	}
	return made.ID, nil
}

// FindCustomer implements outbox.Provider. Stripe's search knows a new customer after about a minute; it is asked after hours.
func (c *Client) FindCustomer(ctx context.Context, id tenancy.ID) (string, bool, error) {
	p := &stripe.CustomerSearchParams{SearchParams: stripe.SearchParams{Context: ctx, Query: fmt.Sprintf("metadata['%s']:'%s'", metaTenant, id), Limit: stripe.Int64(2), Single: true}}
	list := c.customers.Search(p)
	if list.Next() {
		return list.Customer().ID, true, nil
	}
	return "", false, explain("find a customer", list.Err())
}

// Card implements outbox.Provider.
func (c *Client) Card(ctx context.Context, customer string, adopt bool) (payment.Card, error) {
	p := &stripe.CustomerParams{Params: with(ctx, "")}
	p.AddExpand("invoice_settings.default_payment_method")
	found, err := c.customers.Get(customer, p)
	if err != nil {
		return payment.Card{}, explain("read a customer", err)
	}
	if found.Deleted {
		return payment.Card{}, nil
	}
	if s := found.InvoiceSettings; !adopt && s != nil && s.DefaultPaymentMethod != nil {
		return cardOf(s.DefaultPaymentMethod), nil
	}
	newest, err := c.newest(ctx, customer)
	if err != nil || newest == nil {
		return payment.Card{}, err
	}
	_, err = c.customers.Update(customer, &stripe.CustomerParams{
		Params: with(ctx, ""), InvoiceSettings: &stripe.CustomerInvoiceSettingsParams{DefaultPaymentMethod: stripe.String(newest.ID)},
	})
	if err != nil {
		return payment.Card{}, explain("make a card the one that is charged", err)
	}
	return cardOf(newest), nil
}

// newest is the card that was entered last; nil: there is none. Stripe lists the newest first.
func (c *Client) newest(ctx context.Context, customer string) (*stripe.PaymentMethod, error) {
	p := &stripe.PaymentMethodListParams{
		ListParams: stripe.ListParams{Context: ctx, Limit: stripe.Int64(1), Single: true}, Customer: stripe.String(customer), Type: stripe.String("card"),
	}
	list := c.methods.List(p)
	if list.Next() {
		return list.PaymentMethod(), nil
	}
	return nil, explain("list cards", list.Err())
}

func cardOf(m *stripe.PaymentMethod) payment.Card {
	if m == nil || m.Card == nil {
		return payment.Card{}
	}
	return payment.Card{Brand: string(m.Card.Brand), Last4: m.Card.Last4, Month: int(m.Card.ExpMonth), Year: int(m.Card.ExpYear)}
}

// Checkout implements payment.Provider: a page on which a card is entered for later payments.
func (c *Client) Checkout(ctx context.Context, customer, back string) (string, error) {
	made, err := c.checkouts.New(&stripe.CheckoutSessionParams{
		Params: with(ctx, ""), Mode: stripe.String(string(stripe.CheckoutSessionModeSetup)), Customer: stripe.String(customer),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}), SuccessURL: stripe.String(back + "?card=entered"), CancelURL: stripe.String(back),
	})
	if err != nil {
		return "", explain("open the page for a card", err)
	}
	return made.URL, nil
}

// Portal implements payment.Provider: Stripe's page of cards and receipts.
func (c *Client) Portal(ctx context.Context, customer, back string) (string, error) {
	made, err := c.portals.New(&stripe.BillingPortalSessionParams{Params: with(ctx, ""), Customer: stripe.String(customer), ReturnURL: stripe.String(back)})
	if err != nil {
		return "", explain("open the page of cards and receipts", err)
	}
	return made.URL, nil
}
