package client

import (
	"context"
	"flag"
	"io"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// list is a flag that may be repeated; its values may also be joined with commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds values.
func (l *list) Set(text string) error {
	*l = append(*l, words(text)...)
	return nil
}

func prepareList(fs *flag.FlagSet) func(context.Context, *call) error {
	req := &devicev1.ListRequest{}
	var types, statuses, labels list
	fs.StringVar(&req.Query, "query", "", "a part of the id, in any case")
	fs.Var(&types, "type", "device `TYPE`; may be repeated")
	fs.Var(&statuses, "status", "active, suspended or retired; may be repeated")
	fs.Var(&labels, "label", "`KEY` or KEY=VALUE that a device must have; may be repeated")
	fs.StringVar(&req.Facility, "facility", "", "where they stand")
	fs.StringVar(&req.Line, "line", "", "where they stand, in the facility")
	fs.StringVar(&req.Station, "station", "", "where they stand, in the line")
	fs.StringVar(&req.Firmware, "firmware", "", "the version of their software")
	limit := fs.Int("limit", 0, "list at most so many; 0: all")
	return func(ctx context.Context, c *call) error {
		req.DeviceTypes, req.Labels = types, labels
		for _, s := range statuses {
			value, ok := devicev1.DeviceStatus_value["DEVICE_STATUS_"+strings.ToUpper(s)]
			if !ok || value == 0 {
				return command.Usage("--status %q: want active, suspended or retired", s)
			}
			req.Statuses = append(req.Statuses, devicev1.DeviceStatus(value))
		}
		all, err := listDevices(ctx, c, req, *limit)
		return c.answer(all, err, func(w io.Writer) { printDevices(w, all) })
	}
}

// listDevices reads pages until there are no more, or limit devices.
func listDevices(ctx context.Context, c *call, req *devicev1.ListRequest, limit int) (*devicev1.ListResponse, error) {
	all := &devicev1.ListResponse{}
	for first := true; first || req.PageToken != ""; first = false {
		req.PageSize = 1000
		if limit > 0 {
			req.PageSize = int32(min(1000, limit-len(all.Devices))) //nolint:gosec // at most 1000
		}
		page, err := c.Devices.List(ctx, req)
		if err != nil {
			return nil, rpc.Explain(err)
		}
		if first {
			all.Total, all.TotalIsMinimum = page.GetTotal(), page.GetTotalIsMinimum()
		}
		all.Devices = append(all.Devices, page.GetDevices()...)
		if req.PageToken = page.GetNextPageToken(); limit > 0 && len(all.Devices) >= limit {
			all.NextPageToken = req.PageToken
			return all, nil
		}
	}
	all.Total, all.TotalIsMinimum = int32(len(all.Devices)), false //nolint:gosec // a tenant's limit of devices fits
	return all, nil
}

func printDevices(w io.Writer, all *devicev1.ListResponse) {
	table(w, "DEVICE TYPE STATUS FACILITY LINE STATION FIRMWARE CREATED", func(row func(...any)) {
		for _, d := range all.GetDevices() {
			row(d.GetDeviceId(), d.GetDeviceType(), word(d.GetStatus(), "DEVICE_STATUS_"), d.GetLocation().GetFacility(),
				d.GetLocation().GetLine(), d.GetLocation().GetStation(), d.GetFirmware(), at(d.GetCreatedAt()))
		}
	})
}
