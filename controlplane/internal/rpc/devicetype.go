package rpc

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/devicetype"
	devicetypev1 "github.com/millwright-io/millwright/proto/gen/millwright/devicetype/v1"
)

// DeviceTypes implements DeviceTypeServiceHandler.
type DeviceTypes struct{ Types *devicetype.Service }

// Create makes a type.
func (s *DeviceTypes) Create(ctx context.Context, req *devicetypev1.CreateRequest) (*devicetypev1.CreateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Types.Create(ctx, p, devicetype.Type{
		ID: req.GetDeviceType(), Description: req.GetDescription(), Measurements: measurementsFromProto(req.GetMeasurements()),
		Unknown: unknownFromProto(req.GetUnknownMeasurements()),
	})
	if err != nil {
		return nil, err
	}
	return &devicetypev1.CreateResponse{DeviceType: typeToProto(t)}, nil
}

// Get returns a type.
func (s *DeviceTypes) Get(ctx context.Context, req *devicetypev1.GetRequest) (*devicetypev1.GetResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Types.Get(ctx, p, req.GetDeviceType())
	if err != nil {
		return nil, err
	}
	return &devicetypev1.GetResponse{DeviceType: typeToProto(t)}, nil
}

// List returns every type.
func (s *DeviceTypes) List(ctx context.Context, _ *devicetypev1.ListRequest) (*devicetypev1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Types.List(ctx, p)
	if err != nil {
		return nil, err
	}
	res := &devicetypev1.ListResponse{}
	for _, t := range list {
		res.DeviceTypes = append(res.DeviceTypes, typeToProto(t))
	}
	return res, nil
}

// Update replaces what a type says.
func (s *DeviceTypes) Update(ctx context.Context, req *devicetypev1.UpdateRequest) (*devicetypev1.UpdateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Types.Update(ctx, p, devicetype.Type{
		ID: req.GetDeviceType(), Version: req.GetVersion(), Description: req.GetDescription(),
		Measurements: measurementsFromProto(req.GetMeasurements()), Unknown: unknownFromProto(req.GetUnknownMeasurements()),
	})
	if stale := (*devicetype.StaleError)(nil); errors.As(err, &stale) {
		return nil, aborted(stale, &devicetypev1.Conflict{Current: typeToProto(stale.Current), Yours: typeToProto(stale.Yours)})
	}
	if err != nil {
		return nil, err
	}
	return &devicetypev1.UpdateResponse{DeviceType: typeToProto(t)}, nil
}

// Delete removes a type.
func (s *DeviceTypes) Delete(ctx context.Context, req *devicetypev1.DeleteRequest) (*devicetypev1.DeleteResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &devicetypev1.DeleteResponse{}, s.Types.Delete(ctx, p, req.GetDeviceType())
}

var unknowns = map[devicetype.Unknown]devicetypev1.UnknownMeasurements{
	devicetype.UnknownAccept:     devicetypev1.UnknownMeasurements_UNKNOWN_MEASUREMENTS_ACCEPT,
	devicetype.UnknownDrop:       devicetypev1.UnknownMeasurements_UNKNOWN_MEASUREMENTS_DROP,
	devicetype.UnknownDeadLetter: devicetypev1.UnknownMeasurements_UNKNOWN_MEASUREMENTS_DEAD_LETTER,
}

func unknownFromProto(wire devicetypev1.UnknownMeasurements) devicetype.Unknown {
	for u, w := range unknowns {
		if w == wire {
			return u
		}
	}
	return devicetype.UnknownAccept
}

func measurementsFromProto(wire []*devicetypev1.Measurement) []devicetype.Measurement {
	list := make([]devicetype.Measurement, 0, len(wire))
	for _, m := range wire {
		out := devicetype.Measurement{Name: m.GetName(), Unit: m.GetUnit(), Minimum: m.Minimum, Maximum: m.Maximum, Description: m.GetDescription()}
		if m.Precision != nil {
			decimals := int(m.GetPrecision())
			out.Precision = &decimals
		}
		list = append(list, out)
	}
	return list
}

func typeToProto(t devicetype.Type) *devicetypev1.DeviceType {
	m := &devicetypev1.DeviceType{
		DeviceType: t.ID, Description: t.Description, UnknownMeasurements: unknowns[t.Unknown], Version: t.Version,
		CreatedAt: timestamppb.New(t.CreatedAt), UpdatedAt: timeToProto(t.UpdatedAt), Devices: int32(t.Devices), //nolint:gosec // a tenant's limit of devices fits
	}
	for _, x := range t.Measurements {
		w := &devicetypev1.Measurement{Name: x.Name, Unit: x.Unit, Minimum: x.Minimum, Maximum: x.Maximum, Description: x.Description}
		if x.Precision != nil {
			decimals := int32(*x.Precision) //nolint:gosec // 0 to 9
			w.Precision = &decimals
		}
		m.Measurements = append(m.Measurements, w)
	}
	return m
}
