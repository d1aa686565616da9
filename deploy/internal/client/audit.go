package client

import (
	"context"
	"flag"
	"io"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
)

func auditCommands() []command.Command {
	return []command.Command{{
		Name: "audit list", Summary: "show who changed what, and who was refused, newest first",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			fill := auditFilter(fs, "or key:<key id>", "device/press_")
			return func(ctx context.Context, c *call) error {
				req, err := fill(c)
				if err != nil {
					return err
				}
				answer, err := c.Audit.List(ctx, req)
				return c.answer(answer, err, func(w io.Writer) { printAudit(w, answer.GetEntries()) })
			}
		}),
	}, {
		Name: "audit export", Summary: "write the whole audit log, a JSON object a line, oldest first",
		Prepare: plain(func(ctx context.Context, c *call) error { return c.export(ctx, "/api/v1/audit/export") }),
	}}
}

// auditFilter adds the flags that choose entries of an audit log, and returns what reads them.
func auditFilter(fs *flag.FlagSet, actors, object string) func(*call) (*auditv1.ListRequest, error) {
	req := &auditv1.ListRequest{}
	limit := fs.Int("limit", 100, "`number` of entries, at most 500")
	refused := fs.Bool("refused", false, "only what was refused")
	fs.StringVar(&req.Actor, "actor", "", strings.TrimSpace("only by this `e-mail` address "+actors))
	fs.StringVar(&req.Action, "action", "", "only actions that contain this `text`")
	fs.StringVar(&req.Object, "object", "", "only objects that begin with this `text`, e.g. "+object)
	var since moment
	fs.Var(&since, "since", "only from this `time` on: RFC 3339, or a span before now such as 2h")
	return func(c *call) (_ *auditv1.ListRequest, err error) {
		if *limit < 1 || *limit > 500 {
			return nil, command.Usage("--limit %d: want 1 to 500", *limit)
		}
		req.PageSize = int32(*limit) //nolint:gosec // checked above
		if *refused {
			req.Outcome = auditv1.Outcome_OUTCOME_REFUSED
		}
		req.Start, err = since.at(c.env.Now())
		return req, err
	}
}

// export writes a download of the control plane as it comes.
func (c *call) export(ctx context.Context, path string) error {
	in, err := c.Download(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	_, err = io.Copy(c.env.Out, in)
	return err
}

func printAudit(w io.Writer, entries []*auditv1.Entry) {
	table(w, "NUMBER TIME ACTOR ACTION OBJECT OUTCOME CHANGE", func(row func(...any)) {
		for _, e := range entries {
			row(e.GetNumber(), at(e.GetOccurredAt()), e.GetActor(), strings.TrimPrefix(e.GetAction(), "millwright."), e.GetObject(),
				e.GetOutcome(), change(e.GetBeforeJson(), e.GetAfterJson()))
		}
	})
}

func change(before, after string) string {
	if before == "" {
		return after
	}
	return before + " → " + after
}
