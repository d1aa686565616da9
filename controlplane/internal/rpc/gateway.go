package rpc

import (
	"context"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// Gateways implements GatewayServiceHandler.
type Gateways struct{ Devices *device.Service }

// Get tells for whom a device speaks, and who speaks for it.
func (s *Gateways) Get(ctx context.Context, req *devicev1.GetGatewayRequest) (*devicev1.GetGatewayResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	g, err := s.Devices.Gateway(ctx, p, req.GetDeviceId())
	if err != nil {
		return nil, err
	}
	return &devicev1.GetGatewayResponse{Gateway: gatewayToProto(g)}, nil
}

// Set replaces for whom a device speaks.
func (s *Gateways) Set(ctx context.Context, req *devicev1.SetGatewayRequest) (*devicev1.SetGatewayResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	g, err := s.Devices.SetGateway(ctx, p, device.Gateway{Device: req.GetDeviceId(), Devices: req.GetDeviceIds(), Groups: req.GetGroupIds()})
	if err != nil {
		return nil, err
	}
	return &devicev1.SetGatewayResponse{Gateway: gatewayToProto(g)}, nil
}

func gatewayToProto(g device.Gateway) *devicev1.Gateway {
	return &devicev1.Gateway{DeviceId: g.Device, DeviceIds: g.Devices, GroupIds: g.Groups, SpokenForBy: g.SpokenForBy}
}
