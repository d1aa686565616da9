package controlplane_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/controlplane"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1/invoicev1connect"
	subscriptionv1 "github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1/subscriptionv1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

func (s *stack) subscriptions(a as) subscriptionv1connect.SubscriptionServiceClient {
	return subscriptionv1connect.NewSubscriptionServiceClient(&http.Client{Transport: a}, s.url)
}

func (s *stack) invoices(a as) invoicev1connect.InvoiceServiceClient {
	return invoicev1connect.NewInvoiceServiceClient(&http.Client{Transport: a}, s.url)
}

// byClock lets billing live by a file; set writes it.
func byClock(t *testing.T, at time.Time) (change func(*controlplane.Config), set func(time.Time)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clock")
	set = func(at time.Time) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(at.Format(time.RFC3339)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	set(at)
	return func(c *controlplane.Config) { c.BillingClock = file }, set
}

// TestAChangeOfPlanIsBookedAsItWasShown previews and books one, and holds the invoice against the preview.
func TestAChangeOfPlanIsBookedAsItWasShown(t *testing.T) {
	t.Parallel()
	month := time.Date(time.Now().UTC().Year(), time.Now().UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	now := month.AddDate(0, 1, 9).Add(10*time.Hour + 20*time.Minute) // in the month after: all of it is billed
	configure, set := byClock(t, now)
	s := setup(t, configure)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_FINANCE)
	s.provisioned(t, id)
	s.billed(t, id)
	plans := s.subscriptions(key)
	preview, err := plans.PreviewChange(t.Context(), &subscriptionv1.PreviewChangeRequest{Plan: "plant", At: subscriptionv1.ChangeTime_CHANGE_TIME_NOW})
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Truncate(time.Hour).Add(time.Hour); !preview.GetEffectiveAt().AsTime().Equal(want) || preview.GetChangedForecast().GetTotalMinor() <= preview.GetForecast().GetTotalMinor() {
		t.Errorf("preview %v", preview)
	}
	book := &subscriptionv1.ChangePlanRequest{Plan: "plant", At: subscriptionv1.ChangeTime_CHANGE_TIME_NOW, Etag: "something else"}
	_, err = plans.ChangePlan(t.Context(), book)
	s.wants(t, connect.CodeFailedPrecondition, "preview the change again", err)
	book.Etag = preview.GetEtag()
	before := time.Now()
	if _, err = plans.ChangePlan(t.Context(), book); err != nil {
		t.Fatal(err)
	}
	most, _ := tenancy.PlanNamed("plant")
	eventually(t, "the cell is told", func() bool {
		return int64(s.catalogLimits(t, id).GetEventsPerSecond()) == most.Limits[tenancy.LimitEventsPerSecond]
	})
	t.Logf("the cell's catalog had the limits after %s", time.Since(before).Round(time.Millisecond))
	_, err = plans.ChangePlan(t.Context(), book)
	s.wants(t, connect.CodeFailedPrecondition, "the one that you have", err)

	set(month.AddDate(0, 2, 1).Add(time.Hour))
	var bills []*invoicev1.Invoice
	eventually(t, "both months are closed", func() bool {
		answer, err := s.invoices(key).List(t.Context(), &invoicev1.ListRequest{})
		bills = answer.GetInvoices()
		return err == nil && len(bills) == 2
	})
	got, err := s.invoices(key).Get(t.Context(), &invoicev1.GetRequest{InvoiceId: bills[0].GetNumber()})
	if err != nil {
		t.Fatal(err)
	}
	bill := got.GetInvoice().GetBill()
	if want := preview.GetChangedForecast(); bill.GetTotalMinor() != want.GetTotalMinor() || len(bill.GetLines()) != len(want.GetLines()) {
		t.Errorf("shown %d, billed %d:\n%v\n%v", want.GetTotalMinor(), bill.GetTotalMinor(), want.GetLines(), bill.GetLines())
	}
	for _, form := range []invoicev1.ExportForm{invoicev1.ExportForm_EXPORT_FORM_UNSPECIFIED, invoicev1.ExportForm_EXPORT_FORM_CSV, invoicev1.ExportForm_EXPORT_FORM_JSON} {
		file, err := s.invoices(key).Export(t.Context(), &invoicev1.ExportRequest{InvoiceId: got.GetInvoice().GetInvoiceId(), Form: form})
		if err != nil || len(file.GetContent()) < 500 || !strings.Contains(file.GetFileName(), got.GetInvoice().GetNumber()) {
			t.Errorf("%s: %s, %d bytes, %v", form, file.GetFileName(), len(file.GetContent()), err)
		}
	}
	s.isSharedOut(t, key, bills[1].GetNumber())
	events := slices.IndexFunc(bill.GetLines(), func(l *invoicev1.Line) bool { return l.GetMeter() == "events" })
	usage, err := s.invoices(key).GetLineUsage(t.Context(), &invoicev1.GetLineUsageRequest{InvoiceId: bills[0].GetInvoiceId(), Position: bill.GetLines()[events].GetPosition()})
	if err != nil || usage.GetLine().GetSnapshotId() != bill.GetLines()[events].GetSnapshotId() || len(usage.GetLine().GetSnapshotId()) != 64 {
		t.Errorf("%v, %v", usage, err)
	}
}

// isSharedOut shares an invoice with a line of events out to two facilities.
func (s *stack) isSharedOut(t *testing.T, a as, number string) {
	t.Helper()
	got, err := s.invoices(a).Get(t.Context(), &invoicev1.GetRequest{InvoiceId: number})
	if err != nil {
		t.Fatal(err)
	}
	events := int64(0)
	for _, l := range got.GetInvoice().GetBill().GetLines() {
		if l.GetMeter() == "events" {
			events += l.GetAmountMinor()
		}
	}
	answer, err := s.invoices(a).ShareOut(t.Context(), &invoicev1.ShareOutRequest{InvoiceId: number, Used: []*invoicev1.UsedBy{
		{Key: "north", Meters: map[string]uint64{"events": 1}}, {Key: "south", Meters: map[string]uint64{"events": 2, "points": 9}},
	}})
	if err != nil || len(answer.GetShares()) != 2 {
		t.Fatalf("%v, %v", answer, err)
	}
	north, south := answer.GetShares()[0], answer.GetShares()[1]
	if events == 0 || north.GetAmountMinor()+south.GetAmountMinor() != events || north.GetAmountMinor() != (events+1)/3 || south.GetUsed()["points"] != 9 {
		t.Errorf("events cost %d: %v", events, answer)
	}
	if subtotal := got.GetInvoice().GetBill().GetSubtotalMinor(); answer.GetRestMinor() != subtotal-events || answer.GetSubtotalMinor() != subtotal {
		t.Errorf("of %d: %v", subtotal, answer)
	}
	_, err = s.invoices(a).ShareOut(t.Context(), &invoicev1.ShareOutRequest{Used: []*invoicev1.UsedBy{{Key: "north", Meters: map[string]uint64{"smiles": 1}}}})
	s.wants(t, connect.CodeInvalidArgument, "there is no such", err)
	_, err = s.invoices(a).ShareOut(t.Context(), &invoicev1.ShareOutRequest{Used: []*invoicev1.UsedBy{{Key: "north"}, {Key: "north"}}})
	s.wants(t, connect.CodeInvalidArgument, "comes twice", err)
}

// TestAPlanChangesAtTheEndOfTheMonth waits for it, takes it back, and waits again.
func TestAPlanChangesAtTheEndOfTheMonth(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Hour)
	configure, set := byClock(t, now)
	s := setup(t, configure)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_FINANCE)
	s.provisioned(t, id)
	plans := s.subscriptions(key)
	wait := func() *subscriptionv1.Subscription {
		t.Helper()
		preview, err := plans.PreviewChange(t.Context(), &subscriptionv1.PreviewChangeRequest{Plan: "plant", At: subscriptionv1.ChangeTime_CHANGE_TIME_PERIOD_END})
		if err != nil {
			t.Fatal(err)
		}
		booked, err := plans.ChangePlan(t.Context(), &subscriptionv1.ChangePlanRequest{Plan: "plant", At: subscriptionv1.ChangeTime_CHANGE_TIME_PERIOD_END, Etag: preview.GetEtag()})
		if err != nil {
			t.Fatal(err)
		}
		return booked.GetSubscription()
	}
	if sub := wait(); sub.GetPlan() != "team" || sub.GetPending().GetPlan() != "plant" || sub.GetPending().GetEffectiveAt().AsTime().Day() != 1 {
		t.Errorf("%v", sub)
	}
	if answer, err := plans.CancelChange(t.Context(), &subscriptionv1.CancelChangeRequest{}); err != nil || answer.GetSubscription().GetPending() != nil {
		t.Errorf("%v, %v", answer, err)
	}
	_, err := plans.CancelChange(t.Context(), &subscriptionv1.CancelChangeRequest{})
	s.wants(t, connect.CodeNotFound, "no change of plan waits", err)
	set(wait().GetPending().GetEffectiveAt().AsTime())
	eventually(t, "the plan is the tenant's", func() bool {
		answer, err := plans.Get(t.Context(), &subscriptionv1.GetRequest{})
		return err == nil && answer.GetSubscription().GetPlan() == "plant" && answer.GetSubscription().GetPending() == nil
	})
}
