package rpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing/reconciliation"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// maxTotalsRange is the longest range of one list of totals.
	maxTotalsRange = 24 * time.Hour
	// mostMismatches bounds a list.
	mostMismatches = 1000
)

// ListTotals returns the ledger's rows.
func (s *Server) ListTotals(ctx context.Context, req *usagev1.ListTotalsRequest) (*usagev1.ListTotalsResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	start, end := req.GetStart().AsTime().Truncate(time.Hour), req.GetEnd().AsTime()
	if !start.Before(end) || end.Sub(start) > maxTotalsRange {
		return nil, fmt.Errorf("range from %s to %s: want a start before its end, at most a day apart: %w", start.Format(time.RFC3339), end.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	list, err := s.ledger.Totals(ctx, p.Tenant, start, end)
	if err != nil {
		return nil, err
	}
	res := &usagev1.ListTotalsResponse{}
	for _, t := range list {
		if d, ok := t.Meter.Definition(); !ok || d.Internal {
			continue
		}
		res.Totals = append(res.Totals, &usagev1.Total{
			TenantId: string(t.Tenant), Cell: t.Cell, Partition: t.Partition, Hour: timestamppb.New(t.Hour), Meter: string(t.Meter), Value: t.Value, Version: t.Version,
		})
	}
	return res, nil
}

// ListMismatches returns the tenant's.
func (s *Server) ListMismatches(ctx context.Context, req *usagev1.ListMismatchesRequest) (*usagev1.ListMismatchesResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.ledger.Mismatches(ctx, p.Tenant, req.GetResolved(), mostMismatches)
	if err != nil {
		return nil, err
	}
	return &usagev1.ListMismatchesResponse{Mismatches: mismatchesToProto(list)}, nil
}

// ListAllMismatches returns those of one tenant, or of all. The chain lets operators in only.
func (s *Server) ListAllMismatches(ctx context.Context, req *usagev1.ListAllMismatchesRequest) (*usagev1.ListAllMismatchesResponse, error) {
	list, err := s.ledger.AllMismatches(ctx, tenancy.ID(req.GetTenantId()), req.GetResolved(), mostMismatches)
	if err != nil {
		return nil, err
	}
	return &usagev1.ListAllMismatchesResponse{Mismatches: mismatchesToProto(list)}, nil
}

var mismatchKinds = map[reconciliation.Kind]usagev1.MismatchKind{
	reconciliation.Rows: usagev1.MismatchKind_MISMATCH_KIND_ROWS, reconciliation.Ledger: usagev1.MismatchKind_MISMATCH_KIND_LEDGER,
	reconciliation.Unnoted: usagev1.MismatchKind_MISMATCH_KIND_UNNOTED, reconciliation.Sum: usagev1.MismatchKind_MISMATCH_KIND_SUM,
}

func mismatchesToProto(list []reconciliation.Mismatch) (out []*usagev1.Mismatch) {
	for _, m := range list {
		p := &usagev1.Mismatch{
			TenantId: string(m.Tenant), Cell: m.Cell, Partition: m.Partition, Hour: timestamppb.New(m.Hour), Meter: string(m.Meter), Kind: mismatchKinds[m.Kind],
			Ledger: m.Ledger, Counted: m.Counted, Stored: m.Stored, FoundAt: timestamppb.New(m.FoundAt),
		}
		if !m.ResolvedAt.IsZero() {
			p.ResolvedAt = timestamppb.New(m.ResolvedAt)
		}
		out = append(out, p)
	}
	return out
}
