package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	deadletterv1 "github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1"
)

const largestPayload = 256 << 10

func deadLetterCommands() []command.Command {
	return []command.Command{
		{
			Name: "dead-letter list", Args: "[DEVICE...]", Summary: "list messages that were refused, newest first, or count them by reason",
			Prepare: verb(prepareLetters),
		},
		{Name: "dead-letter show", Args: "ID", Summary: "show a refused message, where its error is, and what it would be now", Prepare: plain(showLetter)},
		{
			Name: "dead-letter replay", Args: "[ID...]", Summary: "put refused messages right and send them again",
			Details: "Names letters by id, or with --device, --reason and --since every open one that they choose. Fields are named as\n" +
				"they stand in the message, by their paths with dots: measurements.vibration.x. With --preview nothing is sent.",
			Prepare: verb(prepareReplay),
		},
		{Name: "dead-letter discard", Args: "[ID...]", Summary: "close refused messages for good; they are kept until they expire", Prepare: verb(prepareDiscard)},
	}
}

// letterFilter are the flags that choose letters.
type letterFilter struct {
	devices, reason, stage, state string
	since, until                  moment
}

func (f *letterFilter) define(fs *flag.FlagSet) {
	fs.StringVar(&f.reason, "reason", "", "only letters with this reason, e.g. wrong_type")
	fs.StringVar(&f.stage, "stage", "", "only what the gateway or the engine refused: gateway or engine")
	fs.Var(&f.since, "since", "only what was received from `TIME` on, RFC 3339 or a span before now such as 2h")
	fs.Var(&f.until, "until", "only what was received before `TIME`")
}

func (f *letterFilter) proto(now time.Time) (*deadletterv1.Filter, error) {
	stage, ok := map[string]deadletterv1.Stage{"": 0, "gateway": deadletterv1.Stage_STAGE_GATEWAY, "engine": deadletterv1.Stage_STAGE_ENGINE}[f.stage]
	if !ok {
		return nil, command.Usage("--stage %q: want gateway or engine", f.stage)
	}
	state, ok := map[string]deadletterv1.State{
		"": 0, "open": deadletterv1.State_STATE_OPEN, "replayed": deadletterv1.State_STATE_REPLAYED, "discarded": deadletterv1.State_STATE_DISCARDED,
	}[f.state]
	if !ok {
		return nil, command.Usage("--state %q: want open, replayed or discarded", f.state)
	}
	out := &deadletterv1.Filter{DeviceIds: words(f.devices), Reason: f.reason, Stage: stage, State: state}
	var err error
	if out.Start, err = f.since.at(now); err != nil {
		return nil, err
	}
	out.End, err = f.until.at(now)
	return out, err
}

// deadLettersOf prints a page, of one device or of all.
func deadLettersOf(ctx context.Context, c *call) error {
	return listLetters(ctx, c, &deadletterv1.ListRequest{Filter: &deadletterv1.Filter{DeviceIds: c.args}})
}

func listLetters(ctx context.Context, c *call, req *deadletterv1.ListRequest) error {
	letters, err := c.DeadLetters(ctx)
	if err != nil {
		return err
	}
	answer, err := letters.List(ctx, req)
	return c.answer(answer, err, func(w io.Writer) {
		table(w, "ID RECEIVED DEVICE STATE REASON DETAIL", func(row func(...any)) {
			for _, l := range answer.GetDeadLetters() {
				row(l.GetId(), at(l.GetReceivedAt()), l.GetDeviceId(), word(l.GetState(), "STATE_"), l.GetReason(), l.GetDetail())
			}
		})
		if answer.GetNextPageToken() != "" {
			_, _ = fmt.Fprintf(w, "there are more: --page %s\n", answer.GetNextPageToken())
		}
	})
}

func prepareLetters(fs *flag.FlagSet) func(context.Context, *call) error {
	f := &letterFilter{}
	f.define(fs)
	fs.StringVar(&f.state, "state", "", "open, replayed or discarded (default all)")
	groups := fs.Bool("groups", false, "count by reason, stage and device")
	page := fs.String("page", "", "`TOKEN` that the page before ended with")
	return func(ctx context.Context, c *call) error {
		filter, err := f.proto(c.env.Now())
		if err != nil {
			return err
		}
		filter.DeviceIds = c.args
		if !*groups {
			return listLetters(ctx, c, &deadletterv1.ListRequest{Filter: filter, PageToken: *page})
		}
		letters, err := c.DeadLetters(ctx)
		if err != nil {
			return err
		}
		answer, err := letters.ListGroups(ctx, &deadletterv1.ListGroupsRequest{Filter: filter})
		return c.answer(answer, err, func(w io.Writer) {
			table(w, "COUNT REASON STAGE DEVICE FIRST LAST DETAIL", func(row func(...any)) {
				for _, g := range answer.GetGroups() {
					row(g.GetCount(), g.GetReason(), word(g.GetStage(), "STAGE_"), g.GetDeviceId(), at(g.GetFirstReceivedAt()), at(g.GetLastReceivedAt()), g.GetDetail())
				}
			})
			k := answer.GetKept()
			_, _ = fmt.Fprintf(w, "kept: %d of %d letters, %d of %d bytes, %d days\n", k.GetLetters(), k.GetMaximumLetters(), k.GetBytes(), k.GetMaximumBytes(), k.GetDays())
		})
	}
}

