package outbox_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/metering"
	"github.com/millwright-io/millwright/billing/stripe"
)

// TestUsageIsToldOnce: answers are lost, processes end between sending and noting, an hour is counted again after it was frozen.
func TestUsageIsToldOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	customer := s.card("4242")
	hour := s.now().UTC().Truncate(time.Hour)
	s.exec("update payment_accounts set intended_at = $1", hour)
	for i, value := range []int{7, 5} {
		s.exec("insert into usage_totals (tenant_id, hour, cell, partition, meter, value, version) values ($1, $2, 'eu', $3, 'events', $4, 1), ($1, $2, 'eu', $3, 'bytes', 0, 1)", s.tenant, hour, i, value)
	}
	tell := func() error {
		return metering.NewTeller(s.store, stripe.New(key, s.stripe), slog.New(slog.DiscardHandler), s.now).Round(t.Context())
	}
	if err := tell(); err != nil {
		t.Fatal(err)
	}
	if n := s.one("select count(*)::text from payment_meter_events"); n != "0" {
		t.Errorf("%s events of an hour that goes on", n)
	}
	s.later(4 * time.Hour)
	s.tell("fault", map[string]any{"request": "POST /v1/billing/meter_events", "mode": "accept", "times": 3})
	if err := tell(); err == nil {
		t.Error("the answer was not lost")
	}
	s.exec("update usage_totals set value = 100, version = 2") // counted again, too late for the provider's meters
	s.later(time.Minute)
	for range 2 {
		if err := tell(); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.state().Meters[customer+"/millwright_events"]; got != 12 {
		t.Errorf("the provider counted %d, want 12", got)
	}
	if n := s.one("select count(*)::text from payment_meter_events where sent_at is not null and amount = 12"); n != "1" {
		t.Errorf("%s events are sent", n)
	}
	// A process ended after it had sent an event, and the provider has forgotten its name: it is not told twice.
	s.exec("update payment_meter_events set sent_at = null")
	s.later(26 * time.Hour)
	if err := tell(); err != nil {
		t.Fatal(err)
	}
	if got := s.state().Meters[customer+"/millwright_events"]; got != 12 {
		t.Errorf("the provider counted %d, want 12 still", got)
	}
}
