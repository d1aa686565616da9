package replay

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

const (
	// slice is what one call runs again: the windows of a slice are kept in the cell's memory.
	slice = 10 * time.Minute
	// longest bounds a whole run.
	longest = 31 * 24 * time.Hour
	// settling is how long to wait for what the engine has still in its hands.
	settling = time.Minute
)

// rerun runs the engine again over what is stored and prints what would change.
func (f *flags) rerun(ctx context.Context, e command.Env) error {
	from, err := instant("from", f.from, e.Now())
	if err != nil {
		return err
	}
	to, err := instant("to", f.to, e.Now())
	if err != nil {
		return err
	}
	if !from.Before(to) || to.Sub(from) > longest {
		return command.Usage("--from %s --to %s: want a start before its end, at most %d days apart", f.from, f.to, int(longest.Hours()/24))
	}
	api, err := f.api.Dial(e)
	if err != nil {
		return err
	}
	cell, err := api.Cell(ctx)
	if err != nil {
		return err
	}
	var t outcome
	for at := from; at.Before(to); at = at.Add(slice) {
		end := at.Add(slice)
		if end.After(to) {
			end = to
		}
		if err := t.settle(ctx, cell, at, end, e.Now().Add(settling), e.Now); err != nil {
			return err
		}
	}
	if err := t.ledger(ctx, api.Usage, from, to); err != nil {
		return err
	}
	return t.print(e.Out)
}

// instant reads a time, or a span before now.
func instant(flag, text string, now time.Time) (time.Time, error) {
	if text == "" && flag == "to" {
		return now, nil
	}
	if span, err := time.ParseDuration(text); err == nil {
		return now.Add(-span.Abs()), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, command.Usage("--%s %q: want RFC 3339, e.g. 2026-11-24T08:00:00Z, or a span before now, e.g. 2h", flag, text)
	}
	return t, nil
}

// Engine is what is needed of the TelemetryService.
type Engine interface {
	Rerun(context.Context, *telemetryv1.RerunRequest) (*telemetryv1.RerunResponse, error)
}

// Ledger is what is needed of the UsageService.
type Ledger interface {
	Get(context.Context, *usagev1.GetRequest) (*usagev1.GetResponse, error)
}

// outcome is that of all slices.
type outcome struct {
	events, duplicates, refused, windows, different uint64
	examples                                        []string
	hours                                           map[time.Time]*telemetryv1.RerunHour
	compared                                        int
	drift                                           []string
}

// settle runs a slice, again until nothing differs or the deadline has passed: an open window is not stored yet.
func (t *outcome) settle(ctx context.Context, cell Engine, from, to, deadline time.Time, now func() time.Time) error {
	for {
		r, err := cell.Rerun(ctx, &telemetryv1.RerunRequest{Start: timestamppb.New(from), End: timestamppb.New(to)})
		if err != nil {
			return rpc.Explain(err)
		}
		if r.GetDifferent() == 0 || now().After(deadline) || now().Sub(to) > settling {
			t.add(r)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (t *outcome) add(r *telemetryv1.RerunResponse) {
	t.events += r.GetEvents()
	t.duplicates += r.GetDuplicates()
	t.refused += r.GetRefused()
	t.windows += r.GetWindows()
	t.different += r.GetDifferent()
	for _, d := range r.GetExamples() {
		t.examples = append(t.examples, fmt.Sprintf("differs: device %s, %s, window from %s: stored %s, the engine makes %s", d.GetDeviceId(), d.GetMeasurement(),
			d.GetStart().AsTime().Format(time.RFC3339), summary(d.GetStored()), summary(d.GetRecounted())))
	}
	if t.hours == nil {
		t.hours = map[time.Time]*telemetryv1.RerunHour{}
	}
	for _, h := range r.GetHours() {
		of := t.hours[h.GetStart().AsTime()]
		if of == nil {
			of = &telemetryv1.RerunHour{Start: h.GetStart()}
			t.hours[h.GetStart().AsTime()] = of
		}
		of.Events, of.Points, of.Bytes = of.GetEvents()+h.GetEvents(), of.GetPoints()+h.GetPoints(), of.GetBytes()+h.GetBytes()
	}
}

// ledger compares the whole hours of the range with what was counted for usage.
func (t *outcome) ledger(ctx context.Context, usage Ledger, from, to time.Time) error {
	first := from.UTC().Truncate(time.Hour)
	if first.Before(from) {
		first = first.Add(time.Hour)
	}
	last := to.UTC().Truncate(time.Hour)
	if !first.Before(last) {
		return nil
	}
	answer, err := usage.Get(ctx, &usagev1.GetRequest{Start: timestamppb.New(first), End: timestamppb.New(last)})
	if err != nil {
		return rpc.Explain(err)
	}
	counted := map[time.Time]*usagev1.Hour{}
	for _, h := range answer.GetHours() {
		counted[h.GetStart().AsTime()] = h
	}
	for hour := first; hour.Before(last); hour = hour.Add(time.Hour) {
		made, was := t.hours[hour], counted[hour]
		t.compared++
		for _, m := range []struct {
			meter     string
			made, was uint64
		}{{"events", made.GetEvents(), was.GetEvents()}, {"points", made.GetPoints(), was.GetPoints()}, {"bytes", made.GetBytes(), was.GetBytes()}} {
			if m.made != m.was {
				t.drift = append(t.drift, fmt.Sprintf("differs: %s in the hour from %s: counted %d, the engine makes %d", m.meter, hour.Format(time.RFC3339), m.was, m.made))
			}
		}
	}
	return nil
}

// most is how many differences are printed.
const most = 20

func (t *outcome) print(out io.Writer) error {
	_, _ = fmt.Fprintf(out, "ran the engine again over %d events: windows %d equal, %d differing; hours of usage %d compared, %d differences; now duplicates %d, refused %d; nothing was changed\n",
		t.events, t.windows-t.different, t.different, t.compared, len(t.drift), t.duplicates, t.refused)
	lines := slices.Concat(t.examples, t.drift)
	for _, line := range lines[:min(len(lines), most)] {
		_, _ = fmt.Fprintln(out, line)
	}
	if t.different > 0 || len(t.drift) > 0 || t.duplicates > 0 || t.refused > 0 {
		return command.Reported()
	}
	return nil
}

func summary(s *telemetryv1.WindowSummary) string {
	if s.GetCount() == 0 {
		return "nothing"
	}
	return fmt.Sprintf("count %d, sum %v, min %v, max %v, first %v, last %v", s.GetCount(), s.GetSum(), s.GetMin(), s.GetMax(), s.GetFirst(), s.GetLast())
}
