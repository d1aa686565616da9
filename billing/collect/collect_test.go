package collect_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/collect"
	"github.com/millwright-io/millwright/billing/reconciliation"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

type ledger func([]billing.Total) error

func (l ledger) Record(_ context.Context, _ string, totals []billing.Total, _ []reconciliation.Note) ([]error, error) {
	return nil, l(totals)
}

func TestTakeRefusesWhatCannotBeRightAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	hour := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	good := func(change func(*usagev1.Total)) []byte {
		m := &usagev1.Total{
			TenantId: string(tenancy.NewID()), Cell: "eu", Partition: 1, Hour: timestamppb.New(hour), Meter: "events", Value: 7, Version: 3,
		}
		change(m)
		data, err := proto.Marshal(&usagev1.Totals{Totals: []*usagev1.Total{m}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var got []billing.Total
	c := collect.New(ledger(func(totals []billing.Total) error { got = totals; return nil }), slog.New(slog.DiscardHandler))
	if err := c.Take(t.Context(), "eu", good(func(*usagev1.Total) {})); err != nil || len(got) != 1 || got[0].Value != 7 || !got[0].Hour.Equal(hour) {
		t.Errorf("a good message: %+v, %v", got, err)
	}
	for name, data := range map[string][]byte{
		"rubbish":           []byte("rubbish"),
		"another cell":      good(func(m *usagev1.Total) { m.Cell = "us" }),
		"no tenant":         good(func(m *usagev1.Total) { m.TenantId = "" }),
		"no hour":           good(func(m *usagev1.Total) { m.Hour = nil }),
		"half an hour":      good(func(m *usagev1.Total) { m.Hour = timestamppb.New(hour.Add(30 * time.Minute)) }),
		"an absurd value":   good(func(m *usagev1.Total) { m.Value = math.MaxUint64 }),
		"an absurd version": good(func(m *usagev1.Total) { m.Version = math.MaxUint64 }),
	} {
		got = nil
		if err := c.Take(t.Context(), "eu", data); !errors.Is(err, collect.ErrUnreadable) || got != nil {
			t.Errorf("%s: %v, recorded %v", name, err, got)
		}
	}
	got = nil
	if err := c.Take(t.Context(), "eu", append(good(func(m *usagev1.Total) { m.Meter = "dollars" }), good(func(*usagev1.Total) {})...)); err != nil || len(got) != 1 || got[0].Meter != billing.MeterEvents {
		t.Errorf("a total of an unknown meter beside a good one: %v, recorded %v", err, got)
	}
	away := errors.New("away")
	c = collect.New(ledger(func([]billing.Total) error { return away }), slog.New(slog.DiscardHandler))
	if err := c.Take(t.Context(), "eu", good(func(*usagev1.Total) {})); !errors.Is(err, away) || errors.Is(err, collect.ErrUnreadable) {
		t.Errorf("a ledger that is away: %v", err)
	}
}
