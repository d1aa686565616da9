// Package client holds the verbs with which a person or a script uses an installation from outside: tenants, devices,
// keys, members, usage, telemetry and the audit log, through the public APIs. Command millwright imports it.
package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
)

// Commands returns the verbs.
func Commands() []command.Command {
	return slices.Concat(
		loginCommands(), tenantCommands(), accountCommands(), memberCommands(), roleCommands(), keyCommands(), auditCommands(),
		deviceCommands(), deviceTypeCommands(), facilityCommands(), groupCommands(), jobCommands(),
		certificateCommands(), inventoryCommands(),
		telemetryCommands(), deadLetterCommands(),
		usageCommands(), ledgerCommands(), attributionCommands(), invoiceCommands(), subscriptionCommands(), paymentCommands(), budgetCommands(), quotaCommands(),
		cellCommands(), pipelineCommands(), platformCommands(), operatorCommands(), billingCommands(), tokenKeyCommands(),
	)
}

// call is one use of a verb: the client, and where the answer goes.
type call struct {
	*rpc.Client
	env  command.Env
	json bool
	args []string
}

// form is the flag -o.
func form(fs *flag.FlagSet) *string {
	return fs.String("o", "table", "form of the answer: table or json")
}

// asJSON reads the flag -o.
func asJSON(form string) (bool, error) {
	if form != "table" && form != "text" && form != "json" {
		return false, command.Usage("-o %q: want table or json", form)
	}
	return form == "json", nil
}

// verb is a Prepare that adds the flags that every client verb has. define adds the verb's own.
func verb(define func(fs *flag.FlagSet) func(ctx context.Context, c *call) error) func(fs *flag.FlagSet) command.Run {
	return func(fs *flag.FlagSet) command.Run {
		options := rpc.Flags(fs)
		form := form(fs)
		run := define(fs)
		return func(ctx context.Context, e command.Env, args []string) error {
			inJSON, err := asJSON(*form)
			if err != nil {
				return err
			}
			client, err := options.Dial(e)
			if err != nil {
				return err
			}
			return run(ctx, &call{Client: client, env: e, json: inJSON, args: args})
		}
	}
}

// plain is a verb without flags of its own.
func plain(run func(ctx context.Context, c *call) error) func(fs *flag.FlagSet) command.Run {
	return verb(func(*flag.FlagSet) func(context.Context, *call) error { return run })
}

// answer prints a response: as JSON when asked for, else what text prints.
func (c *call) answer(message proto.Message, err error, text func(w io.Writer)) error {
	if err != nil {
		return rpc.Explain(err)
	}
	if !c.json {
		text(c.env.Out)
		return nil
	}
	body, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true, Multiline: true, Indent: "  "}.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	_, err = fmt.Fprintf(c.env.Out, "%s\n", body)
	return err
}

// table prints rows under a heading in aligned columns.
func table(w io.Writer, heading string, rows func(row func(cells ...any))) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, strings.ReplaceAll(heading, " ", "\t"))
	rows(func(cells ...any) {
		for i, cell := range cells {
			if i > 0 {
				_, _ = fmt.Fprint(t, "\t")
			}
			if s := fmt.Sprint(cell); s != "" {
				_, _ = fmt.Fprint(t, s)
			} else {
				_, _ = fmt.Fprint(t, "-")
			}
		}
		_, _ = fmt.Fprintln(t)
	})
	_ = t.Flush()
}

// word is an enum value without its prefix, in lower case.
func word(value fmt.Stringer, prefix string) string {
	return strings.ToLower(strings.TrimPrefix(value.String(), prefix))
}

func at(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339)
}

// moment is a flag for a point in time: RFC 3339, or a span before now such as 2h.
type moment struct{ text string }

func (m *moment) String() string { return m.text }

// Set takes the text; it is read when the verb runs.
func (m *moment) Set(text string) error {
	m.text = text
	return nil
}

func (m *moment) at(now time.Time) (*timestamppb.Timestamp, error) {
	if m.text == "" {
		return nil, nil //nolint:nilnil // not given
	}
	if span, err := time.ParseDuration(m.text); err == nil {
		return timestamppb.New(now.Add(-span.Abs())), nil
	}
	t, err := time.Parse(time.RFC3339Nano, m.text)
	if err != nil {
		return nil, command.Usage("time %q: want RFC 3339, e.g. 2026-11-24T08:00:00Z, or a span before now, e.g. 2h", m.text)
	}
	return timestamppb.New(t), nil
}

// words splits a list given with commas.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
