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
	page, err := device.Page{
		Filter: filterFromProto(req), Size: size, Order: orders[req.GetOrder()], Descending: req.GetDescending(),
	}.From(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := s.Devices.List(ctx, p, page)
	if err != nil {
		return nil, err
	}
	res := &devicev1.ListResponse{Total: int32(list.Total), TotalIsMinimum: list.Minimum} //nolint:gosec // counting stops before
	if list.More {
		res.NextPageToken = page.Token(list.Devices[len(list.Devices)-1])
	}
	for _, d := range list.Devices {
		res.Devices = append(res.Devices, s.deviceToProto(d))
	}
	return res, nil
}

var orders = map[devicev1.DeviceOrder]device.Order{
	devicev1.DeviceOrder_DEVICE_ORDER_TYPE:     device.OrderType,
	devicev1.DeviceOrder_DEVICE_ORDER_LOCATION: device.OrderLocation,
}

func filterFromProto(req *devicev1.ListRequest) device.Filter {
	f := device.Filter{
		Query: req.GetQuery(), Types: req.GetDeviceTypes(), Firmware: req.GetFirmware(),
		Only: req.GetDeviceIds(), Except: req.GetExceptDeviceIds(),
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
