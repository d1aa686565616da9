package postgres_test

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/price"
)

// TestADraftIsQuick makes the draft of a month whose every hour has eight meters in two partitions, after three closed months of
// the same: the whole of what the page waits for, but the network.
func TestADraftIsQuick(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.exec(t, `insert into usage_totals (tenant_id, hour, cell, partition, meter, value, version)
		select $1, h, 'eu', p, m, 1000000, 1 from generate_series('2026-11-01 00:00:00+00'::timestamptz, '2027-02-28 23:00:00+00', interval '1 hour') h,
		generate_series(0, 1) p, unnest(array['events', 'points', 'bytes', 'device_hours', 'storage_raw', 'storage_minutes', 'api_requests', 'query_seconds']) m`, id)
	now := time.Date(2027, 2, 28, 23, 30, 0, 0, time.UTC)
	b.closer(t, now).Round(t.Context())
	loaded, err := price.Load()
	if err != nil {
		t.Fatal(err)
	}
	drafts := invoice.NewService(loaded, b.Store, func() time.Time { return now })
	best := time.Hour
	for range 5 {
		start := time.Now()
		if d, err := drafts.Draft(t.Context(), id); err != nil || len(d.Now.Lines) < 8 {
			t.Fatal(d, err)
		}
		best = min(best, time.Since(start))
	}
	t.Logf("the draft took %s", best)
	if best > 200*time.Millisecond {
		t.Errorf("%s, want less than 200ms", best)
	}
}
