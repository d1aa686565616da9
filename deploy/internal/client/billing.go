package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	subscriptionv1 "github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1"
)

// billingCommands are for operators of the installation.
func billingCommands() []command.Command {
	return []command.Command{{
		Name: "invoice all", Summary: "list the invoices of all organisations, the newest first; for operators of the installation",
		Prepare: signedInVerb(allInvoices),
	}, {
		Name: "revenue", Summary: "show what was billed by month, and how it stands; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Billing.GetRevenue(ctx, &billingv1.GetRevenueRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "MONTH CURRENCY INVOICES TOTAL PAID OPEN PAST_DUE UNCOLLECTIBLE VOID CREDITED", func(row func(...any)) {
					for _, r := range answer.GetRevenue() {
						m := func(amount int64) string {
							return minor(amount, &invoicev1.Bill{CurrencyDigits: r.GetCurrencyDigits()})
						}
						row(r.GetMonth().AsTime().Format("2006-01"), r.GetCurrency(), r.GetInvoices(), m(r.GetTotalMinor()), m(r.GetPaidMinor()), m(r.GetOpenMinor()),
							m(r.GetPastDueMinor()), m(r.GetUncollectibleMinor()), m(r.GetVoidMinor()), m(r.GetCreditedMinor()))
					}
				})
			})
		}),
	}, {
		Name: "price-book", Summary: "show every version of the price book; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Billing.ListPriceBooks(ctx, &billingv1.ListPriceBooksRequest{})
			return c.answer(answer, err, func(w io.Writer) { printPriceBooks(w, answer.GetPriceBooks()) })
		}),
	}, {
		Name: "contract create", Args: "TENANT START", Summary: "agree on what holds for an organisation instead of the price book, from a month on (2027-01); for operators of the installation",
		Prepare: signedInVerb(createContract),
	}, {
		Name: "contract list", Args: "TENANT", Summary: "list an organisation's contracts; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Billing.ListContracts(ctx, &billingv1.ListContractsRequest{TenantId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printContracts(w, answer.GetContracts()...) })
		}),
	}, {
		Name: "contract end", Args: "TENANT CONTRACT END", Summary: "end a contract: END is the first month for which it does not hold; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			end, err := month(c.args[2])
			if err != nil {
				return err
			}
			answer, err := c.Billing.EndContract(ctx, &billingv1.EndContractRequest{TenantId: c.args[0], ContractId: c.args[1], End: end})
			return c.answer(answer, err, func(w io.Writer) { printContracts(w, answer.GetContract()) })
		}),
	}, {
		Name: "credit grant", Args: "TENANT AMOUNT", Summary: "note what an organisation paid in advance, in minor units such as cents; for operators of the installation",
		Prepare: signedInVerb(grantCredit),
	}, {
		Name: "credit list", Args: "TENANT", Summary: "list an organisation's credits and what is left of them; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Billing.ListCredits(ctx, &billingv1.ListCreditsRequest{TenantId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printCredits(w, answer.GetCredits()...) })
		}),
	}, {
		Name: "coupon create", Args: "CODE", Summary: "make a coupon; for operators of the installation",
		Prepare: signedInVerb(createCoupon),
	}, {
		Name: "coupon list", Summary: "list the coupons; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Billing.ListCoupons(ctx, &billingv1.ListCouponsRequest{})
			return c.answer(answer, err, func(w io.Writer) { printCoupons(w, answer.GetCoupons()...) })
		}),
	}, {
		Name: "coupon give", Args: "TENANT CODE", Summary: "take a coupon off an organisation's bills from this month on; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Billing.GiveCoupon(ctx, &billingv1.GiveCouponRequest{TenantId: c.args[0], Code: c.args[1]})
			return c.answer(answer, err, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "from %s on\n", answer.GetFirstMonth().AsTime().Format("2006-01"))
			})
		}),
	}, {
		Name: "invoice credit", Args: "TENANT INVOICE AMOUNT", Summary: "issue a credit note on an invoice, in minor units such as cents; for operators of the installation",
		Prepare: signedInVerb(issueCreditNote),
	}}
}

