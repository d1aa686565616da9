// Package change is the noun of a change of plan: what it would cost, and booking what was shown. rpc imports it; it
// imports no vendor and no generated code.
package change

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/billing/subscription"
	"github.com/millwright-io/millwright/tenancy"
)

// Time says when a change takes effect.
type Time int

// The times.
const (
	// Now: limits at once, on the bill from the next full hour.
	Now Time = iota + 1
	// PeriodEnd: when the UTC month has ended.
	PeriodEnd
)

// Booking is a change that is to be booked.
type Booking struct {
	// From is the plan that it was previewed from; another one in the meantime is an ErrConflict.
	From, Plan string
	// EffectiveAt is the first hour that is billed by Plan.
	EffectiveAt time.Time
	// AtOnce: the tenant has the plan, and its limits, now. Otherwise at EffectiveAt.
	AtOnce bool
}

// Tenants change what a tenant has: its plan with its limits, its record and its audit log, in one transaction.
type Tenants interface {
	ChangePlan(ctx context.Context, p tenancy.Principal, b Booking) error
	// CancelPlanChange takes back the one that waits; an ErrNotFound when none does.
	CancelPlanChange(ctx context.Context, p tenancy.Principal) error
	// PlanObstacles says in sentences what stands against a plan, e.g. more devices than it allows.
	PlanObstacles(ctx context.Context, id tenancy.ID, plan string) ([]string, error)
}

// Store reads what bills follow from.
type Store interface {
	Facts(ctx context.Context, id tenancy.ID, period rating.Period) (invoice.Facts, error)
}

// Preview is what a change does to the bill.
type Preview struct {
	// Without the change, and with it.
	Before, After invoice.Draft
	// NextMonth is what the month after comes to, at this month's pace.
	NextMonth   rating.Bill
	NextPeriod  rating.Period
	EffectiveAt time.Time
	// ETag names what was shown, but for usage, which goes on.
	ETag      string
	Obstacles []string
	from      string
}

// Service previews and books changes.
type Service struct {
	books   price.Books
	store   Store
	tenants Tenants
	now     func() time.Time
}

// NewService returns a service.
func NewService(books price.Books, s Store, t Tenants, now func() time.Time) *Service {
	return &Service{books: books, store: s, tenants: t, now: now}
}

// Book returns the price book that holds now.
func (s *Service) Book() (price.Book, error) { return s.books.At(rating.Month(s.now()).Start) }

// Subscription returns what a tenant pays by this month.
func (s *Service) Subscription(ctx context.Context, id tenancy.ID) (subscription.Subscription, error) {
	f, err := s.store.Facts(ctx, id, rating.Month(s.now()))
	return f.Subscription, err
}

// Preview returns what a change would do.
func (s *Service) Preview(ctx context.Context, id tenancy.ID, plan string, at Time) (p Preview, err error) {
	now := s.now().UTC()
	period := rating.Month(now)
	f, err := s.store.Facts(ctx, id, period)
	if err != nil {
		return p, err
	}
	book, err := s.books.At(period.Start)
	if err != nil {
		return p, err
	}
	if _, ok := book.Plan(plan); !ok {
		return p, fmt.Errorf("plan %q: price book %s has none of that name: %w", plan, book.Version, tenancy.ErrInvalid)
	}
	if f.Subscription.Plan == plan {
		return p, fmt.Errorf("plan %s is the one that you have: %w", plan, tenancy.ErrConflict)
	}
	if !f.Subscription.Until.IsZero() {
		return p, fmt.Errorf("the organisation will be deleted, cancel that first: %w", tenancy.ErrConflict)
	}
	if p.Obstacles, err = s.tenants.PlanObstacles(ctx, id, plan); err != nil {
		return p, err
	}
	p.from, p.EffectiveAt = f.Subscription.Plan, effective(now, period, at)
	if p.Before, err = invoice.DraftOf(s.books, f, now); err != nil {
		return p, err
	}
	f.Subscription = f.Subscription.With(subscription.Change{Plan: plan, EffectiveAt: p.EffectiveAt, RequestedAt: now, Applied: at == Now})
	if p.After, err = invoice.DraftOf(s.books, f, now); err != nil {
		return p, err
	}
	if p.NextMonth, p.NextPeriod, err = s.nextMonth(f, now); err != nil {
		return p, err
	}
	p.ETag, err = etag(p, plan, at)
	return p, err
}

// effective is the first hour that is billed by a new plan.
func effective(now time.Time, period rating.Period, at Time) time.Time {
	if at == PeriodEnd {
		return period.End
	}
	return subscription.NextHour(now)
}

// nextMonth is the month after, with this month's usage grown to a whole month.
func (s *Service) nextMonth(f invoice.Facts, now time.Time) (rating.Bill, rating.Period, error) {
	next := rating.Month(f.Period.End)
	bill, err := invoice.NextMonth(s.books, f, next, now)
	return bill, next, err
}

// etag is a hash of the terms with the change, and of where it begins.
func etag(p Preview, plan string, at Time) (string, error) {
	text, err := json.Marshal(struct {
		From, Plan    string
		At            Time
		EffectiveAt   time.Time
		Before, After invoice.Terms
	}{p.from, plan, at, p.EffectiveAt, p.Before.Terms, p.After.Terms})
	if err != nil {
		return "", fmt.Errorf("write the preview: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// Change books what was previewed under that tag.
func (s *Service) Change(ctx context.Context, caller tenancy.Principal, plan string, at Time, tag string) (subscription.Subscription, error) {
	p, err := s.Preview(ctx, caller.Tenant, plan, at)
	if err != nil {
		return subscription.Subscription{}, err
	}
	if p.ETag != tag {
		return subscription.Subscription{}, fmt.Errorf("the preview is not what holds any more, e.g. as another hour has begun: preview the change again: %w", tenancy.ErrConflict)
	}
	if len(p.Obstacles) > 0 {
		return subscription.Subscription{}, fmt.Errorf("plan %s: %s: %w", plan, p.Obstacles[0], tenancy.ErrConflict)
	}
	err = s.tenants.ChangePlan(ctx, caller, Booking{From: p.from, Plan: plan, EffectiveAt: p.EffectiveAt, AtOnce: at == Now})
	if err != nil {
		return subscription.Subscription{}, err
	}
	return s.Subscription(ctx, caller.Tenant)
}

// Cancel takes back a change that waits for the end of the month.
func (s *Service) Cancel(ctx context.Context, caller tenancy.Principal) (subscription.Subscription, error) {
	if err := s.tenants.CancelPlanChange(ctx, caller); err != nil {
		return subscription.Subscription{}, err
	}
	return s.Subscription(ctx, caller.Tenant)
}
