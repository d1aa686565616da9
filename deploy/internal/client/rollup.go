package client

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/millwright-io/millwright/deploy/internal/command"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

// levels are the words of --by.
var levels = map[string]telemetryv1.PlaceLevel{
	"organisation": telemetryv1.PlaceLevel_PLACE_LEVEL_UNSPECIFIED, "facility": telemetryv1.PlaceLevel_PLACE_LEVEL_FACILITY,
	"line": telemetryv1.PlaceLevel_PLACE_LEVEL_LINE, "station": telemetryv1.PlaceLevel_PLACE_LEVEL_STATION,
}

func prepareRollup(fs *flag.FlagSet) func(context.Context, *call) error {
	start, end := period(fs)
	by := fs.String("by", "organisation", "one series a: organisation, facility, line or station")
	facility, line, station := fs.String("facility", "", "only there"), fs.String("line", "", "only there"), fs.String("station", "", "only there")
	measurements := fs.String("measurements", "", "names, separated by commas (default all)")
	resolution := fs.String("resolution", "", "minute, five-minutes, quarter-hour, hour or day (default: the finest within the limit)")
	limit := fs.Int("limit", 0, "windows of each series (default 500, at most 5000)")
	return func(ctx context.Context, c *call) (err error) {
		level, ok := levels[*by]
		if !ok {
			return command.Usage("--by %q: want organisation, facility, line or station", *by)
		}
		if *limit < 0 || *limit > 5000 {
			return command.Usage("--limit %d: want 0 to 5000", *limit)
		}
		req := &telemetryv1.RollupRequest{By: level, Facility: *facility, Line: *line, Station: *station, Measurements: words(*measurements), Limit: int32(*limit)}
		if req.Resolution, err = parseResolution(*resolution); err != nil {
			return err
		}
		if req.Start, err = start.at(c.env.Now()); err != nil {
			return err
		}
		if req.End, err = end.at(c.env.Now()); err != nil {
			return err
		}
		cell, err := c.Cell(ctx)
		if err != nil {
			return err
		}
		answer, err := cell.Rollup(ctx, req)
		return c.answer(answer, err, func(w io.Writer) { printRollup(w, answer) })
	}
}

func printRollup(w io.Writer, answer *telemetryv1.RollupResponse) {
	table(w, "FACILITY LINE STATION MEASUREMENT START DEVICES COUNT MIN MEAN MAX", func(row func(...any)) {
		for _, s := range answer.GetSeries() {
			for _, v := range s.GetWindows() {
				row(s.GetFacility(), s.GetLine(), s.GetStation(), s.GetMeasurement(), at(v.GetStart()), v.GetDevices(), v.GetCount(),
					fmt.Sprintf("%.6g", v.GetMin()), fmt.Sprintf("%.6g", v.GetMean()), fmt.Sprintf("%.6g", v.GetMax()))
			}
		}
	})
	if answer.GetTruncated() {
		_, _ = fmt.Fprintln(w, "there are older windows: raise --limit or take wider ones")
	}
}
