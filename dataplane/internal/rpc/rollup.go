package rpc

import (
	"context"
	"fmt"
	"math"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// defaultWindows is how many windows of each series a rollup has.
const defaultWindows = 500

// Rollup implements TelemetryService.
func (s *telemetryService) Rollup(ctx context.Context, req *telemetryv1.RollupRequest) (*telemetryv1.RollupResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	usual, err := requestFromProto(&telemetryv1.QueryRequest{
		Start: req.GetStart(), End: req.GetEnd(), Resolution: req.GetResolution(), Limit: req.GetLimit(), Measurements: req.GetMeasurements(),
	}, s.deps.Now())
	if err != nil {
		return nil, err
	}
	r := query.RollupRequest{Start: usual.Start, End: usual.End, Resolution: usual.Resolution, Measurements: usual.Measurements, Limit: int(req.GetLimit())}
	r.Kept = s.deps.kept(p.Tenant)
	if r.Limit == 0 {
		r.Limit = defaultWindows
	}
	if r.Resolution == query.Raw || r.Resolution == query.Second {
		return nil, fmt.Errorf("resolution: a rollup has windows of a minute or more: %w", tenancy.ErrInvalid)
	}
	whole := req.GetBy() == telemetryv1.PlaceLevel_PLACE_LEVEL_UNSPECIFIED && req.GetFacility() == "" && req.GetLine() == "" && req.GetStation() == ""
	if !whole || len(p.Facilities) > 0 {
		r.Places = s.deps.places(p, req)
		if len(r.Places) == 0 {
			return &telemetryv1.RollupResponse{Resolution: resolutionToProto(r.Resolution)}, nil
		}
	}
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	result, err := s.deps.Queries.Rollup(ctx, p.Tenant, r)
	if err != nil {
		return nil, err
	}
	return rollupToProto(result), nil
}

// places are the devices that a rollup counts and the caller may see, with the place that each counts for.
func (d Deps) places(p tenancy.Principal, req *telemetryv1.RollupRequest) map[string]query.Place {
	out := map[string]query.Place{}
	matches := func(want, is string) bool { return want == "" || want == is }
	d.Catalog.EachDevice(p.Tenant, func(id string, device catalog.Device) {
		if !p.Sees(device.Facility) || !matches(req.GetFacility(), device.Facility) || !matches(req.GetLine(), device.Line) || !matches(req.GetStation(), device.Station) {
			return
		}
		place := query.Place{}
		if req.GetBy() >= telemetryv1.PlaceLevel_PLACE_LEVEL_FACILITY {
			place.Facility = device.Facility
		}
		if req.GetBy() >= telemetryv1.PlaceLevel_PLACE_LEVEL_LINE {
			place.Line = device.Line
		}
		if req.GetBy() >= telemetryv1.PlaceLevel_PLACE_LEVEL_STATION {
			place.Station = device.Station
		}
		out[id] = place
	})
	return out
}

func rollupToProto(r query.Rollup) *telemetryv1.RollupResponse {
	out := &telemetryv1.RollupResponse{Resolution: resolutionToProto(r.Resolution), Truncated: r.Truncated}
	for _, s := range r.Series {
		series := &telemetryv1.PlaceSeries{Facility: s.Place.Facility, Line: s.Place.Line, Station: s.Place.Station, Measurement: s.Measurement}
		for _, w := range s.Windows {
			m := &telemetryv1.RollupWindow{
				Start: timestamppb.New(w.Start), Count: w.Count, Sum: w.Sum, Min: w.Min, Max: w.Max, Mean: w.Mean, Devices: uint32(w.Devices), //nolint:gosec // a count
			}
			if !math.IsNaN(w.Variance) {
				m.Variance = &w.Variance
			}
			series.Windows = append(series.Windows, m)
		}
		out.Series = append(out.Series, series)
	}
	return out
}
