package rpc

import (
	"context"
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
	if err := withinADay(from, to); err != nil {
		return nil, err
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
