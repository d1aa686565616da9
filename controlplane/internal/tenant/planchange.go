package tenant

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// PlanChange is another plan for a tenant.
type PlanChange struct {
	// From is the plan that the tenant has; when it has another one by now, the change is an ErrConflict.
	From string `json:"-"`
	Plan string `json:"plan"`
	// EffectiveAt is the first hour that is billed by it.
	EffectiveAt time.Time `json:"effective_at"`
	// AtOnce: the limits change now. Otherwise at EffectiveAt.
	AtOnce bool `json:"at_once"`
	// By is who asked for it.
	By string    `json:"-"`
	At time.Time `json:"-"`
}

// PlanStore changes plans. Every change is in the record that bills are cut by, in the audit log, and on its way to the cell in the
// same transaction.
type PlanStore interface {
	// ChangePlan replaces a change that waits.
	ChangePlan(ctx context.Context, id tenancy.ID, c PlanChange, e audit.Entry) error
	// CancelPlanChange fails with ErrNotFound when none waits.
	CancelPlanChange(ctx context.Context, id tenancy.ID, e audit.Entry) error
	// ApplyPlanChange gives one tenant the plan that waited until now, and returns its id; empty: none is due. entry makes the audit
	// entry.
	ApplyPlanChange(ctx context.Context, now time.Time, entry func(id tenancy.ID, from, to string) audit.Entry) (tenancy.ID, error)
	// CountedUse says how much there is of what a plan limits by number, by the limit's name.
	CountedUse(ctx context.Context, id tenancy.ID) (map[string]int64, error)
}

// ChangePlan gives the caller's tenant another plan, now or later.
func (s *Service) ChangePlan(ctx context.Context, p tenancy.Principal, c PlanChange) error {
	if _, err := planOf(s.plans, c.Plan); err != nil {
		return err
	}
	c.By, c.At = p.Actor, s.now().UTC()
	e := audit.Of(ctx, p, s.now(), object(p.Tenant)+"/plan", c).From(map[string]string{"plan": c.From})
	return s.store.ChangePlan(ctx, p.Tenant, c, e)
}

// CancelPlanChange takes back a change that waits.
func (s *Service) CancelPlanChange(ctx context.Context, p tenancy.Principal) error {
	return s.store.CancelPlanChange(ctx, p.Tenant, audit.Of(ctx, p, s.now(), object(p.Tenant)+"/plan", map[string]string{"pending": ""}))
}

// counted are the limits on what exists: a plan is not for a tenant that has more.
var counted = []string{tenancy.LimitDevices, tenancy.LimitGroups, tenancy.LimitMembers, tenancy.LimitKeys}

// PlanObstacles says what a tenant has too much of for a plan.
func (s *Service) PlanObstacles(ctx context.Context, id tenancy.ID, plan string) (list []string, err error) {
	to, err := planOf(s.plans, plan)
	if err != nil {
		return nil, err
	}
	used, err := s.store.CountedUse(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, name := range counted {
		most, _ := to.Limits.Of(name)
		if used[name] > most {
			list = append(list, fmt.Sprintf("there are %d %s, the plan allows %d: remove some first", used[name], name, most))
		}
	}
	return list, nil
}

// ApplyPlanChanges gives tenants the plans that waited until now.
func (s *Service) ApplyPlanChanges(ctx context.Context, now time.Time, log *slog.Logger) {
	for ctx.Err() == nil {
		id, err := s.store.ApplyPlanChange(ctx, now, func(id tenancy.ID, from, to string) audit.Entry {
			e := audit.Of(ctx, tenancy.Principal{Tenant: id, Actor: audit.System}, s.now(), object(id)+"/plan", map[string]string{"plan": to})
			e.Action = "apply plan change"
			return e.From(map[string]string{"plan": from})
		})
		if err != nil {
			log.WarnContext(ctx, "cannot apply a change of plan, trying again", slog.String("tenant", string(id)), slog.Any("error", err))
			return
		}
		if id == "" {
			return
		}
	}
}
