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
	publisher  Publisher
	partitions int

	mu sync.Mutex
	// spoke are the partitions that sent since the start: the first message of each has every hour that it knows.
	spoke map[int]bool
	hours map[hourKey]map[int]engine.Total
}

type hourKey struct {
	tenant tenancy.ID
	hour   int64
}

// NewTotals returns a publisher over another one, for so many partitions.
func NewTotals(publisher Publisher, partitions int) *Totals {
	return &Totals{publisher: publisher, partitions: partitions, spoke: map[int]bool{}, hours: map[hourKey]map[int]engine.Total{}}
}

// Publish sends totals and remembers those that were sent.
func (t *Totals) Publish(ctx context.Context, partition int, totals []engine.Total) error {
	if err := t.publisher.Publish(ctx, partition, totals); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
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

// Hour returns what was counted of the tenant's hour; known is false until every partition has spoken since the start.
func (t *Totals) Hour(tenant tenancy.ID, hour time.Time) (c engine.Stored, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, total := range t.hours[hourKey{tenant, hour.Unix()}] {
		v := total.Stored()
		c.Events, c.Points, c.Bytes = c.Events+v.Events, c.Points+v.Points, c.Bytes+v.Bytes
	}
	return c, len(t.spoke) == t.partitions
}
