package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// Devices implements DeviceServiceHandler.
type Devices struct {
	Devices *device.Service
	Now     func() time.Time
}

// Create registers a device.
func (s *Devices) Create(ctx context.Context, req *devicev1.CreateRequest) (*devicev1.CreateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	d, cred, err := s.Devices.Create(ctx, p, device.Device{
		ID: req.GetDeviceId(), Type: req.GetDeviceType(), Location: locationFromProto(req.GetLocation()),
		Labels: req.GetLabels(), Metadata: req.GetMetadata(), Firmware: req.GetFirmware(),
	}, req.GetCsrPem())
	if err != nil {
		return nil, err
	}
	return &devicev1.CreateResponse{Device: s.deviceToProto(d), Credentials: credentialsToProto(cred)}, nil
}

// Get returns a device with its certificates.
func (s *Devices) Get(ctx context.Context, req *devicev1.GetRequest) (*devicev1.GetResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.Devices.Get(ctx, p, req.GetDeviceId())
	if err != nil {
		return nil, err
	}
	return &devicev1.GetResponse{Device: s.deviceToProto(d)}, nil
}

// Suspend makes the gateway refuse the device.
func (s *Devices) Suspend(ctx context.Context, req *devicev1.SuspendRequest) (*devicev1.SuspendResponse, error) {
	d, err := s.setStatus(ctx, req.GetDeviceId(), device.StatusSuspended)
	return &devicev1.SuspendResponse{Device: d}, err
}

// Resume lifts a suspension.
func (s *Devices) Resume(ctx context.Context, req *devicev1.ResumeRequest) (*devicev1.ResumeResponse, error) {
	d, err := s.setStatus(ctx, req.GetDeviceId(), device.StatusActive)
	return &devicev1.ResumeResponse{Device: d}, err
}

func (s *Devices) setStatus(ctx context.Context, id string, status device.Status) (*devicev1.Device, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.Devices.SetStatus(ctx, p, id, status)
	if err != nil {
		return nil, err
	}
	return s.deviceToProto(d), nil
}

// IssueCertificate gives the device a further certificate.
func (s *Devices) IssueCertificate(ctx context.Context, req *devicev1.IssueCertificateRequest) (*devicev1.IssueCertificateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	cred, err := s.Devices.IssueCertificate(ctx, p, req.GetDeviceId(), req.GetCsrPem())
	if err != nil {
		return nil, err
	}
	return &devicev1.IssueCertificateResponse{Credentials: credentialsToProto(cred)}, nil
}

// RevokeCertificate makes a certificate useless.
func (s *Devices) RevokeCertificate(ctx context.Context, req *devicev1.RevokeCertificateRequest) (*devicev1.RevokeCertificateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.Devices.RevokeCertificate(ctx, p, req.GetDeviceId(), req.GetSerial())
	if err != nil {
		return nil, err
	}
	return &devicev1.RevokeCertificateResponse{Device: s.deviceToProto(d)}, nil
}

var deviceStatuses = map[device.Status]devicev1.DeviceStatus{
	device.StatusActive: devicev1.DeviceStatus_DEVICE_STATUS_ACTIVE, device.StatusSuspended: devicev1.DeviceStatus_DEVICE_STATUS_SUSPENDED,
	device.StatusRetired: devicev1.DeviceStatus_DEVICE_STATUS_RETIRED,
}

func (s *Devices) deviceToProto(d device.Device) *devicev1.Device {
	m := &devicev1.Device{
		DeviceId: d.ID, DeviceType: d.Type, Status: deviceStatuses[d.Status], CreatedAt: timestamppb.New(d.CreatedAt),
		Location: &devicev1.Location{Facility: d.Location.Facility, Line: d.Location.Line, Station: d.Location.Station},
		Labels:   d.Labels, Metadata: d.Metadata, Firmware: d.Firmware, Version: d.Version,
		UpdatedAt: timeToProto(d.UpdatedAt), RetiredAt: timeToProto(d.RetiredAt),
	}
	for _, c := range d.Certificates {
		m.Certificates = append(m.Certificates, certificateToProto(c, device.StatusOf(c, d.Certificates, s.Now())))
	}
	return m
}

// timeToProto leaves the zero time out.
func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func locationFromProto(l *devicev1.Location) device.Location {
	return device.Location{Facility: l.GetFacility(), Line: l.GetLine(), Station: l.GetStation()}
}

func credentialsToProto(c device.Credentials) *devicev1.Credentials {
	return &devicev1.Credentials{CertificatePem: c.Certificate, PrivateKeyPem: c.PrivateKey, CaPem: c.CA, Serial: c.Description.Serial}
}
