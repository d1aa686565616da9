package commit

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/tenancy"
)

// Place is where a row stands in a partition's log.
type Place struct {
	Sequence uint64
	Index    uint32
}

// Store is where rows go. An insert with a token that the store remembers does nothing; one without a token always does.
type Store interface {
	Provision(ctx context.Context, tenant tenancy.ID) error
	InsertEvents(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.EventRow, token string) error
	InsertWindows(ctx context.Context, tenant tenancy.ID, rows []engine.WindowRow, token string) error
	InsertDeadLetters(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.DeadLetterRow, token string) error
	StoredEvents(ctx context.Context, tenant tenancy.ID, partition uint16, from, to uint64) (map[Place]int, error)
	StoredDeadLetters(ctx context.Context, tenant tenancy.ID, partition uint16, from, to uint64) (map[Place]int, error)
	// Refused says whether the store answered err itself and would do so again: the fault is the insert's.
	Refused(err error) bool
	// Gone says that the tenant was removed for good: its rows are dropped.
	Gone(tenant tenancy.ID) bool
	// NotProvisioned says whether err means that the tenant's tables do not exist.
	NotProvisioned(err error) bool
}

// Parking keeps rows that the store refuses.
type Parking interface {
	Park(ctx context.Context, name string, data []byte) error
	Parked(ctx context.Context) ([]string, error)
	LoadParked(ctx context.Context, name string) ([]byte, error)
	Unpark(ctx context.Context, name string) error
}

// Range is a stretch of a partition's log, both ends included.
type Range struct {
	Partition int
	From, To  uint64
	// Prefix begins the tokens: cell, log and partition.
	Prefix string
	// Repeated says that the range was begun before, so that some of it may be stored already.
	Repeated bool

	hold func(context.Context) error
}

// held waits until the range is sure to be this process's to store.
func (r Range) held(ctx context.Context) error {
	if r.hold == nil {
		return nil
	}
	return r.hold(ctx)
}

func (r Range) token(table string) string {
	return fmt.Sprintf("%s/%d-%d/%s", r.Prefix, r.From, r.To, table)
}

const (
	// refusals is how often the store may refuse a tenant's insert before its rows are put aside.
	refusals = 8
	// parkedInterval is how often rows put aside are tried again.
	parkedInterval = 30 * time.Second
	// repairs is how many tokens a repair tries, one for each crash at its worst moment.
	repairs      = 8
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// Inserter stores ranges. All runners of a cell share one.
//
// While the store is away it tries for ever: the log holds what comes meanwhile. When the store is there but refuses
// one tenant's insert again and again, that tenant's rows of the range are put aside, durably, and tried again every 30
// seconds with the same token, so that one tenant's broken table does not stop the others of its partition.
type Inserter struct {
	store   Store
	parking Parking
	slots   chan struct{}
	log     *slog.Logger
	// backoff is the first wait after a failure.
	backoff time.Duration
}

// NewInserter returns an inserter that runs at most concurrency inserts at once.
func NewInserter(store Store, parking Parking, concurrency int, log *slog.Logger) *Inserter {
	return &Inserter{store: store, parking: parking, slots: make(chan struct{}, concurrency), log: log, backoff: firstBackoff}
}

// Insert stores the rows of a range; it returns an error only when ctx is done, or when the range is not this process's any more.
func (in *Inserter) Insert(ctx context.Context, r Range, tenants []*engine.Rows) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, rows := range tenants {
		if len(rows.Events) > 0 {
			g.Go(func() error {
				return in.persist(ctx, r, &engine.Rows{Tenant: rows.Tenant, Events: rows.Events}, "events")
			})
		}
		if len(rows.Windows) > 0 {
			g.Go(func() error {
				return in.persist(ctx, r, &engine.Rows{Tenant: rows.Tenant, Windows: rows.Windows}, "windows")
			})
		}
		if len(rows.DeadLetters) > 0 {
			g.Go(func() error {
				return in.persist(ctx, r, &engine.Rows{Tenant: rows.Tenant, DeadLetters: rows.DeadLetters}, "dead_letters")
			})
		}
	}
	return g.Wait()
}

