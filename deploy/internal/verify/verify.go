// Package verify checks what the product promised: the `verify` verbs. The binary imports it.
package verify

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

const (
	// chunk is how many events one call asks about.
	chunk = 20_000
	// retry is how long to wait before asking again for what is not yet there.
	retry = 250 * time.Millisecond
	// maxLine bounds a line of the file.
	maxLine = 4096
)

// Commands are the verbs of this package.
func Commands() []command.Command {
	return []command.Command{{
		Name: "verify acks", Args: "FILE", Summary: "check that every acknowledged event is stored exactly once",
		Details: "FILE is what `simulate --acks` wrote: device, message id and event time, separated by tabs, a line for each event.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			options := rpc.Flags(fs)
			wait := fs.Duration("wait", 30*time.Second, "how long to wait for events that are not yet in the store")
			return func(ctx context.Context, e command.Env, args []string) error {
				api, err := options.Dial(e)
				if err != nil {
					return err
				}
				cell, err := api.Cell(ctx)
				if err != nil {
					return err
				}
				return Acks(ctx, cell, args[0], *wait, e.Out, e.Now)
			}
		},
	}, auditCommand(), platformAuditCommand(), cellCommand(), invoiceCommand()}
}

// Events is what is needed of the TelemetryService.
type Events interface {
	VerifyEvents(context.Context, *telemetryv1.VerifyEventsRequest) (*telemetryv1.VerifyEventsResponse, error)
}

// result adds up the answers.
type result struct {
	acked, stored, missing, duplicate uint64
	examples                          []string
}

// Acks reads the file and asks the cell for each event. It prints one line of counts, and examples of what is wrong; then it
// returns a Reported error.
func Acks(ctx context.Context, api Events, file string, wait time.Duration, out io.Writer, now func() time.Time) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read acknowledged events: %w", err)
	}
	defer func() { _ = f.Close() }()
	deadline := now().Add(wait)
	var r result
	again, err := read(f, file, func(events []*telemetryv1.EventKey) error { return r.ask(ctx, api, events, deadline, now) })
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "acked %d, stored %d, missing %d, duplicate %d\n", r.acked, r.stored, r.missing, r.duplicate)
	if again > 0 {
		_, _ = fmt.Fprintf(out, "%d lines name an event that stands in the file already; it counts once\n", again)
	}
	for _, example := range r.examples {
		_, _ = fmt.Fprintln(out, example)
	}
	if r.missing > 0 || r.duplicate > 0 {
		return command.Reported()
	}
	return nil
}

// ask sends one chunk, and sends it again until nothing is missing or the deadline has passed.
func (r *result) ask(ctx context.Context, api Events, events []*telemetryv1.EventKey, deadline time.Time, now func() time.Time) error {
	for {
		answer, err := api.VerifyEvents(ctx, &telemetryv1.VerifyEventsRequest{Events: events})
		if err != nil {
			return rpc.Explain(err)
		}
		if answer.GetMissing() == 0 || now().After(deadline) {
			r.add(uint64(len(events)), answer)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retry):
		}
	}
}

func (r *result) add(acked uint64, answer *telemetryv1.VerifyEventsResponse) {
	r.acked += acked
	r.stored += answer.GetStored()
	r.missing += answer.GetMissing()
	r.duplicate += answer.GetDuplicate()
	for _, k := range answer.GetMissingExamples() {
		r.example("missing", k)
	}
	for _, k := range answer.GetDuplicateExamples() {
		r.example("duplicate", k)
	}
}

func (r *result) example(what string, k *telemetryv1.EventKey) {
	if len(r.examples) < 20 {
		r.examples = append(r.examples, fmt.Sprintf("%s: device %s, message %s, event time %s", what, k.GetDeviceId(), k.GetMessageId(), k.GetEventTime().AsTime().Format(time.RFC3339Nano)))
	}
}

// read hands the events of the file on in chunks, each event once, and counts the lines that named one again.
func read(in io.Reader, name string, each func([]*telemetryv1.EventKey) error) (again int, err error) {
	seen := map[string]struct{}{}
	var events []*telemetryv1.EventKey
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	number := 0
	for lines.Scan() {
		number++
		key, err := parse(lines.Text())
		if err != nil {
			return again, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		identity := key.GetDeviceId() + "\t" + key.GetMessageId()
		if _, ok := seen[identity]; ok {
			again++
			continue
		}
		seen[identity] = struct{}{}
		if events = append(events, key); len(events) == chunk {
			if err := each(events); err != nil {
				return again, err
			}
			events = events[:0]
		}
	}
	if err := lines.Err(); err != nil {
		return again, fmt.Errorf("%s:%d: %w", name, number+1, err)
	}
	if number == 0 {
		return 0, fmt.Errorf("%s has no line: nothing was acknowledged", name)
	}
	if len(events) > 0 {
		err = each(events)
	}
	return again, err
}

var errLine = errors.New("want device, message id and RFC 3339 event time, separated by tabs")

func parse(line string) (*telemetryv1.EventKey, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 3 || fields[0] == "" || fields[1] == "" {
		return nil, errLine
	}
	at, err := time.Parse(time.RFC3339Nano, fields[2])
	if err != nil {
		return nil, errLine
	}
	return &telemetryv1.EventKey{DeviceId: fields[0], MessageId: fields[1], EventTime: timestamppb.New(at)}, nil
}