func showLetter(ctx context.Context, c *call) error {
	letters, err := c.DeadLetters(ctx)
	if err != nil {
		return err
	}
	answer, err := letters.Get(ctx, &deadletterv1.GetRequest{Id: c.args[0]})
	return c.answer(answer, err, func(w io.Writer) {
		l := answer.GetDeadLetter()
		table(w, "FIELD VALUE", func(row func(...any)) {
			row("id", l.GetId())
			row("device", l.GetDeviceId())
			row("received", at(l.GetReceivedAt()))
			row("refused by", word(l.GetStage(), "STAGE_"))
			row("protocol", l.GetProtocol())
			row("reason", l.GetReason())
			row("detail", l.GetDetail())
			row("state", word(l.GetState(), "STATE_"))
			row("changed", strings.TrimSpace(at(l.GetChangedAt())+" "+l.GetChangedBy()+" "+l.GetNote()))
		})
		printOutcome(w, answer.GetOutcome())
		_, _ = fmt.Fprintf(w, "payload, %d bytes:\n%s\n", l.GetPayloadBytes(), strings.ToValidUTF8(string(l.GetPayload()), "?"))
	})
}

func printOutcome(w io.Writer, o *deadletterv1.Outcome) {
	if o.GetReason() != "" {
		where := ""
		if o.GetErrorLength() > 0 {
			where = fmt.Sprintf(" (bytes %d to %d)", o.GetErrorOffset(), o.GetErrorOffset()+o.GetErrorLength())
		}
		_, _ = fmt.Fprintf(w, "%s  %s  refused: %s: %s%s\n", o.GetId(), o.GetDeviceId(), o.GetReason(), o.GetDetail(), where)
		return
	}
	for _, e := range o.GetEvents() {
		_, _ = fmt.Fprintf(w, "%s  %s  event: %s %s id %s\n", o.GetId(), o.GetDeviceId(), e.GetTime().AsTime().Format(time.RFC3339Nano), values(e.GetValues()), e.GetMessageId())
	}
	if more := int(o.GetEventCount()) - len(o.GetEvents()); more > 0 {
		_, _ = fmt.Fprintf(w, "%s  %s  and %d events more\n", o.GetId(), o.GetDeviceId(), more)
	}
}

// selection reads which letters are meant.
func (f *letterFilter) selection(c *call) (*deadletterv1.Selection, error) {
	if len(c.args) > 0 {
		return &deadletterv1.Selection{Ids: c.args}, nil
	}
	filter, err := f.proto(c.env.Now())
	if err != nil {
		return nil, err
	}
	if len(filter.GetDeviceIds()) == 0 && filter.GetReason() == "" && filter.GetStage() == 0 && filter.GetStart() == nil {
		return nil, command.Usage("which letters? name ids, or choose with --device, --reason, --stage or --since")
	}
	if filter.End == nil {
		filter.End = timestamppb.New(c.env.Now()) // the same end on every page
	}
	return &deadletterv1.Selection{Filter: filter}, nil
}

type editFlags struct {
	renames, drops, scales     list
	time, field, zone, payload string
	shift                      time.Duration
}

func (e *editFlags) define(fs *flag.FlagSet) {
	fs.Var(&e.renames, "rename", "`FROM=TO`: move a field; may be given many times")
	fs.Var(&e.drops, "drop", "`FIELD` to leave out; may be given many times")
	fs.Var(&e.scales, "scale", "`FIELD=FACTOR`: multiply a number; 1 makes a number of one in quotes; may be given many times")
	fs.StringVar(&e.time, "time", "", "`FORMAT` of the event's time: usual, unix_seconds, unix_microseconds, unix_nanoseconds, local, local_day_first, local_month_first, received")
	fs.StringVar(&e.field, "time-field", "", "`FIELD` that holds the time (default timestamp)")
	fs.StringVar(&e.zone, "time-zone", "", "`ZONE` of local times, e.g. Europe/Berlin (default UTC)")
	fs.DurationVar(&e.shift, "time-shift", 0, "`SPAN` to add to the time, e.g. -2h")
	fs.StringVar(&e.payload, "payload", "", "`FILE` that takes the place of one letter's message; - is standard input")
}

