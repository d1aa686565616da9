package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

func usageCommands() []command.Command {
	return []command.Command{{
		Name: "usage get", Summary: "show what the tenant used, by hour, and today against the plan",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			start, end := period(fs)
			return func(ctx context.Context, c *call) (err error) {
				req := &usagev1.GetRequest{}
				if req.Start, err = start.at(c.env.Now()); err != nil {
					return err
				}
				if req.End, err = end.at(c.env.Now()); err != nil {
					return err
				}
				answer, err := c.Usage.Get(ctx, req)
				return c.answer(answer, err, func(w io.Writer) { printUsage(w, answer) })
			}
		}),
	}}
}

func period(fs *flag.FlagSet) (start, end *moment) {
	start, end = &moment{}, &moment{}
	fs.Var(start, "start", "first `TIME`, RFC 3339 or a span before now such as 2h")
	fs.Var(end, "end", "`TIME` after the last (default now)")
	return start, end
}

func printUsage(w io.Writer, answer *usagev1.GetResponse) {
	row := func(name string, h *usagev1.Hour) []any {
		return []any{name, h.GetEvents(), h.GetPoints(), h.GetDuplicates(), h.GetDeadLetters(), h.GetBytes(), h.GetMeters()["device_hours"]}
	}
	table(w, "HOUR EVENTS POINTS DUPLICATES DEAD_LETTERS BYTES DEVICE_HOURS", func(print func(...any)) {
		for _, h := range answer.GetHours() {
			if h.GetEvents()+h.GetDuplicates()+h.GetDeadLetters() > 0 {
				print(row(at(h.GetStart()), h)...)
			}
		}
		print(row("today", answer.GetToday())...)
	})
	table(w, "TODAY VALUE UNIT WHAT", func(print func(...any)) {
		for _, m := range answer.GetMeters() {
			print(m.GetName(), inUnits(answer.GetToday().GetMeters()[m.GetName()], m.GetPer()), m.GetUnit(), m.GetWhat())
		}
	})
	_, _ = fmt.Fprintf(w, "plan %s: %d events a day\n", answer.GetPlan(), answer.GetEventsPerDay())
}

// inUnits is a counted value in what people read, down to a thousandth.
func inUnits(value, per uint64) string {
	if per <= 1 {
		return strconv.FormatUint(value, 10)
	}
	return strconv.FormatFloat(float64(value)/float64(per), 'f', 3, 64)
}

func telemetryCommands() []command.Command {
	return []command.Command{
		{Name: "telemetry query", Args: "DEVICE", Summary: "print a device's measurements over a time range, oldest first", Prepare: verb(prepareQuery)},
		{Name: "telemetry rollup", Summary: "print measurements of all devices of places together, by window, oldest first", Prepare: verb(prepareRollup)},
		{Name: "telemetry latest", Args: "[DEVICE...]", Summary: "print when devices were last heard and their newest values", Prepare: plain(latest)},
		{Name: "telemetry watch", Args: "DEVICE...", Summary: "print devices' events as they come, until Ctrl-C", Prepare: plain(watch)},
		{Name: "telemetry dead-letters", Args: "[DEVICE]", Summary: "print messages that could not be understood, newest first", Prepare: plain(deadLettersOf)},
		{
			Name: "store access", Summary: "print how to read the tenant's ClickHouse database directly",
			Prepare: plain(func(ctx context.Context, c *call) error {
				cell, err := c.Cell(ctx)
				if err != nil {
					return err
				}
				answer, err := cell.GetStoreAccess(ctx, &telemetryv1.GetStoreAccessRequest{})
				return c.answer(answer, err, func(w io.Writer) {
					table(w, "FIELD VALUE", func(row func(...any)) {
						row("url", answer.GetUrl())
						row("database", answer.GetDatabase())
						row("username", answer.GetUsername())
						row("password", answer.GetPassword())
					})
				})
			}),
		},
	}
}

