package rpc

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/pdf"
	"github.com/millwright-io/millwright/billing/rating"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Invoices implements InvoiceServiceHandler.
type Invoices struct {
	Invoices *invoice.Service
	// Collected says that somebody collects what is billed.
	Collected bool
}

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
		Collected: s.Collected,
	}, nil
}

// List returns a page of the tenant's invoices.
func (s *Invoices) List(ctx context.Context, req *invoicev1.ListRequest) (*invoicev1.ListResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	var before time.Time
	if token := req.GetPageToken(); token != "" {
		if before, err = time.Parse(time.RFC3339, token); err != nil {
			return nil, fmt.Errorf("page_token %q: want the one of the page before: %w", token, tenancy.ErrInvalid)
		}
	}
	page, more, err := s.Invoices.List(ctx, p.Tenant, before, int(req.GetPageSize()))
	if err != nil {
		return nil, err
	}
	res := &invoicev1.ListResponse{}
	for _, i := range page {
		res.Invoices = append(res.Invoices, invoiceToProto(i))
	}
	if more {
		res.NextPageToken = page[len(page)-1].Period.Start.Format(time.RFC3339)
	}
	return res, nil
}

// Get returns an invoice with its lines.
func (s *Invoices) Get(ctx context.Context, req *invoicev1.GetRequest) (*invoicev1.GetResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	i, err := s.Invoices.Get(ctx, p.Tenant, req.GetInvoiceId())
	if err != nil {
		return nil, err
	}
	return &invoicev1.GetResponse{Invoice: invoiceToProto(i)}, nil
}

// GetLineUsage returns what a line of usage was made of.
func (s *Invoices) GetLineUsage(ctx context.Context, req *invoicev1.GetLineUsageRequest) (*invoicev1.GetLineUsageResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	line, usage, err := s.Invoices.LineUsage(ctx, p.Tenant, req.GetInvoiceId(), int(req.GetPosition()))
	if err != nil {
		return nil, err
	}
	res := &invoicev1.GetLineUsageResponse{Line: frozenLineToProto(int(req.GetPosition()), line)}
	var day *invoicev1.DayUsage
	for _, h := range usage.Hours {
		start := h.Hour.UTC().Truncate(24 * time.Hour)
		if day == nil || !day.GetStart().AsTime().Equal(start) {
			day = &invoicev1.DayUsage{Start: timestamppb.New(start)}
			res.Days = append(res.Days, day)
		}
		day.Quantity += h.Value
		day.Hours = append(day.Hours, &invoicev1.HourUsage{Start: timestamppb.New(h.Hour), Quantity: h.Value})
	}
	return res, nil
}

// exporters write an invoice as a file.
var exporters = map[invoicev1.ExportForm]struct {
	extension, mediaType string
	write                func(invoice.Invoice) ([]byte, error)
}{
	invoicev1.ExportForm_EXPORT_FORM_PDF:  {"pdf", "application/pdf", pdf.Invoice},
	invoicev1.ExportForm_EXPORT_FORM_CSV:  {"csv", "text/csv; charset=utf-8", invoice.CSV},
	invoicev1.ExportForm_EXPORT_FORM_JSON: {"json", "application/json", invoice.JSON},
}

// Export returns an invoice as a file.
func (s *Invoices) Export(ctx context.Context, req *invoicev1.ExportRequest) (*invoicev1.ExportResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	form := req.GetForm()
	if form == invoicev1.ExportForm_EXPORT_FORM_UNSPECIFIED {
		form = invoicev1.ExportForm_EXPORT_FORM_PDF
	}
	exporter, ok := exporters[form]
	if !ok {
		return nil, fmt.Errorf("form %s: want PDF, CSV or JSON: %w", form, tenancy.ErrInvalid)
	}
	i, err := s.Invoices.Get(ctx, p.Tenant, req.GetInvoiceId())
	if err != nil {
		return nil, err
	}
	content, err := exporter.write(i)
	if err != nil {
		return nil, err
	}
	return &invoicev1.ExportResponse{FileName: "invoice-" + i.Number + "." + exporter.extension, MediaType: exporter.mediaType, Content: content}, nil
}

var statuses = map[invoice.Status]invoicev1.InvoiceStatus{
	invoice.StatusOpen: invoicev1.InvoiceStatus_INVOICE_STATUS_OPEN, invoice.StatusPaid: invoicev1.InvoiceStatus_INVOICE_STATUS_PAID,
	invoice.StatusPastDue: invoicev1.InvoiceStatus_INVOICE_STATUS_PAST_DUE, invoice.StatusVoid: invoicev1.InvoiceStatus_INVOICE_STATUS_VOID,
	invoice.StatusUncollectible: invoicev1.InvoiceStatus_INVOICE_STATUS_UNCOLLECTIBLE,
}

func invoiceToProto(i invoice.Invoice) *invoicev1.Invoice {
	out := &invoicev1.Invoice{
		InvoiceId: i.ID, Number: i.Number, Status: statuses[i.Status], StatusAt: timestamppb.New(i.StatusAt), IssuedAt: timestamppb.New(i.IssuedAt),
		DueAt: timestamppb.New(i.DueAt), PriceBook: i.Book, TenantName: i.TenantName, Final: i.Final, CarriedMinor: int64(i.Carried),
		DueMinor: int64(i.Due()), Sha256: hex.EncodeToString(i.SHA256[:]), PaymentReference: i.PaymentReference,
		Bill: billToProto(rating.Bill{Subtotal: i.Subtotal, Tax: i.Tax, Total: i.Total}, i.Period, i.Currency),
	}
	for n, l := range i.Lines {
		out.Bill.Lines = append(out.Bill.Lines, frozenLineToProto(n+1, l))
	}
	for _, n := range i.Notes {
		out.CreditNotes = append(out.CreditNotes, noteToProto(n))
	}
	return out
}

func noteToProto(n invoice.Note) *invoicev1.CreditNote {
	return &invoicev1.CreditNote{Number: n.Number, IssuedAt: timestamppb.New(n.IssuedAt), AmountMinor: int64(n.Amount), Reason: n.Reason}
}

func frozenLineToProto(position int, l invoice.Line) *invoicev1.Line {
	out := lineToProto(l.Line)
	out.Position, out.Reason = int32(position), l.Reason //nolint:gosec // an invoice has fewer lines
	if l.HasSnapshot() {
		out.SnapshotId = hex.EncodeToString(l.Snapshot[:])
	}
	return out
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
