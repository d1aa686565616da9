package rpc

import (
	"context"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// List returns a page of devices; the page token is the last id shown.
func (s *Devices) List(ctx context.Context, req *devicev1.ListRequest) (*devicev1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	list, err := s.Devices.List(ctx, p, device.Page{Filter: filterFromProto(req), Size: size, After: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	res := &devicev1.ListResponse{Total: int32(list.Total), TotalIsMinimum: list.Minimum} //nolint:gosec // counting stops before
	if list.More {
		res.NextPageToken = list.Devices[len(list.Devices)-1].ID
	}
	for _, d := range list.Devices {
		res.Devices = append(res.Devices, s.deviceToProto(d))
	}
	return res, nil
}

func filterFromProto(req *devicev1.ListRequest) device.Filter {
	f := device.Filter{
		Query: req.GetQuery(), Types: req.GetDeviceTypes(), Firmware: req.GetFirmware(),
		Location: device.Location{Facility: req.GetFacility(), Line: req.GetLine(), Station: req.GetStation()},
	}
	for _, wire := range req.GetStatuses() {
		for status, w := range deviceStatuses {
			if w == wire {
				f.Statuses = append(f.Statuses, status)
			}
		}
	}
	for _, text := range req.GetLabels() {
		f.Labels = append(f.Labels, device.ParseLabel(text))
	}
	return f
}
