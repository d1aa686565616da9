package rpc

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/live"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	defaultRange = time.Hour
	defaultLimit = 2000
)

type telemetryService struct{ deps Deps }

// reach is nil when the tenant has the device and the caller is not confined to other facilities.
func (d Deps) reach(p tenancy.Principal, device string) error {
	known := d.Catalog.AwaitDevice(p.Tenant, device, "")
	if known && len(p.Facilities) > 0 {
		found, _ := d.Catalog.Device(p.Tenant, device)
		known = p.Sees(found.Facility)
	}
	if !known {
		return fmt.Errorf("no device %s: %w", device, tenancy.ErrNotFound)
	}
	return nil
}

// within narrows a request for some devices, none meaning all, to what the caller may see. Without any left it is false.
func (d Deps) within(p tenancy.Principal, devices []string) ([]string, bool) {
	if len(p.Facilities) == 0 {
		return devices, true
	}
	seen := d.Catalog.DevicesAt(p.Tenant, p.Facilities)
	if len(devices) > 0 {
		seen = slices.DeleteFunc(seen, func(id string) bool { return !slices.Contains(devices, id) })
	}
	return seen, len(seen) > 0
}

// Query implements TelemetryService.
func (s *telemetryService) Query(ctx context.Context, req *telemetryv1.QueryRequest) (*telemetryv1.QueryResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.deps.reach(p, req.GetDeviceId()); err != nil {
		return nil, err
	}
	r, err := requestFromProto(req, s.deps.Now())
	if err != nil {
		return nil, err
	}
	r.Kept = s.deps.kept(p.Tenant)
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	result, err := s.deps.Queries.Series(ctx, p.Tenant, r)
	if err != nil {
		return nil, s.deps.unserved(p.Tenant, err)
	}
	return resultToProto(result), nil
}

