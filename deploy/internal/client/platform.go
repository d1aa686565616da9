package client

import (
	"context"
	"flag"
	"io"

	"github.com/millwright-io/millwright/deploy/internal/command"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
)

func platformCommands() []command.Command {
	return []command.Command{{
		Name: "platform audit", Summary: "show what operators did, and who was refused it, newest first; for operators of the installation",
		Prepare: signedInVerb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			req := &platformv1.ListAuditRequest{}
			limit := fs.Int("limit", 100, "`number` of entries, at most 500")
			refused := fs.Bool("refused", false, "only what was refused")
			fs.StringVar(&req.Actor, "actor", "", "only by this `e-mail` address")
			fs.StringVar(&req.Action, "action", "", "only actions that contain this `text`")
			fs.StringVar(&req.Object, "object", "", "only objects that begin with this `text`, e.g. cell/ or tenant/")
			var since moment
			fs.Var(&since, "since", "only from this `time` on: RFC 3339, or a span before now such as 2h")
			return func(ctx context.Context, c *call) (err error) {
				if *limit < 1 || *limit > 500 {
					return command.Usage("--limit %d: want 1 to 500", *limit)
				}
				req.PageSize = int32(*limit) //nolint:gosec // checked above
				if *refused {
					req.Outcome = auditv1.Outcome_OUTCOME_REFUSED
				}
				if req.Start, err = since.at(c.env.Now()); err != nil {
					return err
				}
				answer, err := c.Platform.ListAudit(ctx, req)
				return c.answer(answer, err, func(w io.Writer) { printAudit(w, answer.GetEntries()) })
			}
		}),
	}, {
		Name: "platform audit-export", Summary: "write the platform's whole audit log, a JSON object a line, oldest first; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error { return c.export(ctx, "/api/v1/platform/audit/export") }),
	}}
}
