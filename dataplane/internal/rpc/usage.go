package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// CountUsage implements TelemetryService. The range is widened to whole hours.
func (s *telemetryService) CountUsage(ctx context.Context, req *telemetryv1.CountUsageRequest) (*telemetryv1.CountUsageResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	from, to := req.GetStart().AsTime().Truncate(time.Hour), req.GetEnd().AsTime().Add(time.Hour-1).Truncate(time.Hour)
	if err := withinADay(from, to); err != nil {
		return nil, err
	}
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	rows, err := s.deps.Queries.HourCounts(ctx, p.Tenant, nil, from, to)
	if err != nil {
		return nil, s.deps.unserved(p.Tenant, err)
	}
	noted, err := s.deps.Queries.NotedHours(ctx, p.Tenant, from, to)
	if err != nil {
		return nil, s.deps.unserved(p.Tenant, err)
	}
	out := &telemetryv1.CountUsageResponse{}
	if days := s.deps.kept(p.Tenant).Events; days > 0 {
		out.RowsSince = timestamppb.New(s.deps.Now().AddDate(0, 0, -days))
	}
	for _, c := range rows {
		out.Rows = append(out.Rows, hourCountToProto(c)...)
	}
	for _, n := range noted {
		out.Notes = append(out.Notes, &telemetryv1.UsageCount{
			Hour: timestamppb.New(n.Start), Partition: uint32(n.Partition), Meter: n.Meter, Version: n.Version, Counted: n.Counted, Stored: n.Stored, //nolint:gosec // a partition's number
			NotedAt: timestamppb.New(n.Noted),
		})
	}
	return out, nil
}

func hourCountToProto(c query.HourCount) (list []*telemetryv1.UsageCount) {
	for _, m := range []struct {
		name   string
		stored uint64
	}{
		{"bytes", c.Bytes}, {"dead_letters", c.DeadLetters}, {"device_hours", c.DeviceHours}, {"events", c.Events}, {"points", c.Points},
	} {
		list = append(list, &telemetryv1.UsageCount{Hour: timestamppb.New(c.Start), Partition: uint32(c.Partition), Meter: m.name, Stored: m.stored}) //nolint:gosec // a partition's number
	}
	return list
}
