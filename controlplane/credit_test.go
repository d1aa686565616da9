package controlplane_test

import (
	"net/http"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/billing/v1/billingv1connect"
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
