package budget

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// tick is how often it is looked for budgets that are due; each is due at every full hour of the billing clock.
	tick = time.Second
	// batch is how many are asked for at once.
	batch = 100
)

// system is the actor of what nobody called for.
const system = "system"

// Run looks at what is due until ctx is done. Two processes that look at the same tell of nothing twice.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := s.Round(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "cannot look at budgets", slog.Any("error", err))
		}
	}
}

// Round looks at every budget that is due. One that cannot be looked at does not keep the others waiting.
func (s *Service) Round(ctx context.Context) error {
	ids, err := s.store.DueBudgets(ctx, s.now(), batch)
	for _, id := range ids {
		err = errors.Join(err, s.Look(ctx, id))
	}
	return err
}

// Look compares a tenant's budget with its month, tells of what is new and holds back what is to be.
func (s *Service) Look(ctx context.Context, id tenancy.ID) error {
	b, err := s.store.Budget(ctx, id)
	if errors.Is(err, tenancy.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	spending, err := s.spending(ctx, id)
	if err != nil {
		return err
	}
	now := s.now().UTC()
	return s.store.SettleBudget(ctx, id, b.Revision, Settlement{
		Outcome: Of(b, spending, now),
		Write:   func(organisation string, n Notice) Letter { return letter(s.origin, organisation, b, n) },
		Held:    func(before, after *Hold) Change { return held(now, before, after) },
		Next:    now.Truncate(time.Hour).Add(time.Hour),
	})
}

func held(at time.Time, before, after *Hold) Change {
	c := Change{At: at, Actor: system, Action: "budget holds events back", Before: text(before), After: text(after)}
	if after == nil {
		c.Action = "budget holds no events back"
	}
	return c
}
