package rpc

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing/cost"
	"github.com/millwright-io/millwright/billing/rating"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// mostMargins bounds a list.
const mostMargins = 10_000

// ListMargins returns what every tenant was billed and what it cost us. The chain lets operators in only.
func (s *Server) ListMargins(ctx context.Context, req *usagev1.ListMarginsRequest) (*usagev1.ListMarginsResponse, error) {
	at := s.now()
	if req.GetMonth() != nil {
		if err := req.GetMonth().CheckValid(); err != nil {
			return nil, fmt.Errorf("month: %w: %w", err, tenancy.ErrInvalid)
		}
		at = req.GetMonth().AsTime()
	}
	period := rating.Month(at)
	rates, err := cost.Load()
	if err != nil {
		return nil, err
	}
	months, err := s.ledger.Months(ctx, period.Start, period.End, mostMargins)
	if err != nil {
		return nil, err
	}
	res := &usagev1.ListMarginsResponse{
		Start: timestamppb.New(period.Start), End: timestamppb.New(period.End), Rates: rates.Version, Currency: string(rates.Currency), CurrencyDigits: rates.Currency.Digits(),
	}
	for _, m := range months {
		margin, err := marginToProto(m, rates)
		if err != nil {
			return nil, fmt.Errorf("cost of tenant %s: %w", m.Tenant, err)
		}
		res.Margins = append(res.Margins, margin)
	}
	return res, nil
}

func marginToProto(m cost.Month, rates cost.Rates) (*usagev1.Margin, error) {
	costs, err := rates.Of(m.Used)
	if err != nil {
		return nil, err
	}
	out := &usagev1.Margin{TenantId: string(m.Tenant), Name: m.Name, CostMinor: int64(costs), Used: map[string]uint64{}}
	for _, r := range rates.Rates {
		if value := m.Used[r.Meter]; value > 0 {
			out.Used[string(r.Meter)] = value
		}
	}
	if !m.Invoiced {
		return out, nil
	}
	billed := int64(m.Billed)
	out.BilledMinor, out.BilledCurrency = &billed, string(m.Currency)
	if m.Currency == rates.Currency {
		left := billed - int64(costs)
		out.MarginMinor = &left
	}
	return out, nil
}
