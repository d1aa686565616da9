package cell

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// steps is how finely headroom is compared: a noise of a few per cent must not decide, fewer tenants do then.
const steps = 20

// Place chooses the cell of a region (empty: of any) for a new tenant: of the active ones below their cap on databases the
// one with the most headroom, then the fewest tenants, then the first. One that is heard is preferred to one that is not:
// a tenant placed on a silent cell waits until it is back. The error says why there is none.
func Place(cells []Cell, region string, now time.Time) (string, error) {
	var in []Cell
	var regions []string
	for _, c := range cells {
		if c.Configured && (region == "" || c.Region == region) {
			in = append(in, c)
		}
		if c.Configured && !slices.Contains(regions, c.Region) {
			regions = append(regions, c.Region)
		}
	}
	if len(in) == 0 {
		slices.Sort(regions)
		return "", fmt.Errorf("there is no region %q: choose one of %s: %w", region, strings.Join(regions, ", "), tenancy.ErrInvalid)
	}
	best := -1
	for i, c := range in {
		if c.State == StateActive && c.Placed < c.Capacity.Databases && (best < 0 || better(c, in[best], now)) {
			best = i
		}
	}
	if best < 0 {
		return "", full(in, region)
	}
	return in[best].Name, nil
}

func better(a, b Cell, now time.Time) bool {
	if live := a.Health(now) == HealthLive; live != (b.Health(now) == HealthLive) {
		return live
	}
	if x, y := math.Round(a.Headroom()*steps), math.Round(b.Headroom()*steps); x != y {
		return x > y
	}
	return a.Placed < b.Placed
}

// full explains why none of the cells takes a tenant.
func full(cells []Cell, region string) error {
	where := "the installation"
	if region != "" {
		where = "region " + region
	}
	var placed, most int64
	for _, c := range cells {
		if c.State == StateActive {
			placed, most = placed+int64(c.Placed), most+int64(c.Capacity.Databases)
		}
	}
	if most == 0 {
		return fmt.Errorf("%s takes no new organisations at present, its cells are being drained: choose another region or try later: %w", where, tenancy.ErrUnavailable)
	}
	return fmt.Errorf("%s has no room for another organisation, choose another region or tell the operators: %w", where,
		&tenancy.LimitError{Limit: tenancy.LimitDatabases, Scope: where, Current: placed, Maximum: most})
}

// Region is a place where a tenant may live.
type Region struct {
	Name string
	// Closed says why no new tenant can be placed there; nil: it can.
	Closed error
}

// Regions are those of the configured cells, by name.
func Regions(cells []Cell, now time.Time) []Region {
	var names []string
	for _, c := range cells {
		if c.Configured {
			names = append(names, c.Region)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	list := make([]Region, 0, len(names))
	for _, name := range names {
		_, err := Place(cells, name, now)
		list = append(list, Region{Name: name, Closed: err})
	}
	return list
}
