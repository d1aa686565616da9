package selfaudit

import (
	"context"
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
}

type hourKey struct {
	tenant tenancy.ID
	hour   int64
}

// NewTotals returns a publisher over another one.
func NewTotals(publisher Publisher) *Totals {
	return &Totals{publisher: publisher, spoke: map[int]bool{}, hours: map[hourKey]map[int]engine.Total{}}
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
		newest = max(newest, total.Hour)
	}
	for key := range t.hours {
		if key.hour < newest-int64(kept/time.Second) {
			delete(t.hours, key)
		}
	}
	return nil
}

// Hour returns what was counted of the tenant's hour in the partitions that this process works on: none until each of them has spoken.
func (t *Totals) Hour(tenant tenancy.ID, hour time.Time) (c engine.Stored, partitions []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for partition, spoke := range t.spoke {
		if !spoke {
			return c, nil
		}
		partitions = append(partitions, partition)
	}
	for _, total := range t.hours[hourKey{tenant, hour.Unix()}] {
		v := total.Stored()
		c.Events, c.Points, c.Bytes = c.Events+v.Events, c.Points+v.Points, c.Bytes+v.Bytes
	}
	return c, partitions
}
