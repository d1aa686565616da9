package rpc

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
)

// ListPriceBooks returns every version of the price book.
func (s *Billing) ListPriceBooks(context.Context, *billingv1.ListPriceBooksRequest) (*billingv1.ListPriceBooksResponse, error) {
	current, _ := s.Prices.At(rating.Month(s.Now()).Start) // before the first one none holds
	res := &billingv1.ListPriceBooksResponse{}
	for i, b := range slices.Backward(s.Prices) {
		out := &billingv1.PriceBook{Version: b.Version, Start: timestamppb.New(b.From), Current: b.Version == current.Version}
		if i+1 < len(s.Prices) {
			out.End = timestamppb.New(s.Prices[i+1].From)
		}
		for _, p := range b.Plans {
			for _, c := range slices.Sorted(maps.Keys(p.Currencies)) {
				prices := planPricesToProto(p.Currencies[c])
				prices.Plan, prices.Currency, prices.TrialDays = p.Name, string(c), int32(p.TrialDays) //nolint:gosec // at most 365
				out.Prices = append(out.Prices, prices)
			}
		}
		res.PriceBooks = append(res.PriceBooks, out)
	}
	return res, nil
}

func planPricesToProto(r price.Rates) *billingv1.PlanPrices {
	out := &billingv1.PlanPrices{
		Flat: r.Flat.String(), Charges: chargesToProto(r.Charges), Minimum: bound(r.Minimum), Maximum: bound(r.Maximum), RegionFactors: map[string]string{},
	}
	for region, factor := range r.Regions {
		out.RegionFactors[region] = factor.String()
	}
	return out
}
