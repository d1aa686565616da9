// Package rpc serves UsageService. The control plane mounts it behind the chain that authenticates.
package rpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/cost"
	"github.com/millwright-io/millwright/billing/reconciliation"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Ledger reads usage.
type Ledger interface {
	// Usage returns the hours of [start, end) in which something was counted.
	Usage(ctx context.Context, id tenancy.ID, start, end time.Time) ([]billing.Hour, error)
	// Totals returns the rows of the hours that begin in [start, end).
	Totals(ctx context.Context, id tenancy.ID, start, end time.Time) ([]billing.Total, error)
	// Mismatches are a tenant's, AllMismatches those of a tenant or, without one, of all; open ones first.
	Mismatches(ctx context.Context, id tenancy.ID, resolved bool, limit int) ([]reconciliation.Mismatch, error)
	AllMismatches(ctx context.Context, id tenancy.ID, resolved bool, limit int) ([]reconciliation.Mismatch, error)
	// Months are what all tenants used and were billed in a month.
	Months(ctx context.Context, start, end time.Time, limit int) ([]cost.Month, error)
}

// Plans knows what a tenant's plan includes.
type Plans interface {
	Plan(ctx context.Context, id tenancy.ID) (name string, eventsPerDay int64, err error)
}

const (
	defaultRange = 24 * time.Hour
	maxRange     = 31 * 24 * time.Hour
)

// Server implements UsageServiceHandler.
type Server struct {
	ledger Ledger
	plans  Plans
	now    func() time.Time
}

// New returns the service.
func New(ledger Ledger, plans Plans, now func() time.Time) *Server {
	return &Server{ledger: ledger, plans: plans, now: now}
}

// Get returns every hour of a range and the day so far.
func (s *Server) Get(ctx context.Context, req *usagev1.GetRequest) (*usagev1.GetResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	start, end, err := span(req, now)
	if err != nil {
		return nil, err
	}
	hours, err := s.ledger.Usage(ctx, p.Tenant, start, end)
	if err != nil {
		return nil, err
	}
	midnight := now.Truncate(24 * time.Hour)
	today, err := s.ledger.Usage(ctx, p.Tenant, midnight, midnight.Add(24*time.Hour))
	if err != nil {
		return nil, err
	}
	plan, perDay, err := s.plans.Plan(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &usagev1.GetResponse{Today: hourToProto(billing.Sum(today, midnight)), EventsPerDay: perDay, Plan: plan, Meters: metersToProto()}
	for _, h := range billing.Fill(hours, start, end) {
		res.Hours = append(res.Hours, hourToProto(h))
	}
	return res, nil
}

// span reads the range: both ends are times that exist, in order, and not too far apart.
func span(req *usagev1.GetRequest, now time.Time) (start, end time.Time, err error) {
	end = now
	if req.GetEnd() != nil {
		if err := req.GetEnd().CheckValid(); err != nil {
			return start, end, fmt.Errorf("end: %w: %w", err, tenancy.ErrInvalid)
		}
		end = req.GetEnd().AsTime()
	}
	start = end.Add(-defaultRange)
	if req.GetStart() != nil {
		if err := req.GetStart().CheckValid(); err != nil {
			return start, end, fmt.Errorf("start: %w: %w", err, tenancy.ErrInvalid)
		}
		start = req.GetStart().AsTime()
	}
	if !start.Before(end) {
		return start, end, fmt.Errorf("start must be before end: %w", tenancy.ErrInvalid)
	}
	if end.Sub(start) > maxRange {
		return start, end, fmt.Errorf("the range is longer than 31 days, ask for less at a time: %w", tenancy.ErrInvalid)
	}
	return start.Truncate(time.Hour), end, nil
}

func hourToProto(h billing.Hour) *usagev1.Hour {
	out := &usagev1.Hour{
		Start: timestamppb.New(h.Start), Events: h.Of(billing.MeterEvents), Points: h.Of(billing.MeterPoints),
		Duplicates: h.Of(billing.MeterDuplicates), DeadLetters: h.Of(billing.MeterDeadLetters), Bytes: h.Of(billing.MeterBytes),
		Meters: make(map[string]uint64, len(h.Used)),
	}
	for m, value := range h.Used {
		if d, _ := m.Definition(); !d.Internal && value > 0 {
			out.Meters[string(m)] = value
		}
	}
	return out
}

func metersToProto() (list []*usagev1.Meter) {
	for _, d := range billing.Definitions() {
		if !d.Internal {
			list = append(list, &usagev1.Meter{Name: string(d.Meter), What: d.What, Where: d.Where, Unit: d.Unit, Per: d.Per, Rounding: d.Rounding, Proof: string(d.Proof)})
		}
	}
	return list
}
