package verify

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

// maxSince is as far back as the usage API answers at once.
const maxSince = 30 * 24 * time.Hour

func cellCommand() command.Command {
	return command.Command{
		Name: "verify cell", Summary: "check windows and usage against a recount of the stored events",
		Details: "Hour by hour, every window is computed again from the stored events and compared with what the engine stored, and the " +
			"usage ledger with the number of rows. One unit of difference ends with exit code 1.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			options := rpc.Flags(fs)
			since := fs.Duration("since", 24*time.Hour, "how far back, by when events were received")
			wait := fs.Duration("wait", 60*time.Second, "how long to wait for what is still on its way")
			return func(ctx context.Context, e command.Env, _ []string) error {
				if *since <= 0 || *since > maxSince {
					return command.Usage("--since %s: want more than 0 and at most %s", *since, maxSince)
				}
				api, err := options.Dial(e)
				if err != nil {
					return err
				}
				cell, err := api.Cell(ctx)
				if err != nil {
					return err
				}
				return Cell(ctx, cell, api.Usage, *since, *wait, e.Out, e.Now)
			}
		},
	}
}

// Recounter is what is needed of the TelemetryService.
type Recounter interface {
	Recount(context.Context, *telemetryv1.RecountRequest) (*telemetryv1.RecountResponse, error)
}

// Ledger is what is needed of the UsageService.
type Ledger interface {
	Get(context.Context, *usagev1.GetRequest) (*usagev1.GetResponse, error)
}

// tally is the outcome over all hours.
type tally struct {
	windows, different                 uint64
	events, points, deadLetters, bytes uint64
	drift                              []string
	examples                           []string
}

// Cell recounts every hour since then and compares. It prints one line of counts and what differs; then it returns a
// Reported error.
func Cell(ctx context.Context, cell Recounter, ledger Ledger, since, wait time.Duration, out io.Writer, now func() time.Time) error {
	deadline := now().Add(wait)
	var t tally
	for hour := now().UTC().Add(-since).Truncate(time.Hour); !hour.After(now().UTC()); hour = hour.Add(time.Hour) {
		if err := t.settle(ctx, cell, ledger, hour, deadline, now); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintf(out, "windows %d, different %d; events %d, points %d, dead letters %d, bytes %d, drift %d\n",
		t.windows, t.different, t.events, t.points, t.deadLetters, t.bytes, len(t.drift))
	for _, line := range append(t.examples, t.drift...) {
		_, _ = fmt.Fprintln(out, line)
	}
	if t.different > 0 || len(t.drift) > 0 {
		return command.Reported()
	}
	return nil
}

// settle compares an hour, again and again until it agrees or the deadline has passed: rows, windows and totals of the
// last seconds arrive one after the other.
func (t *tally) settle(ctx context.Context, cell Recounter, ledger Ledger, hour, deadline time.Time, now func() time.Time) error {
	for {
		// The ledger before and after: while devices send, the rows lie between the two.
		before, err := usageOf(ctx, ledger, hour)
		if err != nil {
			return err
		}
		recount, err := cell.Recount(ctx, &telemetryv1.RecountRequest{Start: timestamppb.New(hour), End: timestamppb.New(hour.Add(time.Hour))})
		if err != nil {
			return rpc.Explain(err)
		}
		after, err := usageOf(ctx, ledger, hour)
		if err != nil {
			return err
		}
		stored := &telemetryv1.HourCount{}
		if hours := recount.GetHours(); len(hours) > 0 {
			stored = hours[0]
		}
		drift := compare(hour, stored, before, after)
		if (len(drift) == 0 && recount.GetDifferent() == 0) || now().After(deadline) {
			t.add(recount, stored, drift)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func usageOf(ctx context.Context, ledger Ledger, hour time.Time) (*usagev1.Hour, error) {
	answer, err := ledger.Get(ctx, &usagev1.GetRequest{Start: timestamppb.New(hour), End: timestamppb.New(hour.Add(time.Hour))})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	for _, h := range answer.GetHours() {
		if h.GetStart().AsTime().Equal(hour) {
			return h, nil
		}
	}
	return &usagev1.Hour{}, nil
}

// compare names the meters whose ledger never had what is stored.
func compare(hour time.Time, stored *telemetryv1.HourCount, before, after *usagev1.Hour) []string {
	var drift []string
	for _, m := range []struct {
		meter         string
		before, after uint64
		stored        uint64
	}{
		{"events", before.GetEvents(), after.GetEvents(), stored.GetEvents()},
		{"points", before.GetPoints(), after.GetPoints(), stored.GetPoints()},
		{"bytes", before.GetBytes(), after.GetBytes(), stored.GetBytes()},
		{"dead_letters", before.GetDeadLetters(), after.GetDeadLetters(), stored.GetEngineDeadLetters() + stored.GetGatewayDeadLetters()},
	} {
		if m.stored < m.before || m.stored > m.after {
			drift = append(drift, fmt.Sprintf("drift: %s in the hour from %s: the ledger has %d, stored are %d", m.meter, hour.Format(time.RFC3339), m.after, m.stored))
		}
	}
	return drift
}

func (t *tally) add(r *telemetryv1.RecountResponse, stored *telemetryv1.HourCount, drift []string) {
	t.windows += r.GetWindows()
	t.different += r.GetDifferent()
	t.events += stored.GetEvents()
	t.points += stored.GetPoints()
	t.bytes += stored.GetBytes()
	t.deadLetters += stored.GetEngineDeadLetters() + stored.GetGatewayDeadLetters()
	t.drift = append(t.drift, drift...)
	for _, d := range r.GetExamples() {
		t.examples = append(t.examples, fmt.Sprintf("different: device %s, %s, window from %s: stored %s, recounted %s",
			d.GetDeviceId(), d.GetMeasurement(), d.GetStart().AsTime().Format(time.RFC3339), summary(d.GetStored()), summary(d.GetRecounted())))
	}
}

func summary(s *telemetryv1.WindowSummary) string {
	if s.GetCount() == 0 {
		return "nothing"
	}
	return fmt.Sprintf("count %d, sum %v, min %v, max %v, first %v, last %v", s.GetCount(), s.GetSum(), s.GetMin(), s.GetMax(), s.GetFirst(), s.GetLast())
}
