package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicetypev1 "github.com/millwright-io/millwright/proto/gen/millwright/devicetype/v1"
)

const largestSchema = 1 << 20

const schemaDetails = `SCHEMA is a JSON file as ` + "`device-type get TYPE -o json`" + ` prints it, e.g.
{"description": "press", "unknown_measurements": "UNKNOWN_MEASUREMENTS_DEAD_LETTER",
 "measurements": [{"name": "force", "unit": "kN", "minimum": 0, "maximum": 250, "precision": 1}]}`

func deviceTypeCommands() []command.Command {
	return []command.Command{{
		Name: "device-type list", Summary: "list the device types",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.DeviceTypes.List(ctx, &devicetypev1.ListRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "TYPE DEVICES MEASUREMENTS UNKNOWN VERSION DESCRIPTION", func(row func(...any)) {
					for _, t := range answer.GetDeviceTypes() {
						row(t.GetDeviceType(), t.GetDevices(), len(t.GetMeasurements()), word(t.GetUnknownMeasurements(), "UNKNOWN_MEASUREMENTS_"), t.GetVersion(), t.GetDescription())
					}
				})
			})
		}),
	}, {
		Name: "device-type get", Args: "TYPE", Summary: "show a device type and its measurements",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.DeviceTypes.Get(ctx, &devicetypev1.GetRequest{DeviceType: c.args[0]})
			return c.answer(answer.GetDeviceType(), err, func(w io.Writer) { printDeviceType(w, answer.GetDeviceType()) })
		}),
	}, {
		Name: "device-type create", Args: "TYPE [SCHEMA]", Summary: "make a device type", Details: schemaDetails,
		Prepare: plain(func(ctx context.Context, c *call) error {
			t, err := readSchema(c.args[1:])
			if err != nil {
				return err
			}
			answer, err := c.DeviceTypes.Create(ctx, &devicetypev1.CreateRequest{
				DeviceType: c.args[0], Description: t.GetDescription(), Measurements: t.GetMeasurements(), UnknownMeasurements: t.GetUnknownMeasurements(),
			})
			return c.answer(answer.GetDeviceType(), err, func(w io.Writer) { printDeviceType(w, answer.GetDeviceType()) })
		}),
	}, {
		Name: "device-type update", Args: "TYPE SCHEMA", Summary: "replace what a device type says", Details: schemaDetails,
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			version := fs.Int64("version", 0, "the version that the change is made from; 0: the file's, else the one there is")
			return func(ctx context.Context, c *call) error { return updateDeviceType(ctx, c, *version) }
		}),
	}, {
		Name: "device-type delete", Args: "TYPE", Summary: "remove a device type that no device has",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.DeviceTypes.Delete(ctx, &devicetypev1.DeleteRequest{DeviceType: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "deleted %s\n", c.args[0]) })
		}),
	}}
}

func updateDeviceType(ctx context.Context, c *call, version int64) error {
	t, err := readSchema(c.args[1:])
	if err != nil {
		return err
	}
	if version == 0 {
		version = t.GetVersion()
	}
	if version == 0 {
		now, err := c.DeviceTypes.Get(ctx, &devicetypev1.GetRequest{DeviceType: c.args[0]})
		if err != nil {
			return rpc.Explain(err)
		}
		version = now.GetDeviceType().GetVersion()
	}
	answer, err := c.DeviceTypes.Update(ctx, &devicetypev1.UpdateRequest{
		DeviceType: c.args[0], Version: version, Description: t.GetDescription(), Measurements: t.GetMeasurements(), UnknownMeasurements: t.GetUnknownMeasurements(),
	})
	return c.answer(answer.GetDeviceType(), err, func(w io.Writer) { printDeviceType(w, answer.GetDeviceType()) })
}

// readSchema reads a type from a file; without one it is empty.
func readSchema(args []string) (*devicetypev1.DeviceType, error) {
	t := &devicetypev1.DeviceType{}
	if len(args) == 0 {
		return t, nil
	}
	text, err := os.ReadFile(filepath.Clean(args[0]))
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	if len(text) > largestSchema {
		return nil, command.Usage("%s has %d bytes, at most %d are taken", args[0], len(text), largestSchema)
	}
	if err := protojson.Unmarshal(text, t); err != nil {
		return nil, command.Usage("%s: %s", args[0], err)
	}
	return t, nil
}

func printDeviceType(w io.Writer, t *devicetypev1.DeviceType) {
	table(w, "FIELD VALUE", func(row func(...any)) {
		row("type", t.GetDeviceType())
		row("description", t.GetDescription())
		row("unknown", word(t.GetUnknownMeasurements(), "UNKNOWN_MEASUREMENTS_"))
		row("devices", t.GetDevices())
		row("version", t.GetVersion())
	})
	bound := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	table(w, "MEASUREMENT UNIT MINIMUM MAXIMUM PRECISION DESCRIPTION", func(row func(...any)) {
		for _, m := range t.GetMeasurements() {
			precision := ""
			if m.Precision != nil {
				precision = strconv.Itoa(int(m.GetPrecision()))
			}
			row(m.GetName(), m.GetUnit(), bound(m.Minimum), bound(m.Maximum), precision, m.GetDescription())
		}
	})
}
