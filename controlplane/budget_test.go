package controlplane_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/billing/v1/billingv1connect"
	budgetv1 "github.com/millwright-io/millwright/proto/gen/millwright/budget/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/budget/v1/budgetv1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

func (s *stack) budgets(a as) budgetv1connect.BudgetServiceClient {
	return budgetv1connect.NewBudgetServiceClient(&http.Client{Transport: a}, s.url)
}

// billed makes a tenant old enough to pay, with events of this month that cost EUR 180 above the plan's fee of 90.
func (s *stack) billed(t *testing.T, id string) {
	t.Helper()
	month := time.Now().UTC().Format("2006-01") + "-01T00:00:00Z"
	s.asOwnerOfTables(t, "update tenants set created_at = created_at - interval '1 year' where id = $1", id)
	s.asOwnerOfTables(t, "update plan_changes set effective_at = effective_at - interval '1 year' where tenant_id = $1", id)
	s.asOwnerOfTables(t, `insert into usage_totals (tenant_id, hour, cell, partition, meter, value, version)
		values ($1, $2::timestamptz, 'eu-1', 0, 'events', 1000000000, 1)`, id, month)
}

// mailed counts the e-mails to an address with all these words.
func (m *mails) mailed(words ...string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, text := range m.taken {
		all := true
		for _, w := range words {
			all = all && strings.Contains(text, w)
		}
		if all {
			n++
		}
	}
	return n
}

// TestASpentBudgetRefusesEvents goes from no budget to one that is spent, which is told of and refuses, and back.
func TestASpentBudgetRefusesEvents(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_FINANCE)
	s.billed(t, id)
	budgets := s.budgets(key)
	state, err := budgets.Get(t.Context(), &budgetv1.GetRequest{})
	if err != nil || state.GetBudget() != nil || state.GetCurrency() != "EUR" || state.GetSpentMinor() != 27_000 {
		t.Fatalf("without a budget: %v, %v", state, err)
	}
	req := &budgetv1.SetRequest{AmountMinor: 20_000, ActualPercents: []int32{100, 50, 200}, WhenSpent: budgetv1.Action_ACTION_BLOCK}
	set, err := budgets.Set(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if h := set.GetState().GetHold(); h.GetAction() != budgetv1.Action_ACTION_BLOCK || !strings.Contains(h.GetReason(), "budget for ") || strings.Contains(h.GetReason(), "200") {
		t.Errorf("hold %v", h)
	}
	eventually(t, "the cell is told", func() bool {
		l := s.catalogLimits(t, id)
		return l.GetEventsRefused() && strings.Contains(l.GetEventsReason(), "budget for ")
	})
	if l := s.limit(t, key, tenancy.LimitEventsPerSecond); l.GetMaximum() != 0 || l.GetOverride().GetSetBy() != "budget" {
		t.Errorf("limit %v", l)
	}
	eventually(t, "two e-mails", func() bool { return s.mails.mailed("ada works: ", "% of the budget is spent", "EUR 270.00") >= 2 })

	// The same again tells of nothing and changes nothing.
	if _, err := budgets.Set(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	notices, err := budgets.ListNotices(t.Context(), &budgetv1.ListNoticesRequest{})
	if err != nil || len(notices.GetNotices()) != 2 || notices.GetNotices()[0].GetPercent() != 100 || notices.GetNotices()[1].GetPercent() != 50 {
		t.Errorf("notices %v, %v", notices, err)
	}

	req.WhenSpent, req.ThrottleEventsPerSecond = budgetv1.Action_ACTION_THROTTLE, 7
	if _, err := budgets.Set(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell is told of seven a second", func() bool {
		l := s.catalogLimits(t, id)
		return !l.GetEventsRefused() && l.GetEventsPerSecond() == 7 && l.GetEventsBurst() <= 7 && l.GetEventsReason() != ""
	})

	req.AmountMinor = 100_000
	if set, err = budgets.Set(t.Context(), req); err != nil || set.GetState().GetHold() != nil {
		t.Fatalf("raised: %v, %v", set, err)
	}
	eventually(t, "the plan's limit is back", func() bool {
		l := s.catalogLimits(t, id)
		return l.GetEventsPerSecond() > 7 && l.GetEventsReason() == ""
	})
	if n := s.mails.mailed("% of the budget is spent"); n != 2 {
		t.Errorf("%d e-mails, want 2", n)
	}
	if _, err := budgets.Remove(t.Context(), &budgetv1.RemoveRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err = budgets.Remove(t.Context(), &budgetv1.RemoveRequest{})
	s.wants(t, connect.CodeNotFound, "there is no budget", err)
}

func TestABudgetThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	for want, req := range map[string]*budgetv1.SetRequest{
		"amount_minor":      {},
		"with throttle":     {AmountMinor: 1, WhenSpent: budgetv1.Action_ACTION_THROTTLE},
		"none without":      {AmountMinor: 1, ThrottleEventsPerSecond: 5},
		"when_spent":        {AmountMinor: 1, WhenSpent: budgetv1.Action_ACTION_OVERAGE},
		"actual_percents":   {AmountMinor: 1, ActualPercents: []int32{0}},
		"forecast_percents": {AmountMinor: 1, ForecastPercents: []int32{1001}},
	} {
		_, err := s.budgets(key).Set(t.Context(), req)
		s.wants(t, connect.CodeInvalidArgument, want, err)
	}
}

// TestUsedUpCreditsRefuseEvents grants less than the month costs so far: what the budget says for used-up credits is done, until there
// are enough again.
func TestUsedUpCreditsRefuseEvents(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_FINANCE)
	s.billed(t, id)
	operators := billingv1connect.NewBillingServiceClient(&http.Client{Transport: as{cookie: "ops"}}, s.url)
	grant := func(minor int64) {
		t.Helper()
		req := &billingv1.GrantCreditRequest{
			TenantId: id, Currency: "EUR", AmountMinor: minor, ExpiresAt: timestamppb.New(time.Now().AddDate(1, 0, 0)), Reason: "paid in advance",
		}
		if _, err := operators.GrantCredit(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	set := func() *budgetv1.Hold {
		t.Helper()
		res, err := s.budgets(key).Set(t.Context(), &budgetv1.SetRequest{AmountMinor: 1_000_000, WhenCreditsSpent: budgetv1.Action_ACTION_BLOCK})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetState().GetHold()
	}
	if h := set(); h != nil {
		t.Errorf("without credits: %v", h)
	}
	grant(10_000)
	if h := set(); h.GetAction() != budgetv1.Action_ACTION_BLOCK || h.GetBasis() != budgetv1.Basis_BASIS_CREDITS {
		t.Errorf("with EUR 100.00 for a month of 270.00: %v", h)
	}
	eventually(t, "the cell is told", func() bool { return s.catalogLimits(t, id).GetEventsRefused() })
	eventually(t, "an e-mail", func() bool { return s.mails.mailed("prepaid credits are used up") == 1 })
	grant(50_000)
	if h := set(); h != nil {
		t.Errorf("with EUR 600.00: %v", h)
	}
	eventually(t, "the cell is told again", func() bool { return !s.catalogLimits(t, id).GetEventsRefused() })
}
