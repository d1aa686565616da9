package client

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
)

func invoiceCommands() []command.Command {
	return []command.Command{{
		Name: "invoice draft", Summary: "show what the current month costs so far, line by line, and what it will come to",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Invoices.GetDraft(ctx, &invoicev1.GetDraftRequest{})
			return c.answer(answer, err, func(w io.Writer) { printDraft(w, answer) })
		}),
	}}
}

func printDraft(w io.Writer, answer *invoicev1.GetDraftResponse) {
	bill := answer.GetBill()
	table(w, "LINE PLAN METER QUANTITY INCLUDED AMOUNT", func(row func(...any)) {
		for _, l := range bill.GetLines() {
			kind := strings.ToLower(strings.TrimPrefix(l.GetKind().String(), "LINE_KIND_"))
			if l.GetTrial() {
				kind += " (trial)"
			}
			row(kind, l.GetPlan(), l.GetMeter(), l.GetQuantity(), l.GetIncluded(), minor(l.GetAmountMinor(), bill))
		}
	})
	_, _ = fmt.Fprintf(w, "%s to %s, so far %s %s, at this pace %s %s (price book %s)\n", at(bill.GetStart()), at(bill.GetEnd()),
		bill.GetCurrency(), minor(bill.GetTotalMinor(), bill),
		bill.GetCurrency(), minor(answer.GetForecast().GetTotalMinor(), bill), answer.GetPriceBook())
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
