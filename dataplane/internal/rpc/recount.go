package rpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// maxRecount is the longest range of one recount.
const maxRecount = 24 * time.Hour

// Recount implements TelemetryService.
func (s *telemetryService) Recount(ctx context.Context, req *telemetryv1.RecountRequest) (*telemetryv1.RecountResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	from, to := req.GetStart().AsTime(), req.GetEnd().AsTime()
	if !from.Before(to) || to.Sub(from) > maxRecount {
		return nil, fmt.Errorf("range from %s to %s: want a start before its end, at most %s apart: %w",
			from.Format(time.RFC3339), to.Format(time.RFC3339), maxRecount, tenancy.ErrInvalid)
	}
	if from.Year() < 1971 || to.Year() > 2100 {
		return nil, fmt.Errorf("range from %s to %s: want years 1971 to 2100: %w", from.Format(time.RFC3339), to.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	r, err := s.deps.Queries.Recount(ctx, p.Tenant, from, to)
	if err != nil {
		return nil, err
	}
	return recountedToProto(r), nil
}

func recountedToProto(r query.Recounted) *telemetryv1.RecountResponse {
	out := &telemetryv1.RecountResponse{Windows: r.Windows, Different: r.Different}
	for _, d := range r.Examples {
		out.Examples = append(out.Examples, &telemetryv1.WindowDifference{
			DeviceId: d.Device, Measurement: d.Measurement, Start: timestamppb.New(d.Start),
			Stored: summaryToProto(d.Stored), Recounted: summaryToProto(d.Recounted),
		})
	}
	for _, c := range r.Counts {
		out.Hours = append(out.Hours, &telemetryv1.HourCount{
			Start: timestamppb.New(c.Start), Events: c.Events, Points: c.Points, Bytes: c.Bytes,
			EngineDeadLetters: c.EngineDeadLetters, GatewayDeadLetters: c.GatewayDeadLetters,
		})
	}
	return out
}

func summaryToProto(s query.Summary) *telemetryv1.WindowSummary {
	return &telemetryv1.WindowSummary{Count: s.Count, Sum: s.Sum, Min: s.Min, Max: s.Max, First: s.First, Last: s.Last}
}
