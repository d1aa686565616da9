package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/cost"
	"github.com/millwright-io/millwright/billing/reconciliation"
	"github.com/millwright-io/millwright/billing/rpc"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// ledger has one event in every hour of one tenant.
type ledger struct{ tenant tenancy.ID }

func (l ledger) Usage(_ context.Context, id tenancy.ID, start, end time.Time) (hours []billing.Hour, err error) {
	for at := start.Truncate(time.Hour); id == l.tenant && at.Before(end); at = at.Add(time.Hour) {
		hours = append(hours, billing.Hour{Start: at, Used: billing.Used{billing.MeterEvents: 1}})
	}
	return hours, nil
}

func (l ledger) Totals(_ context.Context, id tenancy.ID, start, end time.Time) (list []billing.Total, err error) {
	for at := start; id == l.tenant && at.Before(end); at = at.Add(time.Hour) {
		list = append(list, billing.Total{Tenant: id, Cell: "eu", Hour: at, Meter: billing.MeterEvents, Value: 1, Version: 2},
			billing.Total{Tenant: id, Cell: "eu", Hour: at, Meter: billing.MeterEngineSeconds, Value: 9, Version: 2})
	}
	return list, nil
}

func (l ledger) Mismatches(_ context.Context, id tenancy.ID, _ bool, _ int) (list []reconciliation.Mismatch, err error) {
	if id == l.tenant {
		list = append(list, reconciliation.Mismatch{Tenant: id, Kind: reconciliation.Ledger, Ledger: 3})
	}
	return list, nil
}

func (l ledger) AllMismatches(ctx context.Context, id tenancy.ID, resolved bool, limit int) ([]reconciliation.Mismatch, error) {
	return l.Mismatches(ctx, id, resolved, limit)
}

func (l ledger) Months(_ context.Context, start, _ time.Time, _ int) ([]cost.Month, error) {
	hours := billing.Used{billing.MeterEngineSeconds: 3_600_000_000, billing.MeterEvents: 5} // a thousand hours of the engine, 40 euros
	if !start.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		return nil, nil
	}
	return []cost.Month{
		{Tenant: "a", Used: hours, Invoiced: true, Billed: 9000, Currency: "EUR"},
		{Tenant: "b", Used: hours},
		{Tenant: "c", Used: hours, Invoiced: true, Billed: 9900, Currency: "USD"},
		{Tenant: "d"},
	}, nil
}

type plans struct{}

func (plans) Plan(context.Context, tenancy.ID) (string, int64, error) { return "team", 1000, nil }

var now = time.Date(2026, 3, 4, 5, 30, 0, 0, time.UTC)

func call(t *testing.T, p tenancy.Principal, req *usagev1.GetRequest) (*usagev1.GetResponse, error) {
	t.Helper()
	s := rpc.New(ledger{"a"}, plans{}, func() time.Time { return now })
	return s.Get(tenancy.WithPrincipal(t.Context(), p), req)
}

func TestUsageIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	res, err := call(t, tenancy.Principal{Tenant: "a", Subject: "s"}, &usagev1.GetRequest{})
	if err != nil || len(res.GetHours()) != 25 || res.GetToday().GetEvents() != 24 || res.GetEventsPerDay() != 1000 || res.GetPlan() != "team" {
		t.Errorf("%v, %v", res, err)
	}
	res, err = call(t, tenancy.Principal{Tenant: "b", Subject: "s"}, &usagev1.GetRequest{})
	if err != nil || res.GetToday().GetEvents() != 0 || len(res.GetHours()) != 25 {
		t.Errorf("another tenant: %v, %v", res, err)
	}
	if _, err := call(t, tenancy.Principal{Subject: "s"}, &usagev1.GetRequest{}); !errors.Is(err, tenancy.ErrConflict) {
		t.Errorf("no tenant: %v", err)
	}
}

func TestTheRangeIsLimited(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	at := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(now.Add(d)) }
	broken := &timestamppb.Timestamp{Seconds: 1 << 60}
	for name, c := range map[string]struct {
		start, end *timestamppb.Timestamp
		hours      int
		refusal    string
	}{
		"31 days":             {at(-31 * day), at(0), 31*24 + 1, ""},
		"31 days and an hour": {at(-31*day - time.Hour), at(0), 0, "longer than 31 days"},
		"one hour":            {at(-30 * time.Minute), at(0), 1, ""},
		"backwards":           {at(0), at(-time.Hour), 0, "before end"},
		"nothing":             {at(0), at(0), 0, "before end"},
		"no such end":         {nil, broken, 0, "end: "},
		"no such start":       {broken, nil, 0, "start: "},
	} {
		res, err := call(t, tenancy.Principal{Tenant: "a", Subject: "s"}, &usagev1.GetRequest{Start: c.start, End: c.end})
		switch {
		case c.refusal == "" && (err != nil || len(res.GetHours()) != c.hours):
			t.Errorf("%s: %d hours, %v; want %d", name, len(res.GetHours()), err, c.hours)
		case c.refusal != "" && (!errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), c.refusal)):
			t.Errorf("%s: %v, want %q", name, err, c.refusal)
		}
	}
}

func TestTotalsAndMismatchesAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	s := rpc.New(ledger{"a"}, plans{}, func() time.Time { return now })
	for tenant, want := range map[tenancy.ID]int{"a": 2, "b": 0} {
		ctx := tenancy.WithPrincipal(t.Context(), tenancy.Principal{Tenant: tenant, Subject: "s"})
		// From half past to half past touches two whole hours; our own cost is nobody else's business.
		totals, err := s.ListTotals(ctx, &usagev1.ListTotalsRequest{Start: timestamppb.New(now.Add(-time.Hour)), End: timestamppb.New(now)})
		if err != nil || len(totals.GetTotals()) != want {
			t.Errorf("tenant %s: %v, %v; want %d", tenant, totals, err, want)
		}
		differences, err := s.ListMismatches(ctx, &usagev1.ListMismatchesRequest{})
		if err != nil || len(differences.GetMismatches()) != want/2 {
			t.Errorf("tenant %s: %v, %v; want %d", tenant, differences, err, want/2)
		}
		if _, err := s.ListTotals(ctx, &usagev1.ListTotalsRequest{Start: timestamppb.New(now.Add(-25 * time.Hour)), End: timestamppb.New(now)}); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("more than a day: %v", err)
		}
	}
}

func TestAMarginIsBilledLessCostWhereBothAreKnown(t *testing.T) {
	t.Parallel()
	s := rpc.New(ledger{"a"}, plans{}, func() time.Time { return now })
	res, err := s.ListMargins(t.Context(), &usagev1.ListMarginsRequest{})
	if err != nil || len(res.GetMargins()) != 4 || res.GetCurrency() != "EUR" || !res.GetEnd().AsTime().Equal(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("%v, %v", res, err)
	}
	for i, want := range []struct {
		cost, margin int64
		billed, left bool
	}{{4000, 5000, true, true}, {4000, 0, false, false}, {4000, 0, true, false}, {0, 0, false, false}} {
		m := res.GetMargins()[i]
		if m.GetCostMinor() != want.cost || m.GetMarginMinor() != want.margin || (m.BilledMinor != nil) != want.billed || (m.MarginMinor != nil) != want.left {
			t.Errorf("%d: %v, want %+v", i, m, want)
		}
	}
	if res, err = s.ListMargins(t.Context(), &usagev1.ListMarginsRequest{Month: timestamppb.New(now.AddDate(0, -1, 0))}); err != nil || len(res.GetMargins()) != 0 {
		t.Errorf("another month: %v, %v", res, err)
	}
}
