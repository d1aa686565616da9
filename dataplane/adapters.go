package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// source reads a partition's frames from the log.
type source struct {
	log     *jetstream.Log
	objects *jetstream.Objects
	logger  *slog.Logger
}

func (s source) ID() string { return s.log.ID() }

// Follow implements commit.Source. A message that is no frame is put aside and counts as a frame without events: it is
// the log that is damaged, and nothing after it may wait for it.
func (s source) Follow(ctx context.Context, partition int, after uint64, deliver func(engine.Frame) error) error {
	decoder := frame.NewDecoder()
	return s.log.Follow(ctx, partition, after, func(m jetstream.Message) error {
		f, err := decoder.Decode(m.Data)
		if err != nil {
			s.logger.ErrorContext(ctx, "log message is no frame, putting it aside", slog.Int("partition", partition),
				slog.Uint64("sequence", m.Sequence), slog.Any("error", err))
			if err := s.objects.Keep(ctx, fmt.Sprintf("damaged/%d/%d", partition, m.Sequence), m.Data); err != nil {
				return err
			}
		}
		return deliver(engine.Frame{Sequence: m.Sequence, Time: m.Time, Events: owned(f.Events)})
	})
}

// owned copies what the decoder uses again.
func owned(events []telemetry.Event) []telemetry.Event {
	if len(events) == 0 {
		return nil
	}
	total := 0
	for i := range events {
		total += len(events[i].Values)
	}
	values := make([]float64, 0, total)
	out := append(make([]telemetry.Event, 0, len(events)), events...)
	for i := range out {
		from := len(values)
		values = append(values, out[i].Values...)
		out[i].Values = values[from:len(values):len(values)]
	}
	return out
}

// ends gives the runner's error for a lost partition.
type ends struct{ *jetstream.Commits }

func (e ends) Save(ctx context.Context, partition int, checkpoint uint64, list []uint64) error {
	err := e.Commits.Save(ctx, partition, checkpoint, list)
	if errors.Is(err, jetstream.ErrFenced) {
		return fmt.Errorf("%w: %w", commit.ErrFenced, err)
	}
	return err
}

// store is the runner's view of ClickHouse. Rows of a tenant that was removed are dropped: its storage is gone for good.
type store struct {
	*clickhouse.Store
	catalog *catalog.Catalog
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
