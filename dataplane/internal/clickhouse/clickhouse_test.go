package clickhouse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/migrations/chtest"
	"github.com/millwright-io/millwright/tenancy"
)

var at = time.Date(2026, 11, 24, 10, 0, 0, 123456789, time.UTC)

// setup returns a store and a provisioned tenant.
func setup(t testing.TB) (*Store, tenancy.ID) {
	t.Helper()
	server := chtest.New(t)
	s, err := New(Config{URL: server.URL, User: server.User, Password: server.Password, Secret: []byte(strings.Repeat("s", 32))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	tenant := tenancy.NewID()
	if err := s.Provision(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	return s, tenant
}

func event(tenant tenancy.ID, i int) *telemetry.Event {
	e := &telemetry.Event{
		Tenant: tenant, Device: fmt.Sprintf("press_%02d", i%3), Time: at.UnixNano() + int64(i), Received: at.UnixNano() + int64(i) + 5,
		Names: []string{"temperature", "vibration.x"}, Values: []float64{float64(i), 0.1}, Size: 560,
	}
	switch i % 3 {
	case 0:
		e.HasSequence, e.Epoch, e.Sequence = true, "boot-1", uint64(i)
	case 1:
		e.MessageID = fmt.Sprintf("m-%d", i)
	default:
		e.Names, e.Values, e.Attributes = []string{"temperature"}, e.Values[:1], fmt.Sprintf(`{"battery":%d}`, i)
	}
	return e
}

func TestEventsComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	var rows []engine.EventRow
	for i := range 1000 {
		rows = append(rows, engine.EventRow{Event: event(tenant, i), Sequence: 7, Index: uint32(i)})
	}
	for range 2 { // the second is the same insert
		if err := s.InsertEvents(t.Context(), tenant, 3, rows, "local/3/7-7/events"); err != nil {
			t.Fatal(err)
		}
	}
	var got []telemetry.Event
	err := s.Query(t.Context(), tenant, "select device, toUnixTimestamp64Nano(time), toUnixTimestamp64Nano(received), epoch, sequence, message_id,"+
		" names, values, attributes, size from events order by log_index", nil, func(r Rows) error {
		e := telemetry.Event{Tenant: tenant}
		err := r.Scan(&e.Device, &e.Time, &e.Received, &e.Epoch, &e.Sequence, &e.MessageID, &e.Names, &e.Values, &e.Attributes, &e.Size)
		e.HasSequence = e.Epoch != ""
		got = append(got, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := make([]telemetry.Event, 0, len(rows))
	for _, r := range rows {
		want = append(want, *r.Event)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored events differ (-want +got):\n%s", diff)
	}
	stored, err := s.StoredEvents(t.Context(), tenant, 3, 7, 7)
	if err != nil || len(stored) != 1000 || stored[Place{7, 999}] != 1 {
		t.Errorf("StoredEvents: %d places, error %v", len(stored), err)
	}
}

func TestWindowsAndDeadLettersAreStored(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	summary := engine.Summary{Count: 2, Sum: 3, Min: 1, Max: 2, First: 1, Last: 2, FirstTime: at.UnixNano(), LastTime: at.UnixNano() + 1}
	older := engine.WindowRow{Device: "press_01", Measurement: "temperature", Start: at.Unix(), Segment: 1, Version: 1, Summary: summary}
	newer := older
	newer.Version, newer.Summary.Count = 2, 3
	for i, row := range []engine.WindowRow{older, newer} {
		if err := s.InsertWindows(t.Context(), tenant, []engine.WindowRow{row}, fmt.Sprintf("w%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	var count uint64
	var last float64
	err := s.Query(t.Context(), tenant, "select count, last from minutes final", nil, func(r Rows) error { return r.Scan(&count, &last) })
	if err != nil || count != 3 || last != 2 {
		t.Errorf("window: count %d, last %v, error %v; want 3, 2", count, last, err)
	}
	letters := []DeadLetter{{Device: "press_01", Received: at.UnixNano(), Reason: "invalid_json", Detail: "line 1", Payload: []byte("{\x00\xff"), Protocol: "mqtt", Sequence: 9}}
	for range 2 {
		if err := s.InsertDeadLetters(t.Context(), tenant, SourceGateway, 0, letters, "d"); err != nil {
			t.Fatal(err)
		}
	}
	var payloads []string
	err = s.Query(t.Context(), tenant, "select payload from dead_letters", nil, func(r Rows) error {
		var p string
		defer func() { payloads = append(payloads, p) }()
		return r.Scan(&p)
	})
	if err != nil || len(payloads) != 1 || payloads[0] != "{\x00\xff" {
		t.Errorf("dead letters %q, error %v", payloads, err)
	}
}

func TestATenantReadsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	other := tenancy.NewID()
	if err := s.Provision(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	ignore := func(Rows) error { return nil }
	for _, text := range []string{
		"select * from " + other.Database() + ".events",
		"insert into events (device) values ('x')",
		"drop table events",
		"create table x (a UInt8) engine = Memory",
	} {
		if err := s.Query(t.Context(), tenant, text, nil, ignore); err == nil {
			t.Errorf("%s: want an error", text)
		}
	}
}

func TestAMissingDatabaseIsToldApart(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	tenant := tenancy.NewID()
	err := s.InsertEvents(t.Context(), tenant, 0, []engine.EventRow{{Event: event(tenant, 0), Sequence: 1}}, "t")
	if !NotProvisioned(err) || !Refused(err) {
		t.Errorf("NotProvisioned(%v) = false", err)
	}
}

func TestProvisioningTwiceIsProvisioning(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	if err := s.Provision(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
}

func TestQueriesRunUnderTheirSettings(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	var cache, threads, priority uint64
	err := s.Query(Quiet(t.Context()), tenant, "select toUInt64(getSetting('use_query_condition_cache')), toUInt64(getSetting('max_threads')), toUInt64(getSetting('priority'))",
		nil, func(rows Rows) error { return rows.Scan(&cache, &threads, &priority) })
	if err != nil || cache != 0 || threads != 1 || priority != 10 {
		t.Errorf("condition cache %d, threads %d, priority %d, error %v", cache, threads, priority, err)
	}
}
