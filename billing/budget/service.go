package budget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

// Drafts knows what the current month costs.
type Drafts interface {
	Draft(ctx context.Context, id tenancy.ID) (invoice.Draft, error)
}

// Change is an entry of the tenant's audit log.
type Change struct {
	At                           time.Time
	Actor, Action, Before, After string
	RemoteAddress, RequestID     string
}

// Letter is an e-mail to the tenant's owners, admins and finance.
type Letter struct{ Subject, Text string }

// Store keeps budgets.
type Store interface {
	// Budget returns an ErrNotFound when there is none.
	Budget(ctx context.Context, id tenancy.ID) (Budget, error)
	// PutBudget replaces the budget and makes it due.
	PutBudget(ctx context.Context, id tenancy.ID, b Budget, c Change) error
	// DeleteBudget takes away the hold as well; an ErrNotFound says that there was no budget.
	DeleteBudget(ctx context.Context, id tenancy.ID, c Change) error
	// BudgetHold returns nil when nothing is held back.
	BudgetHold(ctx context.Context, id tenancy.ID) (*Hold, error)
	BudgetNotices(ctx context.Context, id tenancy.ID, since time.Time) ([]Notice, error)
	// DueBudgets returns tenants whose budget is to be looked at.
	DueBudgets(ctx context.Context, now time.Time, most int) ([]tenancy.ID, error)
	// SettleBudget writes what followed from a budget of that revision: notices that were not told yet, each with a letter, the
	// hold, and when to look again. When the budget changed meanwhile it writes nothing.
	SettleBudget(ctx context.Context, id tenancy.ID, revision int64, s Settlement) error
}

// Settlement is what a look at a budget leaves.
type Settlement struct {
	Outcome
	// Write makes the letter of a notice, of the organisation of that name.
	Write func(organisation string, n Notice) Letter
	// Held is the audit entry of a hold that begins, changes or ends.
	Held func(before, after *Hold) Change
	Next time.Time
}

// Service answers for budgets, and looks at them.
type Service struct {
	store  Store
	drafts Drafts
	origin string
	log    *slog.Logger
	now    func() time.Time
}

// NewService returns a service; links in its letters lead to the console at origin. now is the billing clock.
func NewService(store Store, drafts Drafts, origin string, log *slog.Logger, now func() time.Time) *Service {
	return &Service{store: store, drafts: drafts, origin: origin, log: log, now: now}
}

// State is a budget with its month.
type State struct {
	// Budget is nil when there is none.
	Budget *Budget
	Spending
	Hold    *Hold
	Problem string
}

// Get returns the state.
func (s *Service) Get(ctx context.Context, id tenancy.ID) (State, error) {
	var st State
	b, err := s.store.Budget(ctx, id)
	switch {
	case err == nil:
		st.Budget = &b
	case !errors.Is(err, tenancy.ErrNotFound):
		return st, err
	}
	if st.Spending, err = s.spending(ctx, id); err != nil {
		return st, err
	}
	if st.Budget != nil {
		st.Problem = Of(b, st.Spending, s.now()).Problem
	}
	st.Hold, err = s.store.BudgetHold(ctx, id)
	return st, err
}

// Set replaces the budget for p and looks at it at once.
func (s *Service) Set(ctx context.Context, p tenancy.Principal, b Budget) (State, error) {
	if err := b.Check(); err != nil {
		return State{}, err
	}
	before, err := s.Get(ctx, p.Tenant)
	if err != nil {
		return State{}, err
	}
	b.Currency, b.SetBy, b.SetAt = before.Currency, p.Actor, s.now().UTC()
	if err := s.store.PutBudget(ctx, p.Tenant, b, changeBy(ctx, p, b.SetAt, before.Budget, &b)); err != nil {
		return State{}, err
	}
	if err := s.Look(ctx, p.Tenant); err != nil {
		return State{}, err
	}
	return s.Get(ctx, p.Tenant)
}

// Remove takes the budget away for p.
func (s *Service) Remove(ctx context.Context, p tenancy.Principal) error {
	b, err := s.store.Budget(ctx, p.Tenant)
	if err != nil {
		return err
	}
	return s.store.DeleteBudget(ctx, p.Tenant, changeBy(ctx, p, s.now().UTC(), &b, nil))
}

// noticesKept is how far back notices are shown.
const noticesKept = 13 // months

// Notices returns those of the last 13 months, newest first.
func (s *Service) Notices(ctx context.Context, id tenancy.ID) ([]Notice, error) {
	return s.store.BudgetNotices(ctx, id, s.now().UTC().AddDate(0, -noticesKept, 0))
}

// spending reads the month's draft.
func (s *Service) spending(ctx context.Context, id tenancy.ID) (Spending, error) {
	d, err := s.drafts.Draft(ctx, id)
	if err != nil {
		return Spending{}, fmt.Errorf("how the month stands against the budget: %w", err)
	}
	var credits money.Amount
	for _, l := range d.Now.Lines {
		if l.Kind == rating.KindCredit {
			credits += l.Amount
		}
	}
	return Spending{
		Month: d.Period, Currency: d.Currency, Spent: d.Now.Subtotal, Forecast: d.Forecast.Subtotal, CreditsSpent: credits < 0 && d.Now.Total > 0,
	}, nil
}

func changeBy(ctx context.Context, p tenancy.Principal, at time.Time, before, after any) Change {
	call := tenancy.CallFrom(ctx)
	return Change{
		At: at, Actor: p.Actor, Action: call.Procedure, Before: text(before), After: text(after),
		RemoteAddress: call.RemoteAddress, RequestID: call.RequestID,
	}
}

// text is an object as the audit log has it; what is not there is nothing.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil || string(data) == "null" {
		return ""
	}
	return string(data)
}
