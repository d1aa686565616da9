package client

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/millwright-io/millwright/deploy/internal/command"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	paymentv1 "github.com/millwright-io/millwright/proto/gen/millwright/payment/v1"
)

func paymentCommands() []command.Command {
	return []command.Command{{
		Name: "payment status", Summary: "show whether invoices are collected, whether a payment is overdue, and what happens next",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Payments.GetStatus(ctx, &paymentv1.GetStatusRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "COLLECTED STANDING OVERDUE SINCE SUSPENDED", func(row func(...any)) {
					row(answer.GetConfigured(), word(answer.GetStanding(), "STANDING_"), amount(answer.GetDueMinor(), answer.GetCurrency(), answer.GetCurrencyDigits()),
						at(answer.GetPastDueSince()), at(answer.GetSuspendedAt()))
				})
				_, _ = fmt.Fprintln(w, answer.GetNextAction())
			})
		}),
	}, {
		Name: "payment method", Summary: "show the card that invoices are charged to",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Payments.GetPaymentMethod(ctx, &paymentv1.GetPaymentMethodRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				m := answer.GetMethod()
				if m == nil {
					_, _ = fmt.Fprintln(w, "no card")
					return
				}
				table(w, "BRAND LAST4 EXPIRES", func(row func(...any)) {
					row(m.GetBrand(), m.GetLast4(), fmt.Sprintf("%02d/%d", m.GetExpiresMonth(), m.GetExpiresYear()))
				})
			})
		}),
	}, {
		Name: "payment list", Summary: "show what was collected or is being collected, newest first",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Payments.ListPayments(ctx, &paymentv1.ListPaymentsRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "INVOICE STATE AMOUNT PAID REFERENCE FAILURE", func(row func(...any)) {
					for _, p := range answer.GetPayments() {
						row(p.GetInvoiceNumber(), word(p.GetState(), "PAYMENT_STATE_"), amount(p.GetAmountMinor(), p.GetCurrency(), p.GetCurrencyDigits()), at(p.GetPaidAt()),
							p.GetReference(), p.GetFailure())
					}
				})
			})
		}),
	}, {
		Name: "payment checkout", Summary: "print the URL of the payment provider's page on which a card is entered",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Payments.CreateCheckout(ctx, &paymentv1.CreateCheckoutRequest{})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintln(w, answer.GetUrl()) })
		}),
	}, {
		Name: "payment portal", Summary: "print the URL of the payment provider's page of cards and receipts",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Payments.CreatePortal(ctx, &paymentv1.CreatePortalRequest{})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintln(w, answer.GetUrl()) })
		}),
	}, {
		Name: "payment failed", Summary: "show who owes a payment, the longest first; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Payments.ListFailed(ctx, &paymentv1.ListFailedRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "TENANT NAME STANDING OVERDUE SINCE SUSPENDED FAILURE", func(row func(...any)) {
					for _, d := range answer.GetDebtors() {
						row(d.GetTenantId(), d.GetName(), word(d.GetStanding(), "STANDING_"), amount(d.GetDueMinor(), d.GetCurrency(), d.GetCurrencyDigits()), at(d.GetPastDueSince()),
							at(d.GetSuspendedAt()), d.GetFailure())
					}
				})
			})
		}),
	}, {
		Name: "payment outbox", Summary: "show what is sent to the payment provider, what waits for an operator first; for operators of the installation",
		Prepare: signedInVerb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			tenant := fs.String("of", "", "of this `TENANT` only")
			parked := fs.Bool("parked", false, "only what waits for an operator")
			return func(ctx context.Context, c *call) error {
				answer, err := c.Payments.ListOutbox(ctx, &paymentv1.ListOutboxRequest{TenantId: *tenant, Parked: *parked})
				return c.answer(answer, err, func(w io.Writer) { printEntries(w, answer.GetEntries()) })
			}
		}),
	}, {
		Name: "payment retry", Args: "ENTRY", Summary: "take the step again at which an entry of the outbox stopped; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Payments.RetryEntry(ctx, &paymentv1.RetryEntryRequest{EntryId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printEntries(w, []*paymentv1.Entry{answer.GetEntry()}) })
		}),
	}, {
		Name: "payment events", Summary: "show what the payment provider told us, newest first; for operators of the installation",
		Prepare: signedInVerb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			unknown := fs.Bool("unknown", false, "only those of customers that nobody knows here")
			return func(ctx context.Context, c *call) error {
				answer, err := c.Payments.ListEvents(ctx, &paymentv1.ListEventsRequest{Unknown: *unknown})
				return c.answer(answer, err, func(w io.Writer) {
					table(w, "RECEIVED EVENT TYPE TENANT OBJECT OUTCOME", func(row func(...any)) {
						for _, e := range answer.GetEvents() {
							row(at(e.GetReceivedAt()), e.GetEventId(), e.GetType(), e.GetTenantId(), e.GetObject(), e.GetOutcome())
						}
					})
				})
			}
		}),
	}}
}

func printEntries(w io.Writer, entries []*paymentv1.Entry) {
	table(w, "ENTRY TENANT INVOICE STATE STEP ATTEMPTS DUE REFERENCE FAILURE", func(row func(...any)) {
		for _, e := range entries {
			row(e.GetEntryId(), e.GetTenantId(), e.GetInvoiceId(), word(e.GetState(), "ENTRY_STATE_"), e.GetStep(), e.GetAttempts(), at(e.GetDueAt()), e.GetReference(), e.GetFailure())
		}
	})
}

// amount writes an amount of money; none for nothing.
func amount(units int64, currency string, digits uint32) string {
	if currency == "" {
		return ""
	}
	return currency + " " + minor(units, &invoicev1.Bill{CurrencyDigits: digits})
}
