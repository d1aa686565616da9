package invoice

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

// CloseStore closes months, each in one transaction.
type CloseStore interface {
	// CloseNext closes the oldest month of a tenant that began before a time; freeze makes the invoice. The tenant is the first from
	// that id on, or after it when skip is set. It returns whose month it tried to close, and an empty id when there is none. Tenants at
	// whom somebody else is are left out.
	CloseNext(ctx context.Context, from tenancy.ID, skip bool, before time.Time, freeze func(Facts) (*Frozen, error)) (tenancy.ID, error)
	// CloseFinal closes every month of a tenant that is to be removed, up to the one that goes on at that time.
	CloseFinal(ctx context.Context, id tenancy.ID, current rating.Period, freeze func(Facts, bool) (*Frozen, error)) error
}

// Closing says when months are closed.
type Closing struct {
	// Grace is how long after its end a month is closed: usage that comes until then is on its bill.
	Grace time.Duration
	// PayIn is how long after its issue an invoice is due.
	PayIn time.Duration
	// Every is how often months that have ended are looked for.
	Every time.Duration
}

// The defaults.
const (
	DefaultGrace = 24 * time.Hour
	DefaultPayIn = 14 * 24 * time.Hour
	DefaultEvery = time.Minute
)

// Closer closes months that have ended.
type Closer struct {
	books   price.Books
	store   CloseStore
	closing Closing
	log     *slog.Logger
	now     func() time.Time
}

// NewCloser returns a closer.
func NewCloser(books price.Books, s CloseStore, closing Closing, log *slog.Logger, now func() time.Time) *Closer {
	return &Closer{books: books, store: s, closing: closing, log: log, now: now}
}

// Run closes months until ctx is done.
func (c *Closer) Run(ctx context.Context) error {
	tick := time.NewTicker(c.closing.Every)
	defer tick.Stop()
	for {
		if n := c.Round(ctx); n > 0 {
			c.log.InfoContext(ctx, "months are closed", slog.Int("invoices", n))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round closes every month that is due and returns how many. What cannot be closed is left for the next round, with a log line.
func (c *Closer) Round(ctx context.Context) (closed int) {
	now := c.now().UTC()
	before := rating.Month(now.Add(-c.closing.Grace)).Start
	freeze := func(f Facts) (*Frozen, error) { return Freeze(c.books, f, now, c.closing.PayIn, false) }
	from, skip := tenancy.ID(""), false
	for ctx.Err() == nil {
		id, err := c.store.CloseNext(ctx, from, skip, before, freeze)
		switch {
		case err != nil && id == "":
			c.log.WarnContext(ctx, "cannot look for months that have ended", slog.Any("error", err))
			return closed
		case errors.Is(err, errWaits):
		case err != nil:
			c.log.ErrorContext(ctx, "cannot close a month, trying again", slog.String("tenant", string(id)), slog.Any("error", err))
		case id == "":
			return closed
		default:
			closed++ // its next month may have ended, too
		}
		from, skip = id, err != nil
	}
	return closed
}

// Final closes what is left of a tenant that is to be removed: its last invoice is issued at once, without grace.
func (c *Closer) Final(ctx context.Context, id tenancy.ID) error {
	now := c.now().UTC()
	err := c.store.CloseFinal(ctx, id, rating.Month(now), func(f Facts, final bool) (*Frozen, error) {
		return Freeze(c.books, f, now, c.closing.PayIn, final)
	})
	if errors.Is(err, tenancy.ErrNotFound) {
		return nil
	}
	return err
}
