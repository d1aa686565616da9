package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing/budget"
	"github.com/millwright-io/millwright/billing/money"
	budgetv1 "github.com/millwright-io/millwright/proto/gen/millwright/budget/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Budgets implements BudgetServiceHandler.
type Budgets struct{ Budgets *budget.Service }

// Get returns the budget and the month.
func (s *Budgets) Get(ctx context.Context, _ *budgetv1.GetRequest) (*budgetv1.GetResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	st, err := s.Budgets.Get(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	return budgetStateToProto(st), nil
}

// Set replaces the budget.
func (s *Budgets) Set(ctx context.Context, req *budgetv1.SetRequest) (*budgetv1.SetResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	st, err := s.Budgets.Set(ctx, p, budget.Budget{
		Amount: money.Amount(req.GetAmountMinor()), ActualPercents: ints(req.GetActualPercents()), ForecastPercents: ints(req.GetForecastPercents()),
		WhenSpent: budgetAction(req.GetWhenSpent(), budget.Notify), WhenCreditsSpent: budgetAction(req.GetWhenCreditsSpent(), budget.Overage),
		EventsPerSecond: int(req.GetThrottleEventsPerSecond()),
	})
	if err != nil {
		return nil, err
	}
	return &budgetv1.SetResponse{State: budgetStateToProto(st)}, nil
}

// Remove takes the budget away.
func (s *Budgets) Remove(ctx context.Context, _ *budgetv1.RemoveRequest) (*budgetv1.RemoveResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	return &budgetv1.RemoveResponse{}, s.Budgets.Remove(ctx, p)
}

// ListNotices returns what was told.
func (s *Budgets) ListNotices(ctx context.Context, _ *budgetv1.ListNoticesRequest) (*budgetv1.ListNoticesResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Budgets.Notices(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &budgetv1.ListNoticesResponse{}
	for _, n := range list {
		res.Notices = append(res.Notices, &budgetv1.Notice{
			Month: timestamppb.New(n.Month), Basis: budgetBases[n.Basis], Percent: int32(n.Percent), SpentMinor: int64(n.Spent), //nolint:gosec // at most 1000
			AmountMinor: int64(n.Amount), Currency: string(n.Currency), CurrencyDigits: n.Currency.Digits(), CreatedAt: timestamppb.New(n.CreatedAt),
		})
	}
	return res, nil
}

var budgetActions = map[budget.Action]budgetv1.Action{
	budget.Notify: budgetv1.Action_ACTION_NOTIFY, budget.Throttle: budgetv1.Action_ACTION_THROTTLE,
	budget.Block: budgetv1.Action_ACTION_BLOCK, budget.Overage: budgetv1.Action_ACTION_OVERAGE,
}

var budgetBases = map[budget.Basis]budgetv1.Basis{
	budget.Actual: budgetv1.Basis_BASIS_ACTUAL, budget.Forecast: budgetv1.Basis_BASIS_FORECAST, budget.Credits: budgetv1.Basis_BASIS_CREDITS,
}

func budgetAction(a budgetv1.Action, otherwise budget.Action) budget.Action {
	for ours, theirs := range budgetActions {
		if theirs == a {
			return ours
		}
	}
	return otherwise
}

func budgetStateToProto(st budget.State) *budgetv1.GetResponse {
	out := &budgetv1.GetResponse{
		Currency: string(st.Currency), CurrencyDigits: st.Currency.Digits(), SpentMinor: int64(st.Spent), ForecastMinor: int64(st.Forecast),
		Problem: st.Problem, Month: timestamppb.New(st.Month.Start),
	}
	if b := st.Budget; b != nil {
		out.Budget = &budgetv1.Budget{
			AmountMinor: int64(b.Amount), Currency: string(b.Currency), ActualPercents: int32s(b.ActualPercents), ForecastPercents: int32s(b.ForecastPercents),
			WhenSpent: budgetActions[b.WhenSpent], WhenCreditsSpent: budgetActions[b.WhenCreditsSpent],
			ThrottleEventsPerSecond: int32(b.EventsPerSecond), SetBy: b.SetBy, SetAt: timestamppb.New(b.SetAt), //nolint:gosec // at most a million
		}
	}
	if h := st.Hold; h != nil {
		out.Hold = &budgetv1.Hold{
			Action: budgetActions[h.Action], Basis: budgetBases[h.Basis], EventsPerSecond: int32(h.EventsPerSecond), Reason: h.Reason, //nolint:gosec // at most a million
			Since: timestamppb.New(h.Since), Until: timestamppb.New(h.Until),
		}
	}
	return out
}

func ints(list []int32) []int {
	out := make([]int, 0, len(list))
	for _, n := range list {
		out = append(out, int(n))
	}
	return out
}

func int32s(list []int) []int32 {
	out := make([]int32, 0, len(list))
	for _, n := range list {
		out = append(out, int32(n)) //nolint:gosec // at most 1000
	}
	return out
}
