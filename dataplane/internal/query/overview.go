package query

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// overviewAge is how long what the windows said of a fleet is good for: whoever looks at one asks every second or two, and
	// three of the four statements of an answer would say the same again.
	overviewAge = 5 * time.Second
	// mostOverviews and mostOverviewKey bound what is kept.
	mostOverviews   = 256
	mostOverviewKey = 64 << 10
)

// overview is what the windows said of devices at a time. It does not change once it is made.
type overview struct {
	at      time.Time
	devices map[string]*Latest
}

// copy returns the devices for a reader who adds to them.
func (o *overview) copy() map[string]*Latest {
	out := make(map[string]*Latest, len(o.devices))
	for id, l := range o.devices {
		own := *l
		own.Values = maps.Clone(l.Values)
		own.Sparkline = slices.Clone(l.Sparkline)
		out[id] = &own
	}
	return out
}

// overviews keeps the newest of each tenant and set of devices.
type overviews struct {
	mu   sync.Mutex
	kept map[string]*overview
}

func overviewKey(tenant tenancy.ID, devices []string) string {
	return string(tenant) + "\x00" + strings.Join(devices, "\x00")
}

func (o *overviews) get(key string, now time.Time) *overview {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found := o.kept[key]; found != nil && now.Sub(found.at) < overviewAge && !now.Before(found.at) {
		return found
	}
	return nil
}

func (o *overviews) put(key string, made *overview) {
	if len(key) > mostOverviewKey {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.kept == nil {
		o.kept = map[string]*overview{}
	}
	if len(o.kept) >= mostOverviews {
		maps.DeleteFunc(o.kept, func(_ string, old *overview) bool { return made.at.Sub(old.at) >= overviewAge })
	}
	if len(o.kept) < mostOverviews || o.kept[key] != nil {
		o.kept[key] = made
	}
}

// overview is what the windows say of devices, at most overviewAge old.
func (s *Service) overview(ctx context.Context, tenant tenancy.ID, devices []string) (*overview, error) {
	key, now := overviewKey(tenant, devices), s.now()
	if found := s.overviews.get(key, now); found != nil {
		return found, nil
	}
	made := &overview{at: now, devices: map[string]*Latest{}}
	if err := s.newest(ctx, tenant, devices, made.devices); err != nil {
		return nil, err
	}
	if err := s.heard(ctx, tenant, devices, made.devices); err != nil {
		return nil, err
	}
	if err := s.sparklines(ctx, tenant, devices, made.devices); err != nil {
		return nil, err
	}
	s.overviews.put(key, made)
	return made, nil
}
