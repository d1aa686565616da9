package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/millwright-io/millwright/tenancy"
)

// maxReaders is how many tenants' connections are kept; the one not used for longest is closed.
const maxReaders = 256

// readerKey is whose statements a reader runs: the tenant's, or the cell's own work for it.
type readerKey struct {
	tenant tenancy.ID
	quiet  bool
}

// reader is a tenant's own connection pool, as the tenant's own user: a mistake in a query cannot reach further.
type reader struct {
	conn driver.Conn
	// slots bounds the tenant's queries that run at once.
	slots chan struct{}
	used  uint64
}

// Rows is the result of a query; the caller closes it.
type Rows = driver.Rows

// Query runs a query as the tenant's user in the tenant's database, waiting for one of the tenant's slots.
func (s *Store) Query(ctx context.Context, tenant tenancy.ID, text string, args []any, each func(Rows) error) error {
	r, err := s.reader(readerKey{tenant, ctx.Value(quietly{}) != nil})
	if err != nil {
		return err
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return fmt.Errorf("wait for one of the tenant's %d concurrent queries: %w", cap(r.slots), ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err = collect(ctx, r.conn, text, args, each)
	ex := (*clickhousego.Exception)(nil)
	switch {
	case !errors.As(err, &ex):
	case ex.Code == codeTooManyQueries:
		return fmt.Errorf("the store is busy with other queries of this tenant or of all: try again in a second: %w: %w", tenancy.ErrUnavailable, err)
	case ex.Code == codeQuotaExceeded:
		return overQuota(ex.Message, time.Now())
	}
	return err
}

// The words in which the store says how much of a quota was used, and when there is some again.
var (
	quotaUsed = regexp.MustCompile(`execution_time = ([0-9.]+)/([0-9.]+)`)
	quotaEnds = regexp.MustCompile(`will end at ([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})`)
)

// overQuota is a refusal by the quota as one by the limit, in milliseconds for each second.
func overQuota(message string, now time.Time) error {
	refusal := &tenancy.LimitError{Limit: tenancy.LimitQueryTime, Scope: tenancy.ScopeTenant, RetryAfter: quotaInterval}
	if used := quotaUsed.FindStringSubmatch(message); used != nil {
		refusal.Current, refusal.Maximum = perSecond(used[1]), perSecond(used[2])
	}
	if ends := quotaEnds.FindStringSubmatch(message); ends != nil {
		if at, err := time.Parse(time.DateTime, ends[1]); err == nil {
			refusal.RetryAfter = max(time.Second, at.Sub(now))
		}
	}
	return refusal
}

func perSecond(seconds string) int64 {
	n, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return 0
	}
	return int64(n * 1000 / quotaInterval.Seconds())
}

// quietly marks a context of the cell's own work.
type quietly struct{}

// Quiet returns a context whose queries use one thread, stand back behind others, and are not the tenant's own.
func Quiet(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, quietly{}, true)
	return clickhousego.Context(ctx, clickhousego.WithSettings(clickhousego.Settings{"max_threads": 1, "priority": 10}))
}

func collect(ctx context.Context, conn driver.Conn, text string, args []any, each func(Rows) error) error {
	rows, err := conn.Query(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("query clickhouse: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows); err != nil {
			return fmt.Errorf("scan row: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	return nil
}

func (s *Store) reader(of readerKey) (*reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.readers[of]
	if !ok {
		database := of.tenant.Database()
		user := database
		if of.quiet {
			user = quietUser(database)
		}
		conn, err := s.open(user, s.password(user, of.tenant), database, s.cfg.QueriesPerTenant, answerTimeout)
		if err != nil {
			return nil, err
		}
		r = &reader{conn: conn, slots: make(chan struct{}, s.cfg.QueriesPerTenant)}
		s.readers[of] = r
		s.evict()
	}
	s.uses++
	r.used = s.uses
	return r, nil
}

func (s *Store) evict() {
	if len(s.readers) <= maxReaders {
		return
	}
	var oldest readerKey
	for id, r := range s.readers {
		if len(r.slots) == 0 && r.used > 0 && (oldest.tenant == "" || r.used < s.readers[oldest].used) {
			oldest = id
		}
	}
	if oldest.tenant != "" {
		_ = s.readers[oldest].conn.Close() // nothing is lost with a connection nobody uses
		delete(s.readers, oldest)
	}
}

// Place is where an event stands in a partition's log.
type Place struct {
	Sequence uint64
	Index    uint32
}

// StoredEvents returns the places within from..to of a partition's log whose rows are stored.
func (s *Store) StoredEvents(ctx context.Context, tenant tenancy.ID, partition uint16, from, to uint64) (map[Place]int, error) {
	return s.stored(ctx, "select log_sequence, log_index, count() from "+tenant.Database()+"."+tableEvents+
		" where log_partition = {partition:UInt16} and log_sequence between {from:UInt64} and {to:UInt64} group by all",
		clickhousego.Named("partition", partition), clickhousego.Named("from", from), clickhousego.Named("to", to))
}

// StoredDeadLetters does the same for dead letters of a source.
func (s *Store) StoredDeadLetters(ctx context.Context, tenant tenancy.ID, source string, partition uint16, from, to uint64) (map[Place]int, error) {
	return s.stored(ctx, "select log_sequence, log_index, count() from "+tenant.Database()+"."+tableDeadLetters+
		" where source = {source:String} and log_partition = {partition:UInt16} and log_sequence between {from:UInt64} and {to:UInt64} group by all",
		clickhousego.Named("source", source), clickhousego.Named("partition", partition), clickhousego.Named("from", from), clickhousego.Named("to", to))
}

func (s *Store) stored(ctx context.Context, text string, args ...any) (map[Place]int, error) {
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	found := map[Place]int{}
	err := collect(ctx, s.admin, text, args, func(rows Rows) error {
		var p Place
		var n uint64
		if err := rows.Scan(&p.Sequence, &p.Index, &n); err != nil {
			return err
		}
		found[p] += int(n)
		return nil
	})
	return found, err
}
