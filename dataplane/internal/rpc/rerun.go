package rpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Rerun implements TelemetryService.
func (s *telemetryService) Rerun(ctx context.Context, req *telemetryv1.RerunRequest) (*telemetryv1.RerunResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	from, to := req.GetStart().AsTime(), req.GetEnd().AsTime()
	if err := withinADay(from, to); err != nil {
		return nil, err
	}
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	r, err := s.deps.Rerun.Run(ctx, p.Tenant, from, to)
	if err != nil {
		return nil, err
	}
	out := &telemetryv1.RerunResponse{Events: r.Events, Duplicates: r.Duplicates, Refused: r.Refused, Windows: r.Windows, Different: r.Different}
	for _, d := range r.Examples {
		out.Examples = append(out.Examples, &telemetryv1.WindowDifference{
			DeviceId: d.Device, Measurement: d.Measurement, Start: timestamppb.New(d.Start), Stored: summaryToProto(d.Stored), Recounted: summaryToProto(d.Recounted),
		})
	}
	for _, h := range r.Hours {
		out.Hours = append(out.Hours, &telemetryv1.RerunHour{Start: timestamppb.New(h.Start), Events: h.Events, Points: h.Points, Bytes: h.Bytes})
	}
	return out, nil
}

// withinADay refuses a range that a recount does not take.
func withinADay(from, to time.Time) error {
	if !from.Before(to) || to.Sub(from) > maxRecount {
		return fmt.Errorf("range from %s to %s: want a start before its end, at most %s apart: %w",
			from.Format(time.RFC3339), to.Format(time.RFC3339), maxRecount, tenancy.ErrInvalid)
	}
	if from.Year() < 1971 || to.Year() > 2100 {
		return fmt.Errorf("range from %s to %s: want years 1971 to 2100: %w", from.Format(time.RFC3339), to.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	return nil
}
