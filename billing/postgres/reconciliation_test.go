package postgres_test

import (
	"maps"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/reconciliation"
	"github.com/millwright-io/millwright/tenancy"
)

// noted is a note of a partition's hour, made at a time.
func noted(id tenancy.ID, partition uint32, m billing.Meter, version, counted, stored uint64, at time.Time) reconciliation.Note {
	return reconciliation.Note{Tenant: id, Cell: "eu", Partition: partition, Hour: hour, Meter: m, Version: version, Counted: counted, Stored: stored, At: at}
}

func counted(id tenancy.ID, partition uint32, m billing.Meter, version, value uint64) billing.Total {
	return billing.Total{Tenant: id, Cell: "eu", Partition: partition, Hour: hour, Meter: m, Value: value, Version: version}
}

func TestWhatDoesNotReconcileIsFoundAndResolved(t *testing.T) {
	t.Parallel()
	store, a, b := setup(t)
	noteTime := hour.Add(time.Hour + 2*time.Minute)
	record := func(totals []billing.Total, notes ...reconciliation.Note) {
		t.Helper()
		if refused, err := store.Record(t.Context(), "eu", totals, notes); err != nil || refused != nil {
			t.Fatal(refused, err)
		}
	}
	looks := 0
	expect := func(now time.Time, want ...reconciliation.Kind) []reconciliation.Mismatch {
		t.Helper()
		looks++ // no two are at the same time
		found, err := store.Reconcile(t.Context(), a, hour.Add(-time.Hour), now.Add(time.Duration(looks)*time.Second))
		if err != nil || len(found) != len(want) {
			t.Fatalf("found %+v, %v; want %v", found, err, want)
		}
		for i, m := range found {
			if m.Kind != want[i] || m.Tenant != a || !m.Hour.Equal(hour) {
				t.Fatalf("found %+v, want %s", m, want[i])
			}
		}
		return found
	}
	record([]billing.Total{
		counted(a, 0, billing.MeterEvents, 9, 90), counted(a, 0, billing.MeterDuplicates, 9, 8), counted(a, 0, billing.MeterAccepted, 9, 98),
		counted(a, 0, billing.MeterDeviceHours, 9, 2), counted(b, 0, billing.MeterEvents, 1, 1),
	}, noted(a, 0, billing.MeterEvents, 9, 90, 90, noteTime), noted(a, 0, billing.MeterDeadLetters, 9, 0, 0, noteTime), noted(a, 0, billing.MeterDeviceHours, 9, 2, 2, noteTime),
		noted(b, 0, billing.MeterEvents, 1, 1, 0, noteTime))
	late := noteTime.Add(10 * time.Minute)
	expect(late)

	// A row went missing: the cell noted it later.
	record(nil, noted(a, 0, billing.MeterEvents, 9, 90, 89, noteTime.Add(time.Minute)))
	if m := expect(late, reconciliation.Rows)[0]; m.Ledger != 90 || m.Counted != 90 || m.Stored != 89 || m.Meter != billing.MeterEvents || m.Partition != 0 {
		t.Errorf("found %+v", m)
	}
	expect(late) // once
	// An older note changes nothing, a newer one that is equal resolves it.
	record(nil, noted(a, 0, billing.MeterEvents, 9, 90, 90, noteTime))
	if open, err := store.OpenMismatches(t.Context()); err != nil || open[reconciliation.Rows] != 1 {
		t.Errorf("open: %v, %v", open, err)
	}
	record(nil, noted(a, 0, billing.MeterEvents, 9, 90, 90, noteTime.Add(2*time.Minute)))
	expect(late)
	if open, err := store.OpenMismatches(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("open: %v, %v", open, err)
	}

	// The total of a newer note is on its way for a while; then it is missing.
	record(nil, noted(a, 0, billing.MeterEvents, 10, 91, 91, noteTime.Add(3*time.Minute)))
	expect(noteTime.Add(4 * time.Minute))
	expect(late, reconciliation.Ledger)
	record([]billing.Total{counted(a, 0, billing.MeterEvents, 10, 91)})
	if found := expect(late, reconciliation.Sum); found[0].Counted != 98 || found[0].Ledger != 99 {
		t.Errorf("accepted is not the sum: %+v", found)
	}
	record([]billing.Total{counted(a, 0, billing.MeterAccepted, 10, 99)})
	expect(late)

	// A total that no cell speaks of.
	record([]billing.Total{counted(a, 7, billing.MeterEvents, 1, 5)})
	expect(late)
	expect(hour.Add(4*time.Hour), reconciliation.Unnoted)

	// Tenant B has its own difference, which A does not see and operators do.
	if _, err := store.Reconcile(t.Context(), b, hour, late); err != nil {
		t.Fatal(err)
	}
	own, err := store.Mismatches(t.Context(), a, true, 100)
	if err != nil || len(own) != 4 || own[0].Kind != reconciliation.Unnoted || !own[0].ResolvedAt.IsZero() || own[1].ResolvedAt.IsZero() {
		t.Errorf("of tenant A: %+v, %v", own, err)
	}
	all, err := store.AllMismatches(t.Context(), "", false, 100)
	if err != nil || len(all) != 2 {
		t.Errorf("of all, open: %+v, %v", all, err)
	}
}

func TestAMonthOfAllTenantsHasWhatEachUsed(t *testing.T) {
	t.Parallel()
	store, a, b := setup(t)
	next := counted(a, 2, billing.MeterStoreSeconds, 1, 1)
	next.Hour = hour.AddDate(0, 1, 0)
	if refused, err := store.Record(t.Context(), "eu", []billing.Total{
		counted(a, 0, billing.MeterEngineSeconds, 1, 40), counted(a, 1<<21, billing.MeterEngineSeconds, 1, 2), counted(b, 0, billing.MeterStorageRaw, 1, 7), next,
	}, nil); err != nil || refused != nil {
		t.Fatal(refused, err)
	}
	start := time.Date(hour.Year(), hour.Month(), 1, 0, 0, 0, 0, time.UTC)
	months, err := store.Months(t.Context(), start, start.AddDate(0, 1, 0), 10)
	if err != nil || len(months) != 2 {
		t.Fatalf("%+v, %v", months, err)
	}
	for _, m := range months {
		want := billing.Used{billing.MeterEngineSeconds: 42}
		if m.Tenant == b {
			want = billing.Used{billing.MeterStorageRaw: 7}
		}
		if !maps.Equal(m.Used, want) || m.Invoiced {
			t.Errorf("%+v, want %v", m, want)
		}
	}
}
