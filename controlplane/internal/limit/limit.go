// Package limit is the noun of what a tenant may use and what it uses: limits with their use, refusals, overrides and
// notices. tenancy has the one table of limits. rpc, nats, mail and postgres import it; it imports no vendor and no
// generated code.
package limit

import (
	"context"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// Kept is how long uses and refusals can be asked for.
const Kept = 8 * 24 * time.Hour

// Limit is one limit of a tenant, with its use.
type Limit struct {
	tenancy.Limit
	Maximum, PlanMaximum int64
	// Counted says that Used was counted lately.
	Counted bool
	Used    int64
	// Refused is how often it refused in the last hour.
	Refused  int64
	Override *tenant.Override
}

// Unlimited reports whether there is no such limit.
func (l Limit) Unlimited() bool { return l.ZeroIsNone && l.Maximum == 0 }

// Use is how much of a limit was used in a span: the highest, over all processes.
type Use struct {
	Start                  time.Time
	Used, Maximum, Refused int64
}

// Refusal is how often a limit refused in a minute.
type Refusal struct {
	Limit, Scope            string
	Minute                  time.Time
	Count, Current, Maximum int64
}

// Notice is what a tenant's owners and admins were told.
type Notice struct {
	Limit         string
	Percent       int
	Used, Maximum int64
	CreatedAt     time.Time
}

// State is what the store knows of a tenant's limits.
type State struct {
	Tenant    tenant.Tenant
	Plan      tenant.Limits
	Overrides []tenant.Override
	// Uses are the newest by limit; Refused counts the last hour's refusals.
	Uses    map[string]Use
	Refused map[string]int64
}

// Store keeps limits.
type Store interface {
	// LimitState counts what exists and reads what was counted since.
	LimitState(ctx context.Context, id tenancy.ID, now time.Time) (State, error)
	LimitHistory(ctx context.Context, id tenancy.ID, name string, start, end time.Time, span time.Duration) ([]Use, error)
	LimitRefusals(ctx context.Context, id tenancy.ID, since time.Time, most int) ([]Refusal, error)
	LimitNotices(ctx context.Context, id tenancy.ID, since time.Time) ([]Notice, error)
	// PutOverride and DeleteOverride return an ErrNotFound when there is no such tenant, or override.
	PutOverride(ctx context.Context, id tenancy.ID, o tenant.Override, e audit.Entry) error
	DeleteOverride(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error
}

// Service answers for limits.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService returns a service.
func NewService(store Store, now func() time.Time) *Service { return &Service{store, now} }

// List returns every limit of a tenant and its plan's name.
func (s *Service) List(ctx context.Context, id tenancy.ID) ([]Limit, string, error) {
	state, err := s.store.LimitState(ctx, id, s.now())
	if err != nil {
		return nil, "", err
	}
	return Of(state), state.Tenant.Plan, nil
}

// Of puts a tenant's limits and uses together, in tenancy's order.
func Of(state State) []Limit {
	list := make([]Limit, 0, len(tenancy.Limits()))
	for _, definition := range tenancy.Limits() {
		l := Limit{Limit: definition, Refused: state.Refused[definition.Name]}
		l.Maximum, _ = state.Tenant.Limits.Of(l.Name)
		l.PlanMaximum, _ = state.Plan.Of(l.Name)
		if u, ok := state.Uses[l.Name]; ok {
			l.Counted, l.Used = true, u.Used
		}
		for i := range state.Overrides {
			if state.Overrides[i].Limit == l.Name {
				l.Override = &state.Overrides[i]
			}
		}
		if h := state.Tenant.Hold; l.Name == tenancy.LimitEventsPerSecond {
			l = l.held(h)
		}
		list = append(list, l)
	}
	return list
}

// byBudget is who set what a spent budget holds back.
const byBudget = "budget"

// held shows what a spent budget holds back as an override, unless a limit is lower than that anyway.
func (l Limit) held(h tenant.Hold) Limit {
	if h.Reason == "" || !h.Refused && l.Maximum < h.EventsPerSecond {
		return l
	}
	if h.Refused {
		l.Maximum = 0
	}
	l.Override = &tenant.Override{Limit: l.Name, Maximum: l.Maximum, ExpiresAt: h.Until, Reason: h.Reason, SetBy: byBudget, SetAt: h.Since}
	return l
}

const (
	defaultSpan = 6 * time.Hour
	// bars is about how many spans an answer has.
	bars = 120
)

// History returns the use of a limit from start to end (zero: the last six hours), and how long each span is.
func (s *Service) History(ctx context.Context, id tenancy.ID, name string, start, end time.Time) ([]Use, time.Duration, error) {
	if l, ok := tenancy.LimitNamed(name); !ok || !l.OfPlans() {
		return nil, 0, unknown(name)
	}
	if end.IsZero() {
		end = s.now()
	}
	if start.IsZero() {
		start = end.Add(-defaultSpan)
	}
	if !start.Before(end) || end.Sub(start) > Kept {
		return nil, 0, fmt.Errorf("start and end: want start before end, and at most %d days: %w", int(Kept.Hours()/24), tenancy.ErrInvalid)
	}
	span := max(end.Sub(start)/bars, time.Minute).Round(time.Minute)
	uses, err := s.store.LimitHistory(ctx, id, name, start, end, span)
	return uses, span, err
}

// Refusals returns the newest refusals of the last eight days.
func (s *Service) Refusals(ctx context.Context, id tenancy.ID, most int) ([]Refusal, error) {
	return s.store.LimitRefusals(ctx, id, s.now().Add(-Kept), most)
}

// Notices returns those of the last seven days.
func (s *Service) Notices(ctx context.Context, id tenancy.ID) ([]Notice, error) {
	return s.store.LimitNotices(ctx, id, s.now().Add(-7*24*time.Hour))
}

// SetOverride replaces one limit of a tenant for the operator p.
func (s *Service) SetOverride(ctx context.Context, p tenancy.Principal, id tenancy.ID, o tenant.Override) (Limit, error) {
	now := s.now().UTC()
	o.SetBy, o.SetAt = p.Actor, now
	if !o.ExpiresAt.IsZero() && !o.ExpiresAt.After(now) {
		return Limit{}, fmt.Errorf("expires_at %s is past: %w", o.ExpiresAt.UTC().Format(time.RFC3339), tenancy.ErrInvalid)
	}
	before, err := s.one(ctx, id, o.Limit)
	if err != nil {
		return Limit{}, err
	}
	if _, err := (tenant.Limits{}).With(map[string]int64{o.Limit: o.Maximum}); err != nil {
		return Limit{}, err
	}
	p.Tenant = id
	e := audit.Of(ctx, p, now, "limit/"+o.Limit, o).From(old(before))
	if err := s.store.PutOverride(ctx, id, o, e); err != nil {
		return Limit{}, err
	}
	return s.one(ctx, id, o.Limit)
}

// RemoveOverride gives a tenant its plan's limit again.
func (s *Service) RemoveOverride(ctx context.Context, p tenancy.Principal, id tenancy.ID, name string) (Limit, error) {
	before, err := s.one(ctx, id, name)
	if err != nil {
		return Limit{}, err
	}
	p.Tenant = id
	e := audit.Of(ctx, p, s.now(), "limit/"+name, map[string]int64{"maximum": before.PlanMaximum}).From(old(before))
	if err := s.store.DeleteOverride(ctx, id, name, e); err != nil {
		return Limit{}, err
	}
	return s.one(ctx, id, name)
}

// old is a limit before a change, for the audit log.
func old(l Limit) any {
	if l.Override != nil {
		return l.Override
	}
	return map[string]int64{"maximum": l.Maximum}
}

func (s *Service) one(ctx context.Context, id tenancy.ID, name string) (Limit, error) {
	if _, ok := (tenant.Limits{}).Of(name); !ok {
		return Limit{}, unknown(name)
	}
	list, _, err := s.List(ctx, id)
	if err != nil {
		return Limit{}, err
	}
	for _, l := range list {
		if l.Name == name {
			return l, nil
		}
	}
	return Limit{}, unknown(name)
}

func unknown(name string) error {
	return fmt.Errorf("there is no limit %s of a tenant: docs/limits.md lists them: %w", name, tenancy.ErrNotFound)
}
