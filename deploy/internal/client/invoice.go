package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/durable"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
)

func invoiceCommands() []command.Command {
	return []command.Command{{
		Name: "invoice draft", Summary: "show what the current month costs so far, line by line, and what it will come to",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Invoices.GetDraft(ctx, &invoicev1.GetDraftRequest{})
			return c.answer(answer, err, func(w io.Writer) { printDraft(w, answer) })
		}),
	}, {
		Name: "invoice list", Summary: "list the invoices, the newest month first",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			req := &invoicev1.ListRequest{}
			size := fs.Int("limit", 24, "`number` of them, at most 100")
			fs.StringVar(&req.PageToken, "page", "", "the `token` that the page before ended with")
			return func(ctx context.Context, c *call) error {
				if *size < 1 || *size > 100 {
					return command.Usage("--limit %d: want 1 to 100", *size)
				}
				req.PageSize = int32(*size) //nolint:gosec // checked above
				answer, err := c.Invoices.List(ctx, req)
				return c.answer(answer, err, func(w io.Writer) {
					printInvoices(w, answer.GetInvoices())
					if token := answer.GetNextPageToken(); token != "" {
						_, _ = fmt.Fprintf(w, "more: --page %s\n", token)
					}
				})
			}
		}),
	}, {
		Name: "invoice show", Args: "INVOICE", Summary: "show an invoice, by its number or id, line by line",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Invoices.Get(ctx, &invoicev1.GetRequest{InvoiceId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printInvoice(w, answer.GetInvoice()) })
		}),
	}, {
		Name: "invoice usage", Args: "INVOICE LINE", Summary: "show what a line of usage was made of, hour by hour, as it was frozen",
		Prepare: plain(func(ctx context.Context, c *call) error {
			position, err := strconv.ParseInt(c.args[1], 10, 32)
			if err != nil || position < 1 {
				return command.Usage("line %q: want its place on the invoice, from 1", c.args[1])
			}
			answer, err := c.Invoices.GetLineUsage(ctx, &invoicev1.GetLineUsageRequest{InvoiceId: c.args[0], Position: int32(position)})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "HOUR "+strings.ToUpper(answer.GetLine().GetMeter()), func(row func(...any)) {
					for _, day := range answer.GetDays() {
						for _, h := range day.GetHours() {
							row(at(h.GetStart()), h.GetQuantity())
						}
					}
				})
				_, _ = fmt.Fprintf(w, "%d in all, snapshot %s\n", answer.GetLine().GetQuantity(), answer.GetLine().GetSnapshotId())
			})
		}),
	}, {
		Name: "invoice export", Args: "INVOICE FILE", Summary: "write an invoice into a file: PDF, CSV or JSON, as its name ends",
		Prepare: plain(exportInvoice),
	}}
}

func exportInvoice(ctx context.Context, c *call) error {
	forms := map[string]invoicev1.ExportForm{
		".pdf": invoicev1.ExportForm_EXPORT_FORM_PDF, ".csv": invoicev1.ExportForm_EXPORT_FORM_CSV, ".json": invoicev1.ExportForm_EXPORT_FORM_JSON,
	}
	file := c.args[1]
	form, ok := forms[strings.ToLower(filepath.Ext(file))]
	if !ok {
		return command.Usage("file %q: want a name that ends in .pdf, .csv or .json", file)
	}
	answer, err := c.Invoices.Export(ctx, &invoicev1.ExportRequest{InvoiceId: c.args[0], Form: form})
	if err == nil {
		err = durable.WriteFile(file, answer.GetContent(), 0o600)
	}
	return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "%s: %d bytes\n", file, len(answer.GetContent())) })
}

func printInvoices(w io.Writer, invoices []*invoicev1.Invoice) {
	table(w, "NUMBER PERIOD STATUS CURRENCY TOTAL DUE PAYABLE", func(row func(...any)) {
		for _, i := range invoices {
			row(i.GetNumber(), i.GetBill().GetStart().AsTime().Format("2006-01"), word(i.GetStatus(), "INVOICE_STATUS_"), i.GetBill().GetCurrency(),
				minor(i.GetBill().GetTotalMinor(), i.GetBill()), minor(i.GetDueMinor(), i.GetBill()), at(i.GetDueAt()))
		}
	})
}

func printInvoice(w io.Writer, i *invoicev1.Invoice) {
	bill := i.GetBill()
	_, _ = fmt.Fprintf(w, "invoice %s to %s, %s, issued %s, payable until %s\n", i.GetNumber(), i.GetTenantName(),
		word(i.GetStatus(), "INVOICE_STATUS_"), at(i.GetIssuedAt()), at(i.GetDueAt()))
	printLines(w, bill)
	_, _ = fmt.Fprintf(w, "%s to %s: %s %s, to be paid %s (price book %s)\nsha256 %s\n", at(bill.GetStart()), at(bill.GetEnd()),
		bill.GetCurrency(), minor(bill.GetTotalMinor(), bill), minor(i.GetDueMinor(), bill), i.GetPriceBook(), i.GetSha256())
	for _, n := range i.GetCreditNotes() {
		_, _ = fmt.Fprintf(w, "credit note %s of %s: %s %s, %s\n", n.GetNumber(), at(n.GetIssuedAt()), bill.GetCurrency(), minor(n.GetAmountMinor(), bill), n.GetReason())
	}
}

func printDraft(w io.Writer, answer *invoicev1.GetDraftResponse) {
	bill := answer.GetBill()
	printLines(w, bill)
	_, _ = fmt.Fprintf(w, "%s to %s, so far %s %s, at this pace %s %s (price book %s)\n", at(bill.GetStart()), at(bill.GetEnd()),
		bill.GetCurrency(), minor(bill.GetTotalMinor(), bill),
		bill.GetCurrency(), minor(answer.GetForecast().GetTotalMinor(), bill), answer.GetPriceBook())
}

func printLines(w io.Writer, bill *invoicev1.Bill) {
	table(w, "LINE FROM TO PLAN METER QUANTITY INCLUDED AMOUNT", func(row func(...any)) {
		for _, l := range bill.GetLines() {
			kind := strings.ToLower(strings.TrimPrefix(l.GetKind().String(), "LINE_KIND_"))
			if l.GetTrial() {
				kind += " (trial)"
			}
			row(kind, at(l.GetStart()), at(l.GetEnd()), l.GetPlan(), l.GetMeter(), l.GetQuantity(), l.GetIncluded(), minor(l.GetAmountMinor(), bill))
		}
	})
}

// minor writes minor units as major ones: 1250 cents are 12.50.
func minor(amount int64, bill *invoicev1.Bill) string {
	text := strconv.FormatInt(max(amount, -amount), 10)
	digits := int(bill.GetCurrencyDigits())
	if missing := digits + 1 - len(text); missing > 0 {
		text = strings.Repeat("0", missing) + text
	}
	if digits > 0 {
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	if amount < 0 {
		return "-" + text
	}
	return text
}
