package rpc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// maxAttribution is the longest range, a month with some room.
	maxAttribution = 35 * 24 * time.Hour
	// maxShares are named; all others are one.
	maxShares = 10_000
)

// AttributeUsage implements TelemetryService. The range is widened to whole hours.
func (s *telemetryService) AttributeUsage(ctx context.Context, req *telemetryv1.AttributeUsageRequest) (*telemetryv1.AttributeUsageResponse, error) {
	key := func(_ string, d catalog.Device) string { return d.Facility }
	if req.GetBy() == telemetryv1.UsageGrouping_USAGE_GROUPING_GROUP {
		key = func(_ string, d catalog.Device) string {
			return strings.Join(slices.Sorted(slices.Values(d.Groups)), "+")
		}
	}
	a, err := s.deps.attribute(ctx, req.GetStart(), req.GetEnd(), key)
	if err != nil {
		return nil, err
	}
	return &telemetryv1.AttributeUsageResponse{Shares: a.shares, Other: a.other, RowsSince: a.rowsSince}, nil
}

// UsageByDevice implements TelemetryService. The range is widened to whole hours.
func (s *telemetryService) UsageByDevice(ctx context.Context, req *telemetryv1.UsageByDeviceRequest) (*telemetryv1.UsageByDeviceResponse, error) {
	a, err := s.deps.attribute(ctx, req.GetStart(), req.GetEnd(), func(id string, _ catalog.Device) string { return id })
	if err != nil {
		return nil, err
	}
	return &telemetryv1.UsageByDeviceResponse{Shares: a.shares, Other: a.other, RowsSince: a.rowsSince}, nil
}

// attributed is usage by key, in the order in which the keys came.
type attributed struct {
	shares    []*telemetryv1.UsageShare
	other     *telemetryv1.UsageShare
	rowsSince *timestamppb.Timestamp

	byKey map[string]*telemetryv1.UsageShare
}

// attribute adds up what the devices that the caller may see sent, by the key of each.
func (d Deps) attribute(ctx context.Context, start, end *timestamppb.Timestamp, key func(id string, device catalog.Device) string) (*attributed, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	from, to := start.AsTime().Truncate(time.Hour), end.AsTime().Add(time.Hour-1).Truncate(time.Hour)
	if err := attributable(from, to); err != nil {
		return nil, err
	}
	release, err := d.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	out := &attributed{byKey: map[string]*telemetryv1.UsageShare{}}
	if days := d.kept(p.Tenant).Events; days > 0 {
		out.rowsSince = timestamppb.New(d.Now().AddDate(0, 0, -days))
	}
	err = d.Queries.UsageByDevice(ctx, p.Tenant, from, to, func(u query.DeviceUsage) {
		device, _ := d.Catalog.Device(p.Tenant, u.Device)
		if p.Sees(device.Facility) {
			out.add(key(u.Device, device), u)
		}
	})
	if err != nil {
		return nil, d.unserved(p.Tenant, err)
	}
	slices.SortStableFunc(out.shares, func(a, b *telemetryv1.UsageShare) int {
		if a.GetEvents() == b.GetEvents() {
			return strings.Compare(a.GetKey(), b.GetKey())
		}
		if a.GetEvents() > b.GetEvents() {
			return -1
		}
		return 1
	})
	return out, nil
}

func attributable(from, to time.Time) error {
	if !from.Before(to) || to.Sub(from) > maxAttribution {
		return fmt.Errorf("range from %s to %s: want a start before its end, at most 35 days apart: %w",
			from.Format(time.RFC3339), to.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	if from.Year() < 1971 || to.Year() > 2100 {
		return fmt.Errorf("range from %s to %s: want years 1971 to 2100: %w", from.Format(time.RFC3339), to.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	return nil
}

func (a *attributed) add(key string, u query.DeviceUsage) {
	share := a.byKey[key]
	switch {
	case share != nil:
	case len(a.shares) < maxShares:
		share = &telemetryv1.UsageShare{Key: key}
		a.byKey[key], a.shares = share, append(a.shares, share)
	default:
		if a.other == nil {
			a.other = &telemetryv1.UsageShare{}
		}
		share = a.other
	}
	share.Events += u.Events
	share.Points += u.Points
	share.Bytes += u.Bytes
	share.DeviceHours += u.DeviceHours
	share.Devices++
}
