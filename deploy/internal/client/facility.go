package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
)

const pathDetails = "A PATH is the names from the facility down, with slashes between: factory_01/assembly_line_A/station_05."

func facilityCommands() []command.Command {
	return []command.Command{{
		Name: "facility list", Summary: "show the facilities with their lines and stations",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Facilities.List(ctx, &facilityv1.ListRequest{})
			return c.answer(answer, err, func(w io.Writer) { printPlaces(w, answer.GetPlaces()) })
		}),
	}, {
		Name: "facility create", Args: "PATH", Summary: "make a facility, or a line or station in one", Details: pathDetails,
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			at := fs.String("at", "", "`LATITUDE,LONGITUDE` in degrees")
			return func(ctx context.Context, c *call) error {
				where, err := coordinates(*at)
				if err != nil {
					return err
				}
				up, name, parent := "", c.args[0], &facilityv1.Place{}
				if i := strings.LastIndex(name, "/"); i >= 0 {
					up, name = name[:i], name[i+1:]
					if parent, err = c.place(ctx, up); err != nil {
						return err
					}
				}
				answer, err := c.Facilities.Create(ctx, &facilityv1.CreateRequest{ParentId: parent.GetPlaceId(), Name: name, Coordinates: where})
				return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "created %s\n", c.args[0]) })
			}
		}),
	}, {
		Name: "facility update", Args: "PATH", Summary: "rename a place or say where it lies; its devices go along", Details: pathDetails,
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			name := fs.String("name", "", "its new name")
			at := fs.String("at", "", "`LATITUDE,LONGITUDE` in degrees, or none")
			return func(ctx context.Context, c *call) error { return updatePlace(ctx, c, *name, *at) }
		}),
	}, {
		Name: "facility move", Args: "PATH INTO", Summary: "move a line to another facility, or a station to another line; its devices go along", Details: pathDetails,
		Prepare: plain(func(ctx context.Context, c *call) error {
			from, err := c.place(ctx, c.args[0])
			if err != nil {
				return err
			}
			into, err := c.place(ctx, c.args[1])
			if err != nil {
				return err
			}
			answer, err := c.Facilities.Move(ctx, &facilityv1.MoveRequest{PlaceId: from.GetPlaceId(), ParentId: into.GetPlaceId()})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "moved %s to %s\n", c.args[0], c.args[1]) })
		}),
	}, {
		Name: "facility delete", Args: "PATH", Summary: "remove a place that is empty", Details: pathDetails,
		Prepare: plain(func(ctx context.Context, c *call) error {
			p, err := c.place(ctx, c.args[0])
			if err != nil {
				return err
			}
			answer, err := c.Facilities.Delete(ctx, &facilityv1.DeleteRequest{PlaceId: p.GetPlaceId()})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "deleted %s\n", c.args[0]) })
		}),
	}}
}

func updatePlace(ctx context.Context, c *call, name, at string) error {
	p, err := c.place(ctx, c.args[0])
	if err != nil {
		return err
	}
	req := &facilityv1.UpdateRequest{PlaceId: p.GetPlaceId(), Version: p.GetVersion(), Name: p.GetName(), Coordinates: p.GetCoordinates()}
	if name != "" {
		req.Name = name
	}
	switch at {
	case "":
	case "none":
		req.Coordinates = nil
	default:
		if req.Coordinates, err = coordinates(at); err != nil {
			return err
		}
	}
	answer, err := c.Facilities.Update(ctx, req)
	return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "updated %s\n", c.args[0]) })
}

// place finds a place by its path.
func (c *call) place(ctx context.Context, path string) (*facilityv1.Place, error) {
	answer, err := c.Facilities.List(ctx, &facilityv1.ListRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	at := &facilityv1.Place{}
	for name := range strings.SplitSeq(path, "/") {
		var next *facilityv1.Place
		for _, p := range answer.GetPlaces() {
			if p.GetParentId() == at.GetPlaceId() && p.GetName() == name {
				next = p
			}
		}
		if next == nil {
			return nil, fmt.Errorf("there is no place %q in %q; see `millwright facility list`", name, path)
		}
		at = next
	}
	return at, nil
}

func coordinates(text string) (*facilityv1.Coordinates, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // not given
	}
	first, second, ok := strings.Cut(text, ",")
	latitude, err1 := strconv.ParseFloat(strings.TrimSpace(first), 64)
	longitude, err2 := strconv.ParseFloat(strings.TrimSpace(second), 64)
	if !ok || err1 != nil || err2 != nil {
		return nil, command.Usage("--at %q: want LATITUDE,LONGITUDE, e.g. 53.55,9.99", text)
	}
	return &facilityv1.Coordinates{Latitude: latitude, Longitude: longitude}, nil
}

func printPlaces(w io.Writer, places []*facilityv1.Place) {
	depth := map[string]int{"": -1}
	table(w, "PLACE KIND DEVICES LATITUDE LONGITUDE", func(row func(...any)) {
		for _, p := range places {
			depth[p.GetPlaceId()] = depth[p.GetParentId()] + 1
			latitude, longitude := "", ""
			if at := p.GetCoordinates(); at != nil {
				latitude, longitude = strconv.FormatFloat(at.GetLatitude(), 'g', -1, 64), strconv.FormatFloat(at.GetLongitude(), 'g', -1, 64)
			}
			row(strings.Repeat("  ", depth[p.GetPlaceId()])+p.GetName(), word(p.GetKind(), "PLACE_KIND_"), p.GetDevices(), latitude, longitude)
		}
	})
}
