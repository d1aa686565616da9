package invoice

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

// Store reads what bills follow from, and bills.
type Store interface {
	// Facts reads all of a month at one moment.
	Facts(ctx context.Context, id tenancy.ID, period rating.Period) (Facts, error)
	// Invoices returns at most limit invoices of months before that time (zero: all), the newest first, without lines.
	Invoices(ctx context.Context, id tenancy.ID, before time.Time, limit int) ([]Invoice, error)
	// Invoice returns the invoice of that id or number, with its lines.
	Invoice(ctx context.Context, id tenancy.ID, reference string) (Invoice, error)
	// Snapshot returns the usage of that hash.
	Snapshot(ctx context.Context, id tenancy.ID, hash [32]byte) (Snapshot, error)
}

// Draft is the bill of a month that goes on.
type Draft struct {
	Period   rating.Period
	Currency money.Currency
	// Book is the version of the price book.
	Book string
	// Now is the bill of what was counted so far, Forecast that of a month that goes on at the same pace.
	Now, Forecast rating.Bill
	// Terms are what both follow from, besides usage.
	Terms Terms
}

// Service makes drafts and shows invoices.
type Service struct {
	books price.Books
	store Store
	now   func() time.Time
}

// NewService returns a service.
func NewService(books price.Books, s Store, now func() time.Time) *Service {
	return &Service{books: books, store: s, now: now}
}

// Draft returns the bill of the current UTC month as it would be if the month ended with what was counted so far.
func (s *Service) Draft(ctx context.Context, id tenancy.ID) (Draft, error) {
	now := s.now().UTC()
	f, err := s.store.Facts(ctx, id, rating.Month(now))
	if err != nil {
		return Draft{}, err
	}
	return DraftOf(s.books, f, now)
}

// DraftOf makes the draft that follows from the facts.
func DraftOf(books price.Books, f Facts, now time.Time) (d Draft, err error) {
	a, err := Assemble(books, f)
	if err != nil {
		return Draft{}, fmt.Errorf("draft of %s: %w", f.Subscription.Tenant, err)
	}
	d = Draft{Period: f.Period, Currency: a.Terms.Currency, Book: a.Book, Terms: a.Terms}
	if d.Now, err = rating.Rate(a.Input); err != nil {
		return Draft{}, fmt.Errorf("draft of %s: %w", f.Subscription.Tenant, err)
	}
	a.Input.Stretches = forecast(a.Input.Stretches, now)
	if d.Forecast, err = rating.Rate(a.Input); err != nil {
		return Draft{}, fmt.Errorf("forecast of %s: %w", f.Subscription.Tenant, err)
	}
	return d, nil
}

// forecast extends what was used in the past part of each stretch to all of it. The hour that goes on counts as past: so
// soon after the start, little is known, and less is promised.
func forecast(list []rating.Stretch, now time.Time) []rating.Stretch {
	pace := make(map[billing.Meter]uint64) // of the stretch before, for one that is yet to come
	var over uint64
	out := make([]rating.Stretch, len(list))
	for i, s := range list {
		past := earlier(s.To, now.Truncate(time.Hour).Add(time.Hour))
		if s.From.Before(past) {
			pace, over = s.Usage, hoursBetween(s.From, past)
		}
		grown := make(map[billing.Meter]uint64, len(pace))
		for m, n := range pace {
			grown[m] = scale(n, hoursBetween(s.From, s.To), over)
		}
		out[i] = s
		out[i].Usage = grown
	}
	return out
}

func hoursBetween(from, to time.Time) uint64 { return uint64(max(to.Sub(from), 0) / time.Hour) }

// scale is n x numerator / denominator, rounded down, and as much as fits. numerator is less than a year of hours.
func scale(n, numerator, denominator uint64) uint64 {
	if denominator == 0 {
		return 0
	}
	hi, lo := bits.Mul64(n, numerator)
	if hi >= denominator {
		return 1<<64 - 1
	}
	q, _ := bits.Div64(hi, lo, denominator)
	return q
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

const (
	defaultPage = 24
	largestPage = 100
)

// List returns a page of invoices, the newest month first; before is the start of the last month of the page before.
func (s *Service) List(ctx context.Context, id tenancy.ID, before time.Time, size int) (page []Invoice, more bool, err error) {
	if size <= 0 {
		size = defaultPage
	}
	size = min(size, largestPage)
	page, err = s.store.Invoices(ctx, id, before, size+1)
	if len(page) > size {
		return page[:size], true, err
	}
	return page, false, err
}

// Get returns an invoice by its id or number.
func (s *Service) Get(ctx context.Context, id tenancy.ID, reference string) (Invoice, error) {
	return s.store.Invoice(ctx, id, reference)
}

// LineUsage returns a line, by its place from 1, and the usage that was frozen with it.
func (s *Service) LineUsage(ctx context.Context, id tenancy.ID, reference string, position int) (Line, Usage, error) {
	inv, err := s.store.Invoice(ctx, id, reference)
	if err != nil {
		return Line{}, Usage{}, err
	}
	if position < 1 || position > len(inv.Lines) || !inv.Lines[position-1].HasSnapshot() {
		return Line{}, Usage{}, fmt.Errorf("invoice %s has no line of usage at %d: %w", inv.Number, position, tenancy.ErrNotFound)
	}
	line := inv.Lines[position-1]
	snapshot, err := s.store.Snapshot(ctx, id, line.Snapshot)
	if err != nil {
		return Line{}, Usage{}, err
	}
	usage, err := snapshot.Read()
	return line, usage, err
}

// NextMonth is what the month after the facts' comes to, when the facts' month goes on as it did until now and usage does so, too.
// Adjustments and credits are left out.
func NextMonth(books price.Books, f Facts, next rating.Period, now time.Time) (rating.Bill, error) {
	past := rating.Period{Start: later(f.Period.Start, f.Subscription.Since.Truncate(time.Hour)), End: earlier(f.Period.End, now.Truncate(time.Hour).Add(time.Hour))}
	pace := usage(f.Hours, past.Start, past.End)
	f = Facts{Subscription: f.Subscription, Period: next, Coupons: f.Coupons, Tax: f.Tax}
	a, err := Assemble(books, f)
	if err != nil {
		return rating.Bill{}, fmt.Errorf("next month of %s: %w", f.Subscription.Tenant, err)
	}
	for i, s := range a.Input.Stretches {
		grown := make(map[billing.Meter]uint64, len(pace))
		for m, n := range pace {
			grown[m] = scale(n, hoursBetween(s.From, s.To), hoursBetween(past.Start, past.End))
		}
		a.Input.Stretches[i].Usage = grown
	}
	return rating.Rate(a.Input)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
