package client

import (
	"context"
	"flag"
	"io"

	"github.com/millwright-io/millwright/deploy/internal/command"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
)

func platformCommands() []command.Command {
	return []command.Command{{
		Name: "platform audit", Summary: "show what operators did, and who was refused it, newest first; for operators of the installation",
		Prepare: signedInVerb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			fill := auditFilter(fs, "", "cell/ or tenant/")
			return func(ctx context.Context, c *call) error {
				filter, err := fill(c)
				if err != nil {
					return err
				}
				req := &platformv1.ListAuditRequest{
					PageSize: filter.GetPageSize(), Outcome: filter.GetOutcome(), Actor: filter.GetActor(), Action: filter.GetAction(),
					Object: filter.GetObject(), Start: filter.GetStart(),
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
