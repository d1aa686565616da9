// Package query turns validated requests into SQL over one tenant's database and its rows into values. It knows no
// vendor: the store runs the statements as the tenant's own user. The API imports it.
package query

import (
	"context"
	"errors"
	"fmt"
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
	store     Store
	now       func() time.Time
	overviews overviews
	// together is comparedTogether, or fewer in tests.
	together uint64
}

// New returns a service over a store.
func New(store Store, now func() time.Time) *Service {
	return &Service{store: store, now: now, together: comparedTogether}
}

// Resolution is the width of the windows that a query is answered with.
type Resolution time.Duration

// The resolutions. Auto is raw when it fits the limit, else the finest window of a minute or more that does. Raw is the events
// as sent. Minutes are stored, as the engine closed them; seconds are made from the events, all others from minutes.
const (
	Auto        Resolution = 0
	Raw         Resolution = 1
	Second                 = Resolution(time.Second)
	Minute                 = Resolution(time.Minute)
	FiveMinutes            = Resolution(5 * time.Minute)
	QuarterHour            = Resolution(15 * time.Minute)
	Hour                   = Resolution(time.Hour)
	Day                    = Resolution(24 * time.Hour)
)

// choices are what Auto chooses from when raw does not fit, finest first.
var choices = []Resolution{Minute, FiveMinutes, QuarterHour, Hour, Day}

// Request says which device, what and when.
type Request struct {
	Device       string
	Measurements []string
	// Start is included, End is not.
	Start, End time.Time
	Resolution Resolution
	// Limit is how many points or windows of each series are returned: the newest of the range.
	Limit int
	// Quantiles that each window carries besides, from 0 to 1.
	Quantiles []float64
	// Kept is how long the tenant's telemetry is kept: where what the resolution is made from is gone, a coarser one answers.
	Kept tenancy.Kept
}

// Point is one value.
type Point struct {
	Time  time.Time
	Value float64
}

// Window is one measurement's summary over [Start, Start + the resolution).
type Window struct {
	Start                            time.Time
	Count                            uint64
	Sum, Min, Max, Mean, First, Last float64
	// Variance is NaN where it was not kept.
	Variance float64
	// Quantiles are those asked for; nil where the events are no longer stored.
	Quantiles []float64
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
	if r.Resolution == Raw && len(r.Quantiles) > 0 {
		return Result{}, fmt.Errorf("quantiles: want windows, the resolution is raw: %w", tenancy.ErrInvalid)
	}
	if r.Resolution == Auto {
		return s.fitting(ctx, tenant, r)
	}
	return s.at(ctx, tenant, r)
}

// fitting answers with the finest resolution of which the answer has room for all.
func (s *Service) fitting(ctx context.Context, tenant tenancy.ID, r Request) (Result, error) {
	result, ok, err := s.rawIfItFits(ctx, tenant, r)
	if !errors.Is(err, errFull) && (ok || err != nil) {
		return result, err
	}
	for _, c := range choices[slices.Index(choices, choose(r)):] {
		r.Resolution = c
		if result, err = s.at(ctx, tenant, r); !errors.Is(err, errFull) {
			return result, err
		}
	}
	return result, err
}

// at answers with a resolution, or with a coarser one where what it is made from is gone.
func (s *Service) at(ctx context.Context, tenant tenancy.ID, r Request) (Result, error) {
	var err error
	if r.Resolution, err = s.there(ctx, tenant, r.selection(), r.Resolution, choose(r), r.Kept); err != nil {
		return Result{}, err
	}
	if r.Resolution == Raw {
		return s.raw(ctx, tenant, r)
	}
	return s.windows(ctx, tenant, r)
}

func (r Request) selection() selection {
	return selection{r.Start, r.End, []string{r.Device}, r.Measurements}
}

// choose returns the finest resolution whose windows all fit the limit, or the coarsest.
func choose(r Request) Resolution {
	for _, c := range choices {
		if r.End.Sub(r.Start)/time.Duration(c) < time.Duration(r.Limit) {
			return c
		}
	}
	return choices[len(choices)-1]
}

// MostRows is how many points or windows an answer has at most, of all measurements together.
const MostRows = 200_000

// shortRange is read as it is: asking how much it holds would cost as much.
const shortRange = 10 * time.Minute

