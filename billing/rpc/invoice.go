package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Invoices implements InvoiceServiceHandler.
type Invoices struct{ Invoices *invoice.Service }

// GetDraft returns the bill of the current month.
func (s *Invoices) GetDraft(ctx context.Context, _ *invoicev1.GetDraftRequest) (*invoicev1.GetDraftResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.Invoices.Draft(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	return &invoicev1.GetDraftResponse{
		Bill: billToProto(d.Now, d.Period, d.Currency), Forecast: billToProto(d.Forecast, d.Period, d.Currency), PriceBook: d.Book,
	}, nil
}

func billToProto(b rating.Bill, period rating.Period, c money.Currency) *invoicev1.Bill {
	out := &invoicev1.Bill{
		Start: timestamppb.New(period.Start), End: timestamppb.New(period.End), Currency: string(c), CurrencyDigits: c.Digits(),
		SubtotalMinor: int64(b.Subtotal), TaxMinor: int64(b.Tax), TotalMinor: int64(b.Total),
	}
	for _, l := range b.Lines {
		out.Lines = append(out.Lines, lineToProto(l))
	}
	return out
}

var kinds = map[rating.Kind]invoicev1.LineKind{
	rating.KindFlat: invoicev1.LineKind_LINE_KIND_FLAT, rating.KindUsage: invoicev1.LineKind_LINE_KIND_USAGE,
	rating.KindMinimum: invoicev1.LineKind_LINE_KIND_MINIMUM, rating.KindMaximum: invoicev1.LineKind_LINE_KIND_MAXIMUM,
	rating.KindDiscount: invoicev1.LineKind_LINE_KIND_DISCOUNT, rating.KindCoupon: invoicev1.LineKind_LINE_KIND_COUPON,
	rating.KindAdjustment: invoicev1.LineKind_LINE_KIND_ADJUSTMENT, rating.KindTax: invoicev1.LineKind_LINE_KIND_TAX,
	rating.KindCredit: invoicev1.LineKind_LINE_KIND_CREDIT,
}

func lineToProto(l rating.Line) *invoicev1.Line {
	out := &invoicev1.Line{
		Kind: kinds[l.Kind], Plan: l.Plan, Meter: string(l.Meter), Quantity: l.Quantity, Included: l.Included,
		Reference: l.Reference, Trial: l.Trial, AmountMinor: int64(l.Amount),
	}
	if !l.From.IsZero() {
		out.Start, out.End = timestamppb.New(l.From), timestamppb.New(l.To)
	}
	for _, p := range l.Parts {
		out.Parts = append(out.Parts, &invoicev1.Part{Quantity: p.Quantity, Price: p.Price.String(), Per: p.Per, Flat: p.Flat.String()})
	}
	return out
}