func requestFromProto(req *telemetryv1.QueryRequest, now time.Time) (query.Request, error) {
	r := query.Request{
		Device: req.GetDeviceId(), Measurements: req.GetMeasurements(), End: now, Limit: int(req.GetLimit()),
		Resolution: resolutionFromProto(req.GetResolution()), Quantiles: req.GetQuantiles(),
	}
	if req.GetEnd() != nil {
		r.End = req.GetEnd().AsTime()
	}
	r.Start = r.End.Add(-defaultRange)
	if req.GetStart() != nil {
		r.Start = req.GetStart().AsTime()
	}
	if r.Limit == 0 {
		r.Limit = defaultLimit
	}
	if !r.Start.Before(r.End) {
		return r, fmt.Errorf("start %s is not before end %s: %w", r.Start.Format(time.RFC3339), r.End.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	if y := r.Start.Year(); y < 1971 || r.End.Year() > 2100 {
		return r, fmt.Errorf("range from %s to %s: want years 1971 to 2100: %w", r.Start.Format(time.RFC3339), r.End.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	return r, nil
}

// kept is how long the tenant's telemetry is kept.
func (d Deps) kept(tenant tenancy.ID) tenancy.Kept {
	t, _ := d.Catalog.Tenant(tenant)
	return t.Kept
}

func resultToProto(result query.Result) *telemetryv1.QueryResponse {
	out := &telemetryv1.QueryResponse{Resolution: resolutionToProto(result.Resolution), Truncated: result.Truncated}
	for _, s := range result.Series {
		series := &telemetryv1.Series{Measurement: s.Measurement}
		for _, p := range s.Points {
			series.Points = append(series.Points, &telemetryv1.Point{Time: timestamppb.New(p.Time), Value: p.Value})
		}
		for _, w := range s.Windows {
			series.Windows = append(series.Windows, windowToProto(w))
		}
		out.Series = append(out.Series, series)
	}
	return out
}

func windowToProto(w query.Window) *telemetryv1.Window {
	out := &telemetryv1.Window{
		Start: timestamppb.New(w.Start), Count: w.Count, Sum: w.Sum, Min: w.Min, Max: w.Max, Mean: w.Mean, First: w.First, Last: w.Last,
		Quantiles: w.Quantiles,
	}
	if !math.IsNaN(w.Variance) {
		out.Variance = &w.Variance
	}
	return out
}

// Latest implements TelemetryService.
func (s *telemetryService) Latest(ctx context.Context, req *telemetryv1.LatestRequest) (*telemetryv1.LatestResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	out := &telemetryv1.LatestResponse{}
	ids, some := s.deps.within(p, req.GetDeviceIds())
	if !some {
		return out, nil
	}
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	var devices []query.Latest
	if req.GetTimesOnly() {
		var since time.Time
		if req.GetHeardSince() != nil {
			since = req.GetHeardSince().AsTime()
		}
		devices, out.More, err = s.deps.Queries.Times(ctx, p.Tenant, ids, since)
	} else {
		devices, err = s.deps.Queries.Latest(ctx, p.Tenant, ids)
	}
	if err != nil {
		return nil, s.deps.unserved(p.Tenant, err)
	}
	for _, d := range devices {
		out.Devices = append(out.Devices, &telemetryv1.DeviceLatest{
			DeviceId: d.Device, EventTime: timestamppb.New(d.Time), ReceivedAt: timestamppb.New(d.Received), Values: d.Values,
			SparklineMeasurement: d.SparklineMeasurement, Sparkline: d.Sparkline,
		})
	}
	return out, nil
}

// Watch implements TelemetryService.
func (s *telemetryService) Watch(ctx context.Context, req *telemetryv1.WatchRequest, stream *connect.ServerStream[telemetryv1.WatchResponse]) error {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return err
	}
	for _, device := range req.GetDeviceIds() {
		if err := s.deps.reach(p, device); err != nil {
			return err
		}
	}
	watch, err := s.deps.watch(p.Tenant, req.GetDeviceIds())
	if err != nil {
		return err
	}
	defer watch.Close()
	check := time.NewTicker(recheck)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watch.Cut():
			return watch.Err()
		case <-check.C:
			if err := s.deps.still(ctx, p, req.GetDeviceIds()); err != nil {
				return err
			}
		case u := <-watch.Updates():
			if err := stream.Send(updateToProto(u)); err != nil {
				return fmt.Errorf("send event: %w", err)
			}
			s.deps.sent(u)
		}
	}
}

func updateToProto(u live.Update) *telemetryv1.WatchResponse {
	return &telemetryv1.WatchResponse{
		DeviceId: u.Device, EventTime: timestamppb.New(time.Unix(0, u.Time)), ReceivedAt: timestamppb.New(time.Unix(0, u.Received)),
		Values: values(u), Missed: u.Missed,
	}
}

func values(u live.Update) map[string]float64 {
	out := make(map[string]float64, len(u.Names))
	for i, name := range u.Names {
		out[name] = u.Values[i]
	}
	return out
}

// GetStoreAccess implements TelemetryService.
func (s *telemetryService) GetStoreAccess(ctx context.Context, _ *telemetryv1.GetStoreAccessRequest) (*telemetryv1.GetStoreAccessResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	a := s.deps.Access(p.Tenant)
	return &telemetryv1.GetStoreAccessResponse{Url: a.URL, Database: a.Database, Username: a.Username, Password: a.Password}, nil
}

// VerifyEvents implements TelemetryService.
func (s *telemetryService) VerifyEvents(ctx context.Context, req *telemetryv1.VerifyEventsRequest) (*telemetryv1.VerifyEventsResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]query.EventKey, 0, len(req.GetEvents()))
	for _, e := range req.GetEvents() {
		if len(p.Facilities) > 0 {
			if err := s.deps.reach(p, e.GetDeviceId()); err != nil {
				return nil, err
			}
		}
		k := query.EventKey{Device: e.GetDeviceId(), MessageID: e.GetMessageId()}
		if e.GetEventTime() != nil {
			k.Time = e.GetEventTime().AsTime()
		}
		keys = append(keys, k)
	}
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	v, err := s.deps.Queries.Verify(ctx, p.Tenant, keys)
	if err != nil {
		return nil, s.deps.unserved(p.Tenant, err)
	}
	return &telemetryv1.VerifyEventsResponse{
		Stored: v.Stored, Missing: v.Missing, Duplicate: v.Duplicate,
		MissingExamples: keysToProto(v.MissingExamples), DuplicateExamples: keysToProto(v.DuplicateExamples),
	}, nil
}

func keysToProto(keys []query.EventKey) []*telemetryv1.EventKey {
	var out []*telemetryv1.EventKey
	for _, k := range keys {
		e := &telemetryv1.EventKey{DeviceId: k.Device, MessageId: k.MessageID}
		if !k.Time.IsZero() {
			e.EventTime = timestamppb.New(k.Time)
		}
		out = append(out, e)
	}
	return out
}
