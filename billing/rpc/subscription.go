package rpc

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/change"
	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/subscription"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	subscriptionv1 "github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Subscriptions implements SubscriptionServiceHandler.
type Subscriptions struct {
	Changes *change.Service
	// Credits are what tenants paid in advance.
	Credits Credits
	// Limits are those of a plan in this installation, by name.
	Limits func(plan string) map[string]int64
}

// Credits reads what tenants paid in advance.
type Credits interface {
	Credits(ctx context.Context, id tenancy.ID) ([]contract.Credit, error)
}

// Get returns what the tenant pays by.
func (s *Subscriptions) Get(ctx context.Context, _ *subscriptionv1.GetRequest) (*subscriptionv1.GetResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	sub, err := s.Changes.Subscription(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	out, err := s.toProto(sub)
	return &subscriptionv1.GetResponse{Subscription: out}, err
}

// mostHistory bounds how many changes are shown.
const mostHistory = 100

func (s *Subscriptions) toProto(sub subscription.Subscription) (*subscriptionv1.Subscription, error) {
	book, err := s.Changes.Book()
	if err != nil {
		return nil, err
	}
	out := &subscriptionv1.Subscription{
		Plan: sub.Plan, Since: timestamppb.New(sub.Since), Currency: string(sub.Currency), CurrencyDigits: sub.Currency.Digits(), Region: sub.Region,
		Contract: contractToProto(sub.Contract),
	}
	if !sub.Until.IsZero() {
		out.Until = timestamppb.New(sub.Until)
	}
	if t, ok := sub.Trial(book); ok {
		out.TrialEnd = timestamppb.New(t.To)
	}
	if c, ok := sub.Pending(); ok {
		out.Pending = changeToProto(c)
	}
	for _, c := range slices.Backward(sub.History) {
		if c.Applied && len(out.GetHistory()) < mostHistory {
			out.History = append(out.History, changeToProto(c))
		}
	}
	return out, nil
}

func changeToProto(c subscription.Change) *subscriptionv1.PlanChange {
	return &subscriptionv1.PlanChange{
		Plan: c.Plan, EffectiveAt: timestamppb.New(c.EffectiveAt), RequestedAt: timestamppb.New(c.RequestedAt), RequestedBy: c.RequestedBy,
	}
}

func contractToProto(c contract.Contract) *subscriptionv1.Contract {
	if c.ID == "" {
		return nil
	}
	out := &subscriptionv1.Contract{
		ContractId: c.ID, Start: timestamppb.New(c.From), Currency: string(c.Currency), DiscountPercent: bound(c.Discount),
		Charges: chargesToProto(c.Charges),
	}
	if !c.To.IsZero() {
		out.End = timestamppb.New(c.To)
	}
	if c.Flat != nil {
		out.Flat = c.Flat.String()
	}
	if c.Minimum != nil {
		out.Minimum = c.Minimum.String()
	}
	return out
}

var models = map[price.Model]subscriptionv1.PriceModel{
	price.PerUnit: subscriptionv1.PriceModel_PRICE_MODEL_PER_UNIT, price.Package: subscriptionv1.PriceModel_PRICE_MODEL_PACKAGE,
	price.Graduated: subscriptionv1.PriceModel_PRICE_MODEL_GRADUATED, price.Volume: subscriptionv1.PriceModel_PRICE_MODEL_VOLUME,
}

func chargesToProto(list []price.Charge) (out []*subscriptionv1.Charge) {
	for _, c := range list {
		charge := &subscriptionv1.Charge{
			Meter: string(c.Meter), Model: models[c.Model], Per: c.Per, Included: c.Included, Minimum: bound(c.Minimum), Maximum: bound(c.Maximum),
		}
		for _, t := range c.Tiers {
			charge.Tiers = append(charge.Tiers, &subscriptionv1.Tier{UpTo: t.UpTo, Price: t.Price.String(), Flat: bound(t.Flat)})
		}
		out = append(out, charge)
	}
	return out
}

func chargesFromProto(list []*subscriptionv1.Charge) (out []price.Charge, err error) {
	for _, in := range list {
		c := price.Charge{Meter: billing.Meter(in.GetMeter()), Per: in.GetPer(), Included: in.GetIncluded()}
		for ours, theirs := range models {
			if theirs == in.GetModel() {
				c.Model = ours
			}
		}
		if c.Minimum, err = priceFromProto(in.GetMinimum()); err != nil {
			return nil, err
		}
		if c.Maximum, err = priceFromProto(in.GetMaximum()); err != nil {
			return nil, err
		}
		for _, t := range in.GetTiers() {
			tier := price.Tier{UpTo: t.GetUpTo()}
			if tier.Price, err = priceFromProto(t.GetPrice()); err != nil {
				return nil, err
			}
			if tier.Flat, err = priceFromProto(t.GetFlat()); err != nil {
				return nil, err
			}
			c.Tiers = append(c.Tiers, tier)
		}
		out = append(out, c)
	}
	return out, nil
}

// priceFromProto reads an empty price as nothing.
func priceFromProto(text string) (money.Price, error) {
	if text == "" {
		return money.Price{}, nil
	}
	return money.ParsePrice(text)
}

// bound writes a price of nothing as none.
func bound(p money.Price) string {
	if p.IsZero() {
		return ""
	}
	return p.String()
}

// ListPlans returns the plans of the price book in the tenant's currency.
func (s *Subscriptions) ListPlans(ctx context.Context, _ *subscriptionv1.ListPlansRequest) (*subscriptionv1.ListPlansResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	sub, err := s.Changes.Subscription(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	book, err := s.Changes.Book()
	if err != nil {
		return nil, err
	}
	res := &subscriptionv1.ListPlansResponse{Currency: string(sub.Currency), PriceBook: book.Version}
	for _, plan := range book.Plans {
		if rates, ok := plan.Currencies[sub.Currency]; ok {
			res.Plans = append(res.Plans, s.planToProto(plan, sub.Contract.Apply(rates), sub))
		}
	}
	return res, nil
}

func (s *Subscriptions) planToProto(plan price.Plan, rates price.Rates, sub subscription.Subscription) *subscriptionv1.Plan {
	known, _ := tenancy.PlanNamed(plan.Name)
	out := &subscriptionv1.Plan{
		Plan: plan.Name, Title: known.Title, Flat: rates.Flat.String(), Charges: chargesToProto(rates.Charges),
		TrialDays: int32(plan.TrialDays), Minimum: bound(rates.Minimum), Maximum: bound(rates.Maximum), //nolint:gosec // at most 365
		KeptDays: int32(known.Kept.Events), Current: plan.Name == sub.Plan, RegionFactor: rates.Factor(sub.Region).String(), //nolint:gosec // some years
	}
	limits := s.Limits(plan.Name)
	for _, l := range tenancy.Limits() {
		if maximum, ok := limits[l.Name]; ok {
			out.Limits = append(out.Limits, &subscriptionv1.PlanLimit{Name: l.Name, Maximum: maximum})
		}
	}
	return out
}

// ListCredits returns what the tenant paid in advance.
func (s *Subscriptions) ListCredits(ctx context.Context, _ *subscriptionv1.ListCreditsRequest) (*subscriptionv1.ListCreditsResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Credits.Credits(ctx, p.Tenant)
	res := &subscriptionv1.ListCreditsResponse{}
	for _, c := range list {
		res.Credits = append(res.Credits, creditToProto(c))
	}
	return res, err
}

var times = map[subscriptionv1.ChangeTime]change.Time{
	subscriptionv1.ChangeTime_CHANGE_TIME_NOW: change.Now, subscriptionv1.ChangeTime_CHANGE_TIME_PERIOD_END: change.PeriodEnd,
}

// PreviewChange returns what a change does to the bill.
func (s *Subscriptions) PreviewChange(ctx context.Context, req *subscriptionv1.PreviewChangeRequest) (*subscriptionv1.PreviewChangeResponse, error) {
	caller, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.Changes.Preview(ctx, caller.Tenant, req.GetPlan(), times[req.GetAt()])
	if err != nil {
		return nil, err
	}
	bills := func(d invoice.Draft) (now, forecast *invoicev1.Bill) {
		return billToProto(d.Now, d.Period, d.Currency), billToProto(d.Forecast, d.Period, d.Currency)
	}
	res := &subscriptionv1.PreviewChangeResponse{
		EffectiveAt: timestamppb.New(p.EffectiveAt), Etag: p.ETag, Obstacles: p.Obstacles,
		NextMonth: billToProto(p.NextMonth, p.NextPeriod, p.After.Currency),
	}
	res.Bill, res.Forecast = bills(p.Before)
	res.ChangedBill, res.ChangedForecast = bills(p.After)
	return res, nil
}

// ChangePlan books what was previewed.
func (s *Subscriptions) ChangePlan(ctx context.Context, req *subscriptionv1.ChangePlanRequest) (*subscriptionv1.ChangePlanResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	sub, err := s.Changes.Change(ctx, p, req.GetPlan(), times[req.GetAt()], req.GetEtag())
	if err != nil {
		return nil, err
	}
	out, err := s.toProto(sub)
	return &subscriptionv1.ChangePlanResponse{Subscription: out}, err
}

// CancelChange takes back a change that waits.
func (s *Subscriptions) CancelChange(ctx context.Context, _ *subscriptionv1.CancelChangeRequest) (*subscriptionv1.CancelChangeResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	sub, err := s.Changes.Cancel(ctx, p)
	if err != nil {
		return nil, err
	}
	out, err := s.toProto(sub)
	return &subscriptionv1.CancelChangeResponse{Subscription: out}, err
}