// persist stores one table's rows of one tenant, or puts them aside.
func (in *Inserter) persist(ctx context.Context, r Range, rows *engine.Rows, table string) error {
	refused, backoff := 0, in.backoff
	for attempt := 0; ; attempt++ {
		err := in.try(ctx, r, rows, table, r.Repeated || attempt > 0)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if permanent(err) {
			return err
		}
		in.log.WarnContext(ctx, "insert not stored, trying again", slog.String("tenant", string(rows.Tenant)),
			slog.String("token", r.token(table)), slog.Any("error", err))
		if in.store.NotProvisioned(err) {
			// Once at once; a table that stays away although all is provisioned is a refusal like any other.
			if perr := in.store.Provision(ctx, rows.Tenant); perr == nil && refused == 0 {
				refused++
				continue
			}
		}
		if in.store.Refused(err) {
			refused++
		}
		if refused >= refusals {
			err := in.park(ctx, r, rows, table)
			if err == nil {
				return nil
			}
			in.log.ErrorContext(ctx, "rows not put aside, trying the store again", slog.Any("error", err))
			refused = 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// try inserts once. A guarded try first looks what is stored: the store may have lost its memory of tokens in a power
// cut, or may remember a token whose rows it lost.
func (in *Inserter) try(ctx context.Context, r Range, rows *engine.Rows, table string, guarded bool) error {
	select {
	case in.slots <- struct{}{}:
		defer func() { <-in.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if in.store.Gone(rows.Tenant) {
		in.log.InfoContext(ctx, "rows of a removed tenant dropped", slog.String("tenant", string(rows.Tenant)), slog.Int("rows", size(rows)))
		return nil
	}
	if !guarded {
		return in.insert(ctx, r, rows, r.token(table))
	}
	if table == "windows" {
		// They replace themselves, and a token may be remembered without its rows.
		return in.insert(ctx, r, rows, "")
	}
	missing, err := in.missing(ctx, r, rows)
	if err != nil || size(missing) == 0 {
		return err
	}
	// With the range's own token: a first try may still be on its way, part by part, and each part counts once.
	if err := in.insert(ctx, r, missing, r.token(table)); err != nil {
		return err
	}
	if missing, err = in.missing(ctx, r, missing); err != nil || size(missing) == 0 {
		return err
	}
	return in.repair(ctx, r, missing, table)
}

// repair inserts rows whose token the store remembers without having them. A repair can be cut off as well, so each try
// has a token of its own and is looked at.
func (in *Inserter) repair(ctx context.Context, r Range, missing *engine.Rows, table string) error {
	in.log.WarnContext(ctx, "the store remembers a token without its rows, inserting the missing ones",
		slog.String("token", r.token(table)), slog.Int("rows", size(missing)))
	var err error
	for n := range repairs {
		if err := in.insert(ctx, r, missing, fmt.Sprintf("%s/repair-%d", r.token(table), n)); err != nil {
			return err
		}
		if missing, err = in.missing(ctx, r, missing); err != nil || size(missing) == 0 {
			return err
		}
	}
	return fmt.Errorf("%d rows of %s are still missing after %d repairs", size(missing), r.token(table), repairs)
}

func (in *Inserter) insert(ctx context.Context, r Range, rows *engine.Rows, token string) error {
	if err := r.held(ctx); err != nil {
		return err
	}
	switch {
	case len(rows.Events) > 0:
		return in.store.InsertEvents(ctx, rows.Tenant, uint16(r.Partition), rows.Events, token)
	case len(rows.Windows) > 0:
		return in.store.InsertWindows(ctx, rows.Tenant, rows.Windows, token)
	default:
		return in.store.InsertDeadLetters(ctx, rows.Tenant, uint16(r.Partition), rows.DeadLetters, token)
	}
}

// missing returns those of the rows that are not stored.
func (in *Inserter) missing(ctx context.Context, r Range, rows *engine.Rows) (*engine.Rows, error) {
	left := &engine.Rows{Tenant: rows.Tenant}
	if len(rows.Events) > 0 {
		found, err := in.store.StoredEvents(ctx, rows.Tenant, uint16(r.Partition), r.From, r.To)
		if err != nil {
			return nil, err
		}
		for _, row := range rows.Events {
			if found[Place{row.Sequence, row.Index}] == 0 {
				left.Events = append(left.Events, row)
			}
		}
		return left, nil
	}
	found, err := in.store.StoredDeadLetters(ctx, rows.Tenant, uint16(r.Partition), r.From, r.To)
	if err != nil {
		return nil, err
	}
	for _, row := range rows.DeadLetters {
		if found[Place{row.Sequence, row.Index}] == 0 {
			left.DeadLetters = append(left.DeadLetters, row)
		}
	}
	return left, nil
}

func size(rows *engine.Rows) int {
	return len(rows.Events) + len(rows.Windows) + len(rows.DeadLetters)
}

// parked is what is put aside.
type parked struct {
	Range Range
	Table string
	Rows  engine.Rows
}

func (in *Inserter) park(ctx context.Context, r Range, rows *engine.Rows, table string) error {
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(parked{r, table, *rows}); err != nil {
		return fmt.Errorf("encode rows of %s: %w", rows.Tenant, err)
	}
	name := fmt.Sprintf("%d/%020d-%020d/%s/%s", r.Partition, r.From, r.To, rows.Tenant, table)
	if err := in.parking.Park(ctx, name, buf.Bytes()); err != nil {
		return err
	}
	in.log.ErrorContext(ctx, "the store refuses a tenant's rows, they are put aside and tried again",
		slog.String("tenant", string(rows.Tenant)), slog.String("parked", name))
	return nil
}

// Run tries rows that were put aside again, until ctx is done.
func (in *Inserter) Run(ctx context.Context) error {
	ticker := time.NewTicker(parkedInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := in.Unpark(ctx); err != nil && ctx.Err() == nil {
				in.log.WarnContext(ctx, "rows put aside are still not stored", slog.Any("error", err))
			}
		}
	}
}

// Unpark tries everything that was put aside once.
func (in *Inserter) Unpark(ctx context.Context) error {
	names, err := in.parking.Parked(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, in.unpark(ctx, name))
	}
	return errors.Join(errs...)
}

func (in *Inserter) unpark(ctx context.Context, name string) error {
	data, err := in.parking.LoadParked(ctx, name)
	if err != nil {
		return err
	}
	var p parked
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&p); err != nil {
		return fmt.Errorf("read parked %s: %w", name, err)
	}
	if err := in.try(ctx, p.Range, &p.Rows, p.Table, true); err != nil {
		return err
	}
	return in.parking.Unpark(ctx, name)
}
