package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
)

// operatorCommands are for operators of the installation, but for `notice list`.
func operatorCommands() []command.Command {
	return slices.Concat(flagCommands(), announcementCommands(), []command.Command{{
		Name: "tenant find", Args: "[BEGINNING]", Summary: "list the organisations whose name, short name or id begins so; for operators of the installation",
		Prepare: signedInVerb(findTenants),
	}})
}

func findTenants(fs *flag.FlagSet) func(context.Context, *call) error {
	req := &platformv1.ListTenantsRequest{}
	size := fs.Int("limit", 50, "`number` of them, at most 200")
	fs.StringVar(&req.PageToken, "page", "", "the `token` that the page before ended with")
	return func(ctx context.Context, c *call) error {
		if *size < 1 || *size > 200 {
			return command.Usage("--limit %d: want 1 to 200", *size)
		}
		req.PageSize, req.Query = int32(*size), strings.Join(c.args, "") //nolint:gosec // checked above
		answer, err := c.Platform.ListTenants(ctx, req)
		return c.answer(answer, err, func(w io.Writer) {
			table(w, "TENANT SLUG NAME STATUS PLAN CELL CREATED", func(row func(...any)) {
				for _, t := range answer.GetTenants() {
					row(t.GetTenantId(), t.GetSlug(), t.GetName(), word(t.GetStatus(), "TENANT_STATUS_"), t.GetPlan(), t.GetCell(), at(t.GetCreatedAt()))
				}
			})
			if next := answer.GetNextPageToken(); next != "" {
				_, _ = fmt.Fprintf(w, "%d in all; the next page: --page %s\n", answer.GetTotal(), next)
			}
		})
	}
}

func flagCommands() []command.Command {
	return []command.Command{{
		Name: "flag list", Summary: "list the feature flags and whom they are on for; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Platform.ListFlags(ctx, &platformv1.ListFlagsRequest{})
			return c.answer(answer, err, func(w io.Writer) { printFlags(w, answer.GetFlags()...) })
		}),
	}, {
		Name: "flag set", Args: "NAME", Summary: "make a feature flag or change what is named of it; for operators of the installation",
		Prepare: signedInVerb(setFlag),
	}, {
		Name: "flag remove", Args: "NAME", Summary: "forget a feature flag: it is off everywhere; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Platform.RemoveFlag(ctx, &platformv1.RemoveFlagRequest{Flag: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "removed %s\n", c.args[0]) })
		}),
	}}
}

// setFlag leaves what no flag of the command names as it is. -1 and "-" stand for not named, as they mean nothing here.
func setFlag(fs *flag.FlagSet) func(context.Context, *call) error {
	percent := fs.Int("percent", -1, "how many of all organisations it is on for; raising it turns it off for nobody (a new one: 0)")
	tenants := fs.String("tenants", "-", "the `ids` of organisations that it is on for whatever the percentage, with commas between; empty: none")
	description := fs.String("description", "-", "what it is, for people")
	return func(ctx context.Context, c *call) error {
		list, err := c.Platform.ListFlags(ctx, &platformv1.ListFlagsRequest{})
		if err != nil {
			return rpc.Explain(err)
		}
		req := &platformv1.SetFlagRequest{Flag: c.args[0]}
		for _, f := range list.GetFlags() {
			if f.GetFlag() == c.args[0] {
				req.Percent, req.TenantIds, req.Description = f.GetPercent(), f.GetTenantIds(), f.GetDescription()
			}
		}
		if *percent != -1 {
			if *percent < 0 || *percent > 100 {
				return command.Usage("--percent %d: want 0 to 100", *percent)
			}
			req.Percent = int32(*percent) //nolint:gosec // checked above
		}
		if *tenants != "-" {
			req.TenantIds = words(*tenants)
		}
		if *description != "-" {
			req.Description = *description
		}
		answer, err := c.Platform.SetFlag(ctx, req)
		return c.answer(answer, err, func(w io.Writer) { printFlags(w, answer.GetFlag()) })
	}
}

func printFlags(w io.Writer, flags ...*platformv1.Flag) {
	table(w, "FLAG PERCENT TENANTS DESCRIPTION CHANGED BY", func(row func(...any)) {
		for _, f := range flags {
			row(f.GetFlag(), f.GetPercent(), strings.Join(f.GetTenantIds(), ","), f.GetDescription(), at(f.GetUpdatedAt()), f.GetUpdatedBy())
		}
	})
}

func announcementCommands() []command.Command {
	return []command.Command{{
		Name: "announcement list", Summary: "list the announcements that have not ended; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Platform.ListAnnouncements(ctx, &platformv1.ListAnnouncementsRequest{})
			return c.answer(answer, err, func(w io.Writer) { printAnnouncements(w, answer.GetAnnouncements()...) })
		}),
	}, {
		Name: "announcement create", Args: "TEXT", Summary: "show a text to everybody in the console; for operators of the installation",
		Prepare: signedInVerb(announce),
	}, {
		Name: "announcement withdraw", Args: "ID", Summary: "take an announcement back; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Platform.Withdraw(ctx, &platformv1.WithdrawRequest{AnnouncementId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "withdrew %s\n", c.args[0]) })
		}),
	}, {
		Name: "notice list", Summary: "show the announcements of the moment, and the features that are on for the current organisation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Platform.GetNotices(ctx, &platformv1.GetNoticesRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				printAnnouncements(w, answer.GetAnnouncements()...)
				_, _ = fmt.Fprintf(w, "features: %s\n", strings.Join(answer.GetFlags(), ", "))
			})
		}),
	}}
}

func announce(fs *flag.FlagSet) func(context.Context, *call) error {
	severity := fs.String("severity", "info", "how it looks: info or warning")
	lasts := fs.Duration("ends-in", 0, "how long it is shown, e.g. 24h; 0: until it is withdrawn")
	return func(ctx context.Context, c *call) error {
		value, ok := map[string]platformv1.Severity{"info": platformv1.Severity_SEVERITY_INFO, "warning": platformv1.Severity_SEVERITY_WARNING}[*severity]
		if !ok {
			return command.Usage("--severity %q: want info or warning", *severity)
		}
		req := &platformv1.AnnounceRequest{Text: c.args[0], Severity: value}
		if *lasts > 0 {
			req.EndsAt = timestamppb.New(c.env.Now().Add(*lasts).Truncate(time.Second))
		}
		answer, err := c.Platform.Announce(ctx, req)
		return c.answer(answer, err, func(w io.Writer) { printAnnouncements(w, answer.GetAnnouncement()) })
	}
}

func printAnnouncements(w io.Writer, list ...*platformv1.Announcement) {
	table(w, "ID SEVERITY TEXT SINCE ENDS BY", func(row func(...any)) {
		for _, a := range list {
			row(a.GetAnnouncementId(), word(a.GetSeverity(), "SEVERITY_"), a.GetText(), at(a.GetCreatedAt()), at(a.GetEndsAt()), a.GetCreatedBy())
		}
	})
}
