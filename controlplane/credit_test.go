package controlplane_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/billing/v1/billingv1connect"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
	subscriptionv1 "github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// books are what operators do about money.
func (s *stack) books(a as) billingv1connect.BillingServiceClient {
	return billingv1connect.NewBillingServiceClient(&http.Client{Transport: a}, s.url)
}

// TestATenantSeesWhatItPaidInAdvance grants credits to one of two tenants: who looks after its money sees them, the first to expire
// first, and the other tenant sees none.
func TestATenantSeesWhatItPaidInAdvance(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_FINANCE)
	_, other := s.found(t, "bob", tenantv1.Role_ROLE_FINANCE)
	for _, c := range []struct {
		minor  int64
		months int
		reason string
	}{{50_000, 12, "for a year"}, {10_000, 2, "for the trial line"}} {
		_, err := s.books(as{cookie: "ops"}).GrantCredit(t.Context(), &billingv1.GrantCreditRequest{
			TenantId: id, Currency: "EUR", AmountMinor: c.minor, ExpiresAt: timestamppb.New(time.Now().AddDate(0, c.months, 0)), Reason: c.reason,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	res, err := s.subscriptions(key).ListCredits(t.Context(), &subscriptionv1.ListCreditsRequest{})
	if err != nil || len(res.GetCredits()) != 2 {
		t.Fatal(res, err)
	}
	first := res.GetCredits()[0]
	if first.GetReason() != "for the trial line" || first.GetAmountMinor() != 10_000 || first.GetLeftMinor() != 10_000 || first.GetCurrency() != "EUR" || first.GetCurrencyDigits() != 2 || first.GetExpiresAt() == nil {
		t.Errorf("the first to expire: %v", first)
	}
	if res, err := s.subscriptions(other).ListCredits(t.Context(), &subscriptionv1.ListCreditsRequest{}); err != nil || len(res.GetCredits()) != 0 {
		t.Errorf("another tenant's: %v, %v", res, err)
	}
}

// TestATenantIsToldOfWhatOperatorsChange makes a contract and grants a credit: the platform's log has the amounts, and who reads the
// tenant's log without knowing its money learns of both, but of no amount.
func TestATenantIsToldOfWhatOperatorsChange(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_QUALITY)
	ops := as{cookie: "ops"}
	next := time.Now().UTC().AddDate(0, 1, 0)
	agree := func(currency, meter string) error {
		_, err := s.books(ops).CreateContract(t.Context(), &billingv1.CreateContractRequest{TenantId: id, Contract: &subscriptionv1.Contract{
			Start: timestamppb.New(time.Date(next.Year(), next.Month(), 1, 0, 0, 0, 0, time.UTC)), Currency: currency, Flat: "4711", Charges: []*subscriptionv1.Charge{{
				Meter: meter, Model: subscriptionv1.PriceModel_PRICE_MODEL_PER_UNIT, Per: 1, Tiers: []*subscriptionv1.Tier{{Price: "0.1"}},
			}},
		}})
		return err
	}
	s.wants(t, connect.CodeFailedPrecondition, "in JPY", agree("JPY", "events"))
	s.wants(t, connect.CodeInvalidArgument, "our own cost", agree("EUR", "engine_seconds"))
	if err := agree("EUR", "events"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.books(ops).GrantCredit(t.Context(), &billingv1.GrantCreditRequest{
		TenantId: id, Currency: "EUR", AmountMinor: 4711, ExpiresAt: timestamppb.New(next), Reason: "4711 paid",
	}); err != nil {
		t.Fatal(err)
	}
	told, err := s.audit(key).List(t.Context(), &auditv1.ListRequest{Action: "BillingService"})
	if err != nil || len(told.GetEntries()) != 2 {
		t.Fatalf("the tenant's log: %v, %v", told, err)
	}
	platform, err := s.platform(ops).ListAudit(t.Context(), &platformv1.ListAuditRequest{Object: "tenant/" + id, Outcome: auditv1.Outcome_OUTCOME_DONE})
	if err != nil || len(platform.GetEntries()) != 2 {
		t.Fatalf("the platform's log: %v, %v", platform, err)
	}
	for i, kind := range []string{"credit/", "contract/"} {
		if e := told.GetEntries()[i]; !strings.HasPrefix(e.GetObject(), kind) || strings.Contains(e.String(), "4711") || e.GetActor() != "ops@example.com" {
			t.Errorf("the tenant's log: %v", e)
		}
		if e := platform.GetEntries()[i]; !strings.HasPrefix(e.GetObject(), "tenant/"+id+"/"+kind) || !strings.Contains(e.GetAfterJson(), "4711") {
			t.Errorf("the platform's log: %v", e)
		}
	}
}
