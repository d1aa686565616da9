package cell_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/cell"
	"github.com/millwright-io/millwright/tenancy"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// live is a configured, active cell that was heard just now.
func live(name, region string, change func(*cell.Cell)) cell.Cell {
	c := cell.Cell{Name: name, Region: region, Capacity: cell.Capacity{Databases: 10, EventsPerSecond: 1000}, State: cell.StateActive, HeardAt: now, Configured: true}
	if change != nil {
		change(&c)
	}
	return c
}

func TestPlace(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cells  []cell.Cell
		region string
		want   string
	}{
		"the fewest tenants when nothing else tells":   {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.Placed = 1 }), live("b", "eu", nil)}, "", "b"},
		"the first when nothing tells":                 {[]cell.Cell{live("a", "eu", nil), live("b", "eu", nil)}, "", "a"},
		"the region":                                   {[]cell.Cell{live("a", "eu", nil), live("b", "us", func(c *cell.Cell) { c.Placed = 9 })}, "us", "b"},
		"the rate counts":                              {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.Rate = 900 }), live("b", "eu", func(c *cell.Cell) { c.Placed = 3 })}, "", "b"},
		"the disk counts":                              {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.DiskBytes, c.DiskFreeBytes = 100, 10 }), live("b", "eu", func(c *cell.Cell) { c.Placed = 3 })}, "", "b"},
		"the log counts":                               {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.MaxLogBytes, c.LogBytes = 100, 90 }), live("b", "eu", func(c *cell.Cell) { c.Placed = 3 })}, "", "b"},
		"noise does not count":                         {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.Rate = 9 }), live("b", "eu", nil)}, "", "a"},
		"a draining one is left out":                   {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.State = cell.StateDraining }), live("b", "eu", func(c *cell.Cell) { c.Placed = 9 })}, "", "b"},
		"a full one is left out":                       {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.Placed = 10 }), live("b", "eu", func(c *cell.Cell) { c.Placed = 9 })}, "", "b"},
		"one that is not configured is left out":       {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.Configured = false }), live("b", "eu", nil)}, "", "b"},
		"one that is heard is preferred":               {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.HeardAt = now.Add(-11 * time.Second) }), live("b", "eu", func(c *cell.Cell) { c.Placed = 9 })}, "", "b"},
		"one that is not heard is better than nothing": {[]cell.Cell{live("a", "eu", func(c *cell.Cell) { c.HeardAt = time.Time{} })}, "", "a"},
	}
	for name, c := range cases {
		if got, err := cell.Place(c.cells, c.region, now); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestPlaceExplainsItsRefusal(t *testing.T) {
	t.Parallel()
	drained := live("a", "eu", func(c *cell.Cell) { c.State = cell.StateDraining })
	full := live("b", "us", func(c *cell.Cell) { c.Placed = 10 })
	if _, err := cell.Place([]cell.Cell{drained, full}, "mars", now); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), "eu, us") {
		t.Errorf("an unknown region: %v", err)
	}
	if _, err := cell.Place([]cell.Cell{drained, full}, "eu", now); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "region eu") {
		t.Errorf("a drained region: %v", err)
	}
	limit := (*tenancy.LimitError)(nil)
	_, err := cell.Place([]cell.Cell{drained, full}, "us", now)
	if !errors.As(err, &limit) || limit.Limit != "databases" || limit.Current != 10 || limit.Maximum != 10 || limit.Scope != "region us" {
		t.Errorf("a full region: %v", err)
	}
	regions := cell.Regions([]cell.Cell{full, drained, live("c", "ap", nil)}, now)
	if len(regions) != 3 || regions[0].Name != "ap" || regions[0].Closed != nil || regions[1].Closed == nil || regions[2].Closed == nil {
		t.Errorf("regions: %v", regions)
	}
}

func TestHealthAndHeadroom(t *testing.T) {
	t.Parallel()
	c := live("a", "eu", func(c *cell.Cell) { c.Placed, c.Rate = 2, 400 })
	if got := c.Headroom(); got != 0.6 {
		t.Errorf("headroom %v", got)
	}
	c.Rate = 2000
	if got := c.Headroom(); got != 0 {
		t.Errorf("headroom above the maximum: %v", got)
	}
	for age, want := range map[time.Duration]cell.Health{0: cell.HealthLive, cell.StaleAfter: cell.HealthLive, cell.StaleAfter + 1: cell.HealthStale} {
		c.HeardAt = now.Add(-age)
		if got := c.Health(now); got != want {
			t.Errorf("heard %s ago: %s", age, got)
		}
	}
	if got := (cell.Cell{}).Health(now); got != cell.HealthSilent {
		t.Errorf("never heard: %s", got)
	}
	for name, want := range map[string]bool{"eu-1": true, "local": true, "a_b": true, "": false, "-a": false, "Eu": false, "a.b": false, strings.Repeat("a", 33): false} {
		if cell.ValidName(name) != want {
			t.Errorf("name %q: %t", name, !want)
		}
	}
}
