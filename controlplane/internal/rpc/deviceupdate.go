package rpc

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Update changes what is known of a device.
func (s *Devices) Update(ctx context.Context, req *devicev1.UpdateRequest) (*devicev1.UpdateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	change, err := changeFromProto(req)
	if err != nil {
		return nil, err
	}
	d, err := s.Devices.Update(ctx, p, req.GetDeviceId(), req.GetVersion(), change)
	if stale := (*device.StaleError)(nil); errors.As(err, &stale) {
		return nil, aborted(stale, &devicev1.Conflict{Current: s.deviceToProto(stale.Current), Yours: s.deviceToProto(stale.Yours)})
	}
	if err != nil {
		return nil, err
	}
	return &devicev1.UpdateResponse{Device: s.deviceToProto(d)}, nil
}

// aborted is the answer to a change that came too late; detail has both versions.
func aborted(err error, detail proto.Message) error {
	answer := connect.NewError(connect.CodeAborted, err)
	if d, err := connect.NewErrorDetail(detail); err == nil {
		answer.AddDetail(d)
	}
	return answer
}

// changeFromProto takes the fields that the mask names, or those that are not empty.
func changeFromProto(req *devicev1.UpdateRequest) (device.Change, error) {
	var c device.Change
	location := locationFromProto(req.GetLocation())
	labels, metadata := req.GetLabels(), req.GetMetadata()
	fields := []struct {
		name  string
		given bool
		take  func()
	}{
		{"device_type", req.GetDeviceType() != "", func() { c.Type = &req.DeviceType }},
		{"location", req.GetLocation() != nil, func() { c.Location = &location }},
		{"labels", len(labels) > 0, func() { c.Labels = &labels }},
		{"metadata", len(metadata) > 0, func() { c.Metadata = &metadata }},
		{"firmware", req.GetFirmware() != "", func() { c.Firmware = &req.Firmware }},
	}
	if len(req.GetUpdateMask().GetPaths()) == 0 {
		for _, f := range fields {
			if f.given {
				f.take()
			}
		}
		return c, nil
	}
paths:
	for _, path := range req.GetUpdateMask().GetPaths() {
		for _, f := range fields {
			if f.name == path {
				f.take()
				continue paths
			}
		}
		return c, fmt.Errorf("update_mask: %.40q cannot be changed; device_type, location, labels, metadata and firmware can: %w", path, tenancy.ErrInvalid)
	}
	if c.Type != nil && *c.Type == "" {
		return c, fmt.Errorf("device_type: a device has a type: name one: %w", tenancy.ErrInvalid)
	}
	return c, nil
}

// Retire takes the device out of use for good.
func (s *Devices) Retire(ctx context.Context, req *devicev1.RetireRequest) (*devicev1.RetireResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.Devices.Retire(ctx, p, req.GetDeviceId())
	if err != nil {
		return nil, err
	}
	return &devicev1.RetireResponse{Device: s.deviceToProto(d)}, nil
}