// rawIfItFits asks the windows first how many points there are, so that a long range costs no reading of its events.
func (s *Service) rawIfItFits(ctx context.Context, tenant tenancy.ID, r Request) (result Result, ok bool, err error) {
	if len(r.Quantiles) > 0 {
		return result, false, nil
	}
	if at, err := s.there(ctx, tenant, r.selection(), Raw, Minute, r.Kept); err != nil || at != Raw {
		return result, false, err
	}
	if r.End.Sub(r.Start) <= shortRange {
		result, err = s.raw(ctx, tenant, r)
		return result, !result.Truncated, err
	}
	var most uint64
	text, args := mostPointsSQL(r)
	if err := s.store.Query(ctx, tenant, text, args, func(row Row) error { return row.Scan(&most) }); err != nil {
		return result, false, err
	}
	if most > uint64(r.Limit) { //nolint:gosec // the limit is above zero
		return result, false, nil
	}
	result, err = s.raw(ctx, tenant, r)
	return result, !result.Truncated, err
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
		series, err := c.next(name)
		if series != nil {
			series.Points = append(series.Points, Point{time.Unix(0, at).UTC(), value})
		}
		return err
	})
	return c.result(Raw), full(err)
}

func (s *Service) windows(ctx context.Context, tenant tenancy.ID, r Request) (Result, error) {
	text, args := windowsSQL(r)
	if r.Resolution < Minute {
		text, args = secondsSQL(r)
	}
	c := collector{limit: r.Limit}
	err := s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var name string
		var w Window
		if err := row.Scan(&name, &w.Start, &w.Count, &w.Sum, &w.Min, &w.Max, &w.Mean, &w.Variance, &w.First, &w.Last); err != nil {
			return err
		}
		w.Start = w.Start.UTC()
		series, err := c.next(name)
		if series != nil {
			series.Windows = append(series.Windows, w)
		}
		return err
	})
	result, err := c.result(r.Resolution), full(err)
	if err == nil && len(r.Quantiles) > 0 {
		err = s.quantiles(ctx, tenant, r, result)
	}
	return result, err
}

// quantiles adds them to the windows of a result.
func (s *Service) quantiles(ctx context.Context, tenant tenancy.ID, r Request, result Result) error {
	type key struct {
		measurement string
		start       int64
	}
	at := map[key]*Window{}
	for i := range result.Series {
		for j := range result.Series[i].Windows {
			w := &result.Series[i].Windows[j]
			at[key{result.Series[i].Measurement, w.Start.Unix()}] = w
		}
	}
	text, args := quantilesSQL(r)
	return s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var name string
		var start time.Time
		var values []float64
		err := row.Scan(&name, &start, &values)
		if w := at[key{name, start.Unix()}]; w != nil {
			w.Quantiles = values
		}
		return err
	})
}

// collector gathers rows that come by measurement, newest first, with one more than the limit.
type collector struct {
	limit     int
	count     int
	rows      int
	series    []Series
	truncated bool
}

// errFull ends the reading of an answer that has MostRows.
var errFull = fmt.Errorf("the answer has more than %d points or windows: name measurements, or want a shorter range, a coarser resolution or a lower limit: %w",
	MostRows, tenancy.ErrInvalid)

// full is errFull without what stands around it where the rows were read.
func full(err error) error {
	if errors.Is(err, errFull) {
		return errFull
	}
	return err
}

// next is where the next row belongs; nil when its measurement has enough. The row after MostRows is errFull.
func (c *collector) next(name string) (*Series, error) {
	if c.rows++; c.rows > MostRows {
		return nil, errFull
	}
	if n := len(c.series); n == 0 || c.series[n-1].Measurement != name {
		c.series, c.count = append(c.series, Series{Measurement: name}), 0
	}
	if c.count++; c.count > c.limit {
		c.truncated = true
		return nil, nil
	}
	return &c.series[len(c.series)-1], nil
}

func (c *collector) result(resolution Resolution) Result {
	for i := range c.series {
		slices.Reverse(c.series[i].Points)
		slices.Reverse(c.series[i].Windows)
	}
	return Result{Series: c.series, Resolution: resolution, Truncated: c.truncated}
}