func (e *editFlags) proto(in io.Reader) (*deadletterv1.Edit, error) {
	out := &deadletterv1.Edit{Drops: e.drops}
	for _, text := range e.renames {
		from, to, ok := strings.Cut(text, "=")
		if !ok {
			return nil, command.Usage("--rename %q: want FROM=TO", text)
		}
		out.Renames = append(out.Renames, &deadletterv1.Rename{From: from, To: to})
	}
	for _, text := range e.scales {
		field, factor, _ := strings.Cut(text, "=")
		f, err := strconv.ParseFloat(factor, 64)
		if err != nil {
			return nil, command.Usage("--scale %q: want FIELD=FACTOR", text)
		}
		out.Scales = append(out.Scales, &deadletterv1.Scale{Field: field, Factor: f})
	}
	if e.time+e.field+e.zone != "" || e.shift != 0 {
		format, ok := deadletterv1.TimestampFormat_value["TIMESTAMP_FORMAT_"+strings.ToUpper(e.time)]
		if !ok && e.time != "" && e.time != "usual" {
			return nil, command.Usage("--time %q: see --help for the formats", e.time)
		}
		out.Timestamp = &deadletterv1.TimestampEdit{
			Field: e.field, Format: deadletterv1.TimestampFormat(format), Zone: e.zone, ShiftSeconds: int64(e.shift / time.Second),
		}
	}
	if e.payload == "" {
		return out, nil
	}
	src := in
	if e.payload != "-" {
		file, err := os.Open(e.payload)
		if err != nil {
			return nil, fmt.Errorf("read --payload: %w", err)
		}
		defer func() { _ = file.Close() }()
		src = file
	}
	var err error
	if out.Payload, err = io.ReadAll(io.LimitReader(src, largestPayload+1)); err != nil {
		return nil, fmt.Errorf("read --payload: %w", err)
	}
	if len(out.Payload) > largestPayload {
		return nil, command.Usage("--payload %s: want at most %d bytes", e.payload, largestPayload)
	}
	return out, nil
}

func prepareReplay(fs *flag.FlagSet) func(context.Context, *call) error {
	f, e := &letterFilter{}, &editFlags{}
	f.define(fs)
	fs.StringVar(&f.devices, "device", "", "only letters of these devices, separated by commas")
	e.define(fs)
	preview := fs.Bool("preview", false, "say what would become of the first letters; send nothing")
	return func(ctx context.Context, c *call) error {
		selection, err := f.selection(c)
		if err != nil {
			return err
		}
		edit, err := e.proto(c.env.In)
		if err != nil {
			return err
		}
		letters, err := c.DeadLetters(ctx)
		if err != nil {
			return err
		}
		if *preview {
			answer, err := letters.Preview(ctx, &deadletterv1.PreviewRequest{Selection: selection, Edit: edit, Limit: 50})
			return c.answer(answer, err, func(w io.Writer) {
				for _, o := range answer.GetOutcomes() {
					printOutcome(w, o)
				}
				_, _ = fmt.Fprintf(w, "%d letters are chosen\n", answer.GetSelected())
			})
		}
		sum := &deadletterv1.ReplayResponse{}
		req := &deadletterv1.ReplayRequest{Selection: selection, Edit: edit}
		for more := true; more; more = req.PageToken != "" {
			answer, err := letters.Replay(ctx, req)
			if err != nil {
				printReplayed(c.env.Err, sum)
				return rpc.Explain(err)
			}
			sum.Replayed, sum.AlreadyReplayed = sum.Replayed+answer.Replayed, sum.AlreadyReplayed+answer.AlreadyReplayed
			sum.Refused, sum.Events = sum.Refused+answer.Refused, sum.Events+answer.Events
			if len(sum.Refusals) < 20 {
				sum.Refusals = append(sum.Refusals, answer.Refusals...)
			}
			req.PageToken = answer.NextPageToken
		}
		if err := c.answer(sum, nil, func(w io.Writer) { printReplayed(w, sum) }); err != nil {
			return err
		}
		if sum.Refused > 0 {
			return fmt.Errorf("%d letters were refused and stay open", sum.Refused)
		}
		return nil
	}
}

func printReplayed(w io.Writer, sum *deadletterv1.ReplayResponse) {
	for _, o := range sum.GetRefusals() {
		printOutcome(w, o)
	}
	_, _ = fmt.Fprintf(w, "replayed %d, already replayed %d, refused %d, events %d\n", sum.GetReplayed(), sum.GetAlreadyReplayed(), sum.GetRefused(), sum.GetEvents())
}

func prepareDiscard(fs *flag.FlagSet) func(context.Context, *call) error {
	f := &letterFilter{}
	f.define(fs)
	fs.StringVar(&f.devices, "device", "", "only letters of these devices, separated by commas")
	why := fs.String("why", "", "reason, for those who look later (required)")
	return func(ctx context.Context, c *call) error {
		if *why == "" {
			return command.Usage("dead-letter discard needs --why TEXT")
		}
		selection, err := f.selection(c)
		if err != nil {
			return err
		}
		letters, err := c.DeadLetters(ctx)
		if err != nil {
			return err
		}
		sum := &deadletterv1.DiscardResponse{}
		req := &deadletterv1.DiscardRequest{Selection: selection, Reason: *why}
		for more := true; more; more = req.PageToken != "" {
			answer, err := letters.Discard(ctx, req)
			if err != nil {
				return rpc.Explain(err)
			}
			sum.Discarded += answer.Discarded
			req.PageToken = answer.NextPageToken
		}
		return c.answer(sum, nil, func(w io.Writer) { _, _ = fmt.Fprintf(w, "discarded %d\n", sum.GetDiscarded()) })
	}
}
