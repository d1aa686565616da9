package dataplane

import (
	"context"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/dataplane/internal/usage"
	"github.com/millwright-io/millwright/tenancy"
)

// store is the runner's view of ClickHouse. Rows of a tenant that was removed are dropped: its storage is gone for good.
type store struct {
	*clickhouse.Store
	catalog  *catalog.Catalog
	times    *timing.Times
	journeys *journeys
	usage    *usage.Counter
}

// Gone implements commit.Store.
func (s store) Gone(tenant tenancy.ID) bool {
	t, _ := s.catalog.Tenant(tenant)
	return t.Removed
}

// Provision refuses for a tenant that the catalog does not know, whose rows are then put aside: it may have been removed.
func (s store) Provision(ctx context.Context, tenant tenancy.ID) error {
	if t, ok := s.catalog.Tenant(tenant); !ok || t.Removed {
		return fmt.Errorf("provision tenant %s: it is not in the catalog", tenant)
	}
	return s.Store.Provision(ctx, tenant)
}

// InsertEvents implements commit.Store.
func (s store) InsertEvents(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.EventRow, token string) error {
	begun := time.Now()
	err := s.Store.InsertEvents(ctx, tenant, partition, rows, token)
	s.times.Took(timing.Insert, time.Since(begun))
	s.usage.Took(tenant, usage.StoreTime, time.Since(begun))
	if err == nil {
		s.journeys.inserted(partition, tenant, rows, begun)
	}
	return err
}

// InsertWindows implements commit.Store.
func (s store) InsertWindows(ctx context.Context, tenant tenancy.ID, rows []engine.WindowRow, token string) error {
	defer func(begun time.Time) {
		s.times.Took(timing.Insert, time.Since(begun))
		s.usage.Took(tenant, usage.StoreTime, time.Since(begun))
	}(time.Now())
	return s.Store.InsertWindows(ctx, tenant, rows, token)
}

func (s store) InsertDeadLetters(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.DeadLetterRow, token string) error {
	letters := make([]clickhouse.DeadLetter, 0, len(rows))
	var again []deadletter.Change
	for _, r := range rows {
		protocol := ""
		if id, refusals, ok := deadletter.Retry(r.Event); ok {
			// The row is there to be counted; what people see is the letter that was replayed, open again.
			protocol = deadletter.ProtocolReplay
			again = append(again, deadletter.Change{
				ID: id, State: deadletter.Open, Refusals: refusals + 1, Reason: r.Reason, Detail: r.Detail, At: time.Unix(0, r.Event.Received), Note: "refused again",
			})
		}
		letters = append(letters, clickhouse.DeadLetter{
			Device: r.Event.Device, Received: r.Event.Received, Reason: r.Reason, Detail: r.Detail,
			Payload: measurements(r.Event), Protocol: protocol, Sequence: r.Sequence, Index: r.Index,
		})
	}
	if err := (letterStore{store: s.Store}).SetStates(ctx, tenant, again); err != nil {
		return err
	}
	return s.Store.InsertDeadLetters(ctx, tenant, clickhouse.SourceEngine, partition, letters, token)
}

func (s store) StoredEvents(ctx context.Context, tenant tenancy.ID, partition uint16, from, to uint64) (map[commit.Place]int, error) {
	found, err := s.Store.StoredEvents(ctx, tenant, partition, from, to)
	return places(found), err
}

func (s store) StoredDeadLetters(ctx context.Context, tenant tenancy.ID, partition uint16, from, to uint64) (map[commit.Place]int, error) {
	found, err := s.Store.StoredDeadLetters(ctx, tenant, clickhouse.SourceEngine, partition, from, to)
	return places(found), err
}

func (store) Refused(err error) bool        { return clickhouse.Refused(err) }
func (store) NotProvisioned(err error) bool { return clickhouse.NotProvisioned(err) }

func places(found map[clickhouse.Place]int) map[commit.Place]int {
	out := make(map[commit.Place]int, len(found))
	for p, n := range found {
		out[commit.Place(p)] = n
	}
	return out
}

// letters stores the gateway's dead letters.
type letters struct {
	store store
	cell  string
	log   *jetstream.Log
	usage *letterUsage
}

// StoreDeadLetters implements jetstream.LetterStore. What was stored by a call whose answer was lost is left out.
func (l letters) StoreDeadLetters(ctx context.Context, tenant tenancy.ID, list []jetstream.StreamedLetter) error {
	if l.store.Gone(tenant) {
		return nil
	}
	first, last := list[0].Sequence, list[0].Sequence
	for _, d := range list {
		first, last = min(first, d.Sequence), max(last, d.Sequence)
	}
	found, err := l.store.Store.StoredDeadLetters(ctx, tenant, clickhouse.SourceGateway, 0, first, last)
	if clickhouse.NotProvisioned(err) {
		err = l.store.Provision(ctx, tenant)
	}
	if err != nil {
		return err
	}
	rows := make([]clickhouse.DeadLetter, 0, len(list))
	for _, d := range list {
		if found[clickhouse.Place{Sequence: d.Sequence}] > 0 {
			continue
		}
		rows = append(rows, clickhouse.DeadLetter{
			Device: d.Device, Received: d.Received, Reason: string(d.Reason), Detail: d.Detail, Payload: d.Payload,
			Protocol: d.Protocol, Sequence: d.Sequence,
		})
	}
	if len(rows) == 0 {
		return nil
	}
	token := fmt.Sprintf("%s/%s/dead_letters/%d-%d/%d", l.cell, l.log.ID(), rows[0].Sequence, rows[len(rows)-1].Sequence, len(rows))
	if err := l.store.Store.InsertDeadLetters(ctx, tenant, clickhouse.SourceGateway, 0, rows, token); err != nil {
		return err
	}
	l.usage.stored(tenant)
	return nil
}
