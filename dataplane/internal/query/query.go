// Package query turns validated requests into SQL over one tenant's database and its rows into values. It knows no
// vendor: the store runs the statements as the tenant's own user. The API imports it.
package query

import (
	"context"
	"slices"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Row is one of a result.
type Row interface{ Scan(dest ...any) error }

// Store runs a statement in the tenant's database as the tenant's user.
type Store interface {
	Query(ctx context.Context, tenant tenancy.ID, text string, args []any, each func(Row) error) error
}

// Service answers queries. It is safe for concurrent use.
type Service struct {
	store Store
	now   func() time.Time
}

// New returns a service over a store.
func New(store Store, now func() time.Time) *Service { return &Service{store, now} }

// Resolution is what a query is answered with.
type Resolution int

// The resolutions. Auto is raw when it fits the limit, else windows.
const (
	Auto Resolution = iota
	Raw
	Minute
)

// Request says which device, what and when.
type Request struct {
	Device       string
	Measurements []string
	// Start is included, End is not.
	Start, End time.Time
	Resolution Resolution
	// Limit is how many points or windows of each series are returned: the newest of the range.
	Limit int
}

// Point is one value.
type Point struct {
	Time  time.Time
	Value float64
}

// Window is one minute.
type Window struct {
	Start                       time.Time
	Count                       uint64
	Min, Max, Mean, First, Last float64
}

// Series is one measurement, oldest first. Points or Windows are set.
type Series struct {
	Measurement string
	Points      []Point
	Windows     []Window
}

// Result carries series by name.
type Result struct {
	Series     []Series
	Resolution Resolution
	// Truncated says that the range has more than the limit.
	Truncated bool
}

// Series answers a request.
func (s *Service) Series(ctx context.Context, tenant tenancy.ID, r Request) (Result, error) {
	if r.Resolution != Minute {
		result, err := s.raw(ctx, tenant, r)
		if err != nil || r.Resolution == Raw || !result.Truncated {
			return result, err
		}
	}
	return s.windows(ctx, tenant, r)
}

func (s *Service) raw(ctx context.Context, tenant tenancy.ID, r Request) (Result, error) {
	text, args := rawSQL(r)
	c := collector{limit: r.Limit}
	err := s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var name string
		var at int64
		var value float64
		if err := row.Scan(&name, &at, &value); err != nil {
			return err
		}
		if series := c.next(name); series != nil {
			series.Points = append(series.Points, Point{time.Unix(0, at).UTC(), value})
		}
		return nil
	})
	return c.result(Raw), err
}

func (s *Service) windows(ctx context.Context, tenant tenancy.ID, r Request) (Result, error) {
	text, args := windowsSQL(r)
	c := collector{limit: r.Limit}
	err := s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var name string
		var w Window
		if err := row.Scan(&name, &w.Start, &w.Count, &w.Min, &w.Max, &w.Mean, &w.First, &w.Last); err != nil {
			return err
		}
		w.Start = w.Start.UTC()
		if series := c.next(name); series != nil {
			series.Windows = append(series.Windows, w)
		}
		return nil
	})
	return c.result(Minute), err
}

// collector gathers rows that come by measurement, newest first, with one more than the limit.
type collector struct {
	limit     int
	count     int
	series    []Series
	truncated bool
}

func (c *collector) next(name string) *Series {
	if n := len(c.series); n == 0 || c.series[n-1].Measurement != name {
		c.series, c.count = append(c.series, Series{Measurement: name}), 0
	}
	if c.count++; c.count > c.limit {
		c.truncated = true
		return nil
	}
	return &c.series[len(c.series)-1]
}

func (c *collector) result(resolution Resolution) Result {
	for i := range c.series {
		slices.Reverse(c.series[i].Points)
		slices.Reverse(c.series[i].Windows)
	}
	return Result{Series: c.series, Resolution: resolution, Truncated: c.truncated}
}
