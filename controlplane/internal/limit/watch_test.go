package limit_test

import (
	"testing"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/limit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

func TestANoticeComesWithTheLimitAndNotWithABurst(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		used, refused int64
		percent       int
	}{
		"little":                       {2000, 0, 0},
		"four fifths":                  {4000, 0, 80},
		"all":                          {5000, 0, 100},
		"a burst that was taken whole": {9000, 0, 0},
		"more than the burst":          {9000, 12, 100},
	} {
		limits := tenant.TeamLimits()
		state := limit.State{
			Tenant: tenant.Tenant{Limits: limits}, Plan: limits,
			Uses:    map[string]limit.Use{tenancy.LimitEventsPerSecond: {Start: now, Used: c.used, Maximum: limits.EventsPerSecond}},
			Refused: map[string]int64{tenancy.LimitEventsPerSecond: c.refused},
		}
		percent := 0
		for _, n := range limit.Due(state, now) {
			if n.Limit == tenancy.LimitEventsPerSecond {
				percent = n.Percent
			}
		}
		if percent != c.percent {
			t.Errorf("%s: a notice at %d, want %d", name, percent, c.percent)
		}
	}
}