func printPriceBooks(w io.Writer, list []*billingv1.PriceBook) {
	table(w, "VERSION FROM HOLDS PLAN CURRENCY FEE TRIAL CHARGES", func(row func(...any)) {
		for _, b := range list {
			holds := ""
			if b.GetCurrent() {
				holds = "now"
			}
			for _, p := range b.GetPrices() {
				row(b.GetVersion(), b.GetStart().AsTime().Format("2006-01"), holds, p.GetPlan(), p.GetCurrency(), p.GetFlat(), fmt.Sprintf("%d days", p.GetTrialDays()), charges(p.GetCharges()))
			}
		}
	})
}

func allInvoices(fs *flag.FlagSet) func(context.Context, *call) error {
	req := &billingv1.ListInvoicesRequest{}
	size := fs.Int("limit", 50, "`number` of them, at most 200")
	status := fs.String("status", "", "only those that are open, paid, past_due, uncollectible or void")
	fs.StringVar(&req.TenantId, "tenant", "", "only those of the `ORGANISATION` with that id")
	fs.StringVar(&req.PageToken, "page", "", "the `token` that the page before ended with")
	return func(ctx context.Context, c *call) error {
		if *size < 1 || *size > 200 {
			return command.Usage("--limit %d: want 1 to 200", *size)
		}
		known, ok := invoicev1.InvoiceStatus_value["INVOICE_STATUS_"+strings.ToUpper(*status)]
		if *status != "" && !ok {
			return command.Usage("--status %q: want open, paid, past_due, uncollectible or void", *status)
		}
		req.PageSize, req.Status = int32(*size), invoicev1.InvoiceStatus(known) //nolint:gosec // checked above
		answer, err := c.Billing.ListInvoices(ctx, req)
		return c.answer(answer, err, func(w io.Writer) {
			table(w, "TENANT NAME NUMBER PERIOD STATUS CURRENCY TOTAL", func(row func(...any)) {
				for _, t := range answer.GetInvoices() {
					i := t.GetInvoice()
					row(t.GetTenantId(), i.GetTenantName(), i.GetNumber(), i.GetBill().GetStart().AsTime().Format("2006-01"), word(i.GetStatus(), "INVOICE_STATUS_"),
						i.GetBill().GetCurrency(), minor(i.GetBill().GetTotalMinor(), i.GetBill()))
				}
			})
			if token := answer.GetNextPageToken(); token != "" {
				_, _ = fmt.Fprintf(w, "more: --page %s\n", token)
			}
		})
	}
}

// month reads a UTC month, e.g. 2027-01.
func month(text string) (*timestamppb.Timestamp, error) {
	t, err := time.Parse("2006-01", text)
	if err != nil {
		return nil, command.Usage("month %q: want e.g. 2027-01", text)
	}
	return timestamppb.New(t), nil
}

func createContract(fs *flag.FlagSet) func(context.Context, *call) error {
	ct := &subscriptionv1.Contract{}
	end := fs.String("end", "", "first `MONTH` for which it does not hold, e.g. 2028-01 (default: until it is ended)")
	note := fs.String("note", "", "what it is for")
	charges := fs.String("charges", "", `JSON `+"`FILE`"+` with prices instead of the plan's, e.g. {"charges": [{"meter": "events", "model": "PRICE_MODEL_PER_UNIT", "per": 1000000, "tiers": [{"price": "0.15"}]}]}`)
	fs.StringVar(&ct.Currency, "currency", "EUR", "what its months are billed in")
	fs.StringVar(&ct.DiscountPercent, "discount", "", "`PERCENT` off fee and usage")
	fs.StringVar(&ct.Flat, "fee", "", "fee of a month instead of the plan's, e.g. 1200.00")
	fs.StringVar(&ct.Minimum, "minimum", "", "what a month costs at least")
	return func(ctx context.Context, c *call) (err error) {
		if ct.Start, err = month(c.args[1]); err != nil {
			return err
		}
		if *end != "" {
			if ct.End, err = month(*end); err != nil {
				return err
			}
		}
		if *charges != "" {
			if ct.Charges, err = readCharges(*charges); err != nil {
				return err
			}
		}
		answer, err := c.Billing.CreateContract(ctx, &billingv1.CreateContractRequest{TenantId: c.args[0], Contract: ct, Note: *note})
		return c.answer(answer, err, func(w io.Writer) { printContracts(w, answer.GetContract()) })
	}
}

func readCharges(file string) ([]*subscriptionv1.Charge, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, command.Usage("--charges: %s", err)
	}
	var from subscriptionv1.Contract
	if err := protojson.Unmarshal(text, &from); err != nil {
		return nil, command.Usage("--charges %s: %s", file, err)
	}
	return from.GetCharges(), nil
}

