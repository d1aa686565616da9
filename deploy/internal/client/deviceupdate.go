package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// pairs is a flag of KEY=VALUE that may be repeated.
type pairs map[string]string

func (p pairs) String() string { return strings.Join(slices.Sorted(maps.Keys(p)), ",") }

// Set adds a pair.
func (p pairs) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("%q: want KEY=VALUE", text)
	}
	p[key] = value
	return nil
}

// edit is what `device update` was asked to change.
type edit struct {
	given                       map[string]bool
	deviceType, firmware        string
	place                       devicev1.Location
	labels, metadata            pairs
	removeLabels, removeEntries list
	version                     int64
}

func prepareUpdate(fs *flag.FlagSet) func(context.Context, *call) error {
	e := &edit{labels: pairs{}, metadata: pairs{}}
	fs.StringVar(&e.deviceType, "type", "", "device type")
	fs.StringVar(&e.place.Facility, "facility", "", "where it stands; a new facility empties line and station")
	fs.StringVar(&e.place.Line, "line", "", "where it stands")
	fs.StringVar(&e.place.Station, "station", "", "where it stands")
	fs.Var(e.labels, "label", "`KEY=VALUE` to add or replace; may be repeated")
	fs.Var(&e.removeLabels, "remove-label", "`KEY` to remove; may be repeated")
	fs.Var(e.metadata, "metadata", "`KEY=VALUE` to add or replace; may be repeated")
	fs.Var(&e.removeEntries, "remove-metadata", "`KEY` to remove; may be repeated")
	fs.StringVar(&e.firmware, "firmware", "", "the version of its software")
	fs.Int64Var(&e.version, "version", 0, "the version that the change is made from; 0: the one there is")
	return func(ctx context.Context, c *call) error {
		e.given = map[string]bool{}
		fs.Visit(func(f *flag.Flag) { e.given[f.Name] = true })
		before, err := c.Devices.Get(ctx, &devicev1.GetRequest{DeviceId: c.args[0]})
		if err != nil {
			return rpc.Explain(err)
		}
		req := e.request(before.GetDevice())
		if len(req.GetUpdateMask().GetPaths()) == 0 {
			return command.Usage("device update: say what to change, e.g. --label shift=night; see `device update --help`")
		}
		answer, err := c.Devices.Update(ctx, req)
		if err != nil {
			return conflict(c.env.Err, err)
		}
		return c.answer(answer, nil, func(w io.Writer) { printDevice(w, answer.GetDevice()) })
	}
}

// request makes the change from the device as it is.
func (e *edit) request(d *devicev1.Device) *devicev1.UpdateRequest {
	req := &devicev1.UpdateRequest{
		DeviceId: d.GetDeviceId(), Version: d.GetVersion(), DeviceType: e.deviceType, Firmware: e.firmware, UpdateMask: &fieldmaskpb.FieldMask{},
		Labels: merged(d.GetLabels(), e.labels, e.removeLabels), Metadata: merged(d.GetMetadata(), e.metadata, e.removeEntries),
		Location: &devicev1.Location{Facility: d.GetLocation().GetFacility(), Line: d.GetLocation().GetLine(), Station: d.GetLocation().GetStation()},
	}
	if e.version > 0 {
		req.Version = e.version
	}
	switch {
	case e.given["facility"]:
		req.Location = &e.place
	case e.given["line"]:
		req.Location.Line, req.Location.Station = e.place.Line, e.place.Station
	case e.given["station"]:
		req.Location.Station = e.place.Station
	}
	for path, flags := range map[string][]string{
		"device_type": {"type"}, "location": {"facility", "line", "station"}, "firmware": {"firmware"},
		"labels": {"label", "remove-label"}, "metadata": {"metadata", "remove-metadata"},
	} {
		if slices.ContainsFunc(flags, func(f string) bool { return e.given[f] }) {
			req.UpdateMask.Paths = append(req.UpdateMask.Paths, path)
		}
	}
	slices.Sort(req.UpdateMask.Paths)
	return req
}

func merged(before, add map[string]string, remove []string) map[string]string {
	out := make(map[string]string, len(before)+len(add))
	maps.Copy(out, before)
	maps.Copy(out, add)
	for _, key := range remove {
		delete(out, key)
	}
	return out
}

// conflict prints both versions of a device that somebody else changed first.
func conflict(w io.Writer, err error) error {
	for _, detail := range rpc.Details(err) {
		if both, ok := detail.(*devicev1.Conflict); ok {
			_, _ = fmt.Fprintln(w, "as it is:")
			printDevice(w, both.GetCurrent())
			_, _ = fmt.Fprintln(w, "as you would have it:")
			printDevice(w, both.GetYours())
		}
	}
	return rpc.Explain(err)
}
