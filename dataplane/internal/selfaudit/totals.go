package selfaudit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/tenancy"
)

// kept is how long an hour's totals are remembered.
const kept = 48 * time.Hour

// Publisher sends totals to the ledger.
type Publisher interface {
	Publish(ctx context.Context, partition int, totals []engine.Total) error
}

// Totals is a Publisher that remembers what another one sent. It is safe for concurrent use.
type Totals struct {
	publisher Publisher

	mu sync.Mutex
	// spoke are the partitions that this process works on, and whether they sent since it does: the first message of each has every
	// hour that it knows.
	spoke map[int]bool
	hours map[hourKey]map[int]engine.Total
	// changed are the hours of a tenant, by their start in Unix seconds, that changed since they were last asked for.
	changed map[tenancy.ID]map[int64]bool
}

type hourKey struct {
	tenant tenancy.ID
	hour   int64
}

// NewTotals returns a publisher over another one.
func NewTotals(publisher Publisher) *Totals {
	return &Totals{publisher: publisher, spoke: map[int]bool{}, hours: map[hourKey]map[int]engine.Total{}, changed: map[tenancy.ID]map[int64]bool{}}
}

// Begin says that this process works on a partition from now on.
func (t *Totals) Begin(partition int) { t.set(partition, true) }

// End says that it does not any more: what it sent is not the last word.
func (t *Totals) End(partition int) { t.set(partition, false) }

func (t *Totals) set(partition int, ours bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.spoke, partition)
	if ours {
		t.spoke[partition] = false
	}
	for _, partitions := range t.hours {
		delete(partitions, partition)
	}
}

// Publish sends totals and remembers those that were sent.
func (t *Totals) Publish(ctx context.Context, partition int, totals []engine.Total) error {
	if err := t.publisher.Publish(ctx, partition, totals); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ours := t.spoke[partition]; !ours {
		return nil
	}
	t.spoke[partition] = true
	newest := int64(0)
	for _, total := range totals {
		key := hourKey{total.Tenant, total.Hour}
		if t.hours[key] == nil {
			t.hours[key] = map[int]engine.Total{}
		}
		t.hours[key][partition] = total
		t.mark(total.Tenant, total.Hour)
		newest = max(newest, total.Hour)
	}
	for key := range t.hours {
		if key.hour < newest-int64(kept/time.Second) {
			delete(t.hours, key)
			delete(t.changed[key.tenant], key.hour)
		}
	}
	return nil
}

func (t *Totals) mark(tenant tenancy.ID, hour int64) {
	if t.changed[tenant] == nil {
		t.changed[tenant] = map[int64]bool{}
	}
	t.changed[tenant][hour] = true
}

// Settled returns the tenant's hours that ended by a time and changed since they were last returned, oldest first. Hand back with Again
// what could not be compared.
func (t *Totals) Settled(tenant tenancy.ID, by time.Time) (hours []time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for hour := range t.changed[tenant] {
		if start := time.Unix(hour, 0).UTC(); !start.Add(time.Hour).After(by) {
			hours = append(hours, start)
			delete(t.changed[tenant], hour)
		}
	}
	slices.SortFunc(hours, time.Time.Compare)
	return hours
}

// Again has Settled return hours once more.
func (t *Totals) Again(tenant tenancy.ID, hours []time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, hour := range hours {
		t.mark(tenant, hour.Unix())
	}
}

// Hour returns what was counted of the tenant's hour, by partition that this process works on and that has spoken.
func (t *Totals) Hour(tenant tenancy.ID, hour time.Time) map[int]engine.Total {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.hours[hourKey{tenant, hour.Unix()}]
	counted := map[int]engine.Total{}
	for partition, spoke := range t.spoke {
		if spoke {
			counted[partition] = known[partition]
		}
	}
	return counted
}