func printContracts(w io.Writer, list ...*subscriptionv1.Contract) {
	table(w, "CONTRACT START END CURRENCY DISCOUNT FEE MINIMUM CHARGES", func(row func(...any)) {
		for _, c := range list {
			row(c.GetContractId(), at(c.GetStart()), at(c.GetEnd()), c.GetCurrency(), c.GetDiscountPercent(), c.GetFlat(), c.GetMinimum(), len(c.GetCharges()))
		}
	})
}

// units reads an amount in minor units.
func units(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, command.Usage("amount %q: want a number of minor units, e.g. 1250 for 12.50", text)
	}
	return n, nil
}

func grantCredit(fs *flag.FlagSet) func(context.Context, *call) error {
	req := &billingv1.GrantCreditRequest{}
	expires := fs.Duration("expires-in", 365*24*time.Hour, "how long it can be used: it pays months that end by then")
	fs.StringVar(&req.Currency, "currency", "EUR", "of the amount")
	fs.StringVar(&req.Reason, "reason", "", "what it was granted for (required)")
	return func(ctx context.Context, c *call) (err error) {
		if req.AmountMinor, err = units(c.args[1]); err != nil {
			return err
		}
		if req.GetReason() == "" {
			return command.Usage("no reason: give one by --reason")
		}
		req.TenantId, req.ExpiresAt = c.args[0], timestamppb.New(c.env.Now().Add(*expires).Truncate(time.Second))
		answer, err := c.Billing.GrantCredit(ctx, req)
		return c.answer(answer, err, func(w io.Writer) { printCredits(w, answer.GetCredit()) })
	}
}

func printCredits(w io.Writer, list ...*subscriptionv1.Credit) {
	table(w, "CREDIT CURRENCY AMOUNT LEFT EXPIRES REASON", func(row func(...any)) {
		for _, c := range list {
			digits := &invoicev1.Bill{CurrencyDigits: c.GetCurrencyDigits()}
			row(c.GetCreditId(), c.GetCurrency(), minor(c.GetAmountMinor(), digits), minor(c.GetLeftMinor(), digits), at(c.GetExpiresAt()), c.GetReason())
		}
	})
}

func createCoupon(fs *flag.FlagSet) func(context.Context, *call) error {
	coupon := &billingv1.Coupon{}
	months := fs.Int("months", 1, "for how many months it holds, at most 120")
	fs.StringVar(&coupon.Percent, "percent", "", "`PERCENT` off, or an --amount")
	fs.Int64Var(&coupon.AmountMinor, "amount", 0, "minor units off, such as cents")
	fs.StringVar(&coupon.Currency, "currency", "", "of the amount")
	return func(ctx context.Context, c *call) error {
		if *months < 1 || *months > 120 {
			return command.Usage("--months %d: want 1 to 120", *months)
		}
		coupon.Code, coupon.Months = c.args[0], int32(*months) //nolint:gosec // checked above
		answer, err := c.Billing.CreateCoupon(ctx, &billingv1.CreateCouponRequest{Coupon: coupon})
		return c.answer(answer, err, func(w io.Writer) { printCoupons(w, answer.GetCoupon()) })
	}
}

func printCoupons(w io.Writer, list ...*billingv1.Coupon) {
	table(w, "CODE PERCENT AMOUNT_MINOR CURRENCY MONTHS", func(row func(...any)) {
		for _, c := range list {
			row(c.GetCode(), c.GetPercent(), c.GetAmountMinor(), c.GetCurrency(), c.GetMonths())
		}
	})
}

func issueCreditNote(fs *flag.FlagSet) func(context.Context, *call) error {
	reason := fs.String("reason", "", "why, in words that the organisation reads (required)")
	return func(ctx context.Context, c *call) error {
		amount, err := units(c.args[2])
		if err != nil {
			return err
		}
		if *reason == "" {
			return command.Usage("no reason: give one by --reason")
		}
		answer, err := c.Billing.IssueCreditNote(ctx, &billingv1.IssueCreditNoteRequest{TenantId: c.args[0], InvoiceId: c.args[1], AmountMinor: amount, Reason: *reason})
		return c.answer(answer, err, func(w io.Writer) { printInvoice(w, answer.GetInvoice()) })
	}
}