func prepareQuery(fs *flag.FlagSet) func(context.Context, *call) error {
	start, end := period(fs)
	measurements := fs.String("measurements", "", "names, separated by commas (default all)")
	resolution := fs.String("resolution", "", strings.Join(resolutionNames, ", ")+" (default: raw while it fits the limit, else the finest that does)")
	quantiles := fs.String("quantiles", "", "of each window, separated by commas, e.g. 0.5,0.95")
	limit := fs.Int("limit", 0, "points or windows of each measurement (default 2000, at most 100000)")
	return func(ctx context.Context, c *call) (err error) {
		if *limit < 0 || *limit > 100_000 {
			return command.Usage("--limit %d: want 0 to 100000", *limit)
		}
		req := &telemetryv1.QueryRequest{DeviceId: c.args[0], Measurements: words(*measurements), Limit: int32(*limit)}
		if req.Resolution, err = parseResolution(*resolution); err != nil {
			return err
		}
		for _, word := range words(*quantiles) {
			q, err := strconv.ParseFloat(word, 64)
			if err != nil || q < 0 || q > 1 {
				return command.Usage("--quantiles %q: want numbers from 0 to 1", word)
			}
			req.Quantiles = append(req.Quantiles, q)
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
		answer, err := cell.Query(ctx, req)
		return c.answer(answer, err, func(w io.Writer) { printSeries(w, answer) })
	}
}

// resolutionNames are the words of --resolution.
var resolutionNames = []string{"raw", "second", "minute", "five-minutes", "quarter-hour", "hour", "day"}

func parseResolution(word string) (telemetryv1.Resolution, error) {
	if word == "" {
		return telemetryv1.Resolution_RESOLUTION_UNSPECIFIED, nil
	}
	if !slices.Contains(resolutionNames, word) {
		return 0, command.Usage("--resolution %q: want one of %s", word, strings.Join(resolutionNames, ", "))
	}
	return telemetryv1.Resolution(telemetryv1.Resolution_value["RESOLUTION_"+strings.ToUpper(strings.ReplaceAll(word, "-", "_"))]), nil
}

// deviation is the standard deviation, where it was kept.
func deviation(w *telemetryv1.Window) string {
	if w.Variance == nil {
		return ""
	}
	return strconv.FormatFloat(math.Sqrt(w.GetVariance()), 'g', 6, 64)
}

func printSeries(w io.Writer, answer *telemetryv1.QueryResponse) {
	if answer.GetResolution() != telemetryv1.Resolution_RESOLUTION_RAW {
		table(w, "START MEASUREMENT COUNT MIN MEAN MAX FIRST LAST DEVIATION QUANTILES", func(row func(...any)) {
			for _, s := range answer.GetSeries() {
				for _, v := range s.GetWindows() {
					row(at(v.GetStart()), s.GetMeasurement(), v.GetCount(), v.GetMin(), v.GetMean(), v.GetMax(), v.GetFirst(), v.GetLast(),
						deviation(v), strings.Trim(fmt.Sprint(v.GetQuantiles()), "[]"))
				}
			}
		})
	} else {
		table(w, "TIME MEASUREMENT VALUE", func(row func(...any)) {
			for _, s := range answer.GetSeries() {
				for _, p := range s.GetPoints() {
					row(p.GetTime().AsTime().Format(time.RFC3339Nano), s.GetMeasurement(), p.GetValue())
				}
			}
		})
	}
	if answer.GetTruncated() {
		_, _ = fmt.Fprintln(w, "there is more: raise --limit or narrow the range")
	}
}

func values(m map[string]float64) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, fmt.Sprintf("%s=%g", name, m[name]))
	}
	return strings.Join(pairs, " ")
}

func latest(ctx context.Context, c *call) error {
	cell, err := c.Cell(ctx)
	if err != nil {
		return err
	}
	answer, err := cell.Latest(ctx, &telemetryv1.LatestRequest{DeviceIds: c.args})
	return c.answer(answer, err, func(w io.Writer) {
		table(w, "DEVICE EVENT RECEIVED VALUES", func(row func(...any)) {
			for _, d := range answer.GetDevices() {
				row(d.GetDeviceId(), at(d.GetEventTime()), at(d.GetReceivedAt()), values(d.GetValues()))
			}
		})
	})
}

// watch prints a line an event. Ctrl-C is its ordinary end.
func watch(ctx context.Context, c *call) error {
	cell, err := c.Cell(ctx)
	if err != nil {
		return err
	}
	stream, err := cell.Watch(ctx, &telemetryv1.WatchRequest{DeviceIds: c.args})
	if err != nil {
		return rpc.Explain(err)
	}
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
		event := stream.Msg()
		if c.json {
			line, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(event)
			if err != nil {
				return fmt.Errorf("encode the event: %w", err)
			}
			_, _ = fmt.Fprintf(c.env.Out, "%s\n", line)
			continue
		}
		if event.GetMissed() > 0 {
			_, _ = fmt.Fprintf(c.env.Out, "(%d events left out)\n", event.GetMissed())
		}
		_, _ = fmt.Fprintf(c.env.Out, "%s  %s  %s\n", event.GetEventTime().AsTime().Format(time.RFC3339Nano), event.GetDeviceId(), values(event.GetValues()))
	}
	if ctx.Err() != nil {
		return nil
	}
	return rpc.Explain(stream.Err())
}
