package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
)

func quotaCommands() []command.Command {
	return []command.Command{{
		Name: "quota list", Summary: "show every limit of the key's tenant, what is used of it and how often it refused in an hour",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Limits.List(ctx, &limitv1.ListRequest{})
			return c.answer(answer, err, func(w io.Writer) { printLimits(w, answer.GetLimits()) })
		}),
	}, {
		Name: "quota history", Args: "LIMIT", Summary: "show the use of one limit over time, by default of the last six hours",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			start, end := period(fs)
			return func(ctx context.Context, c *call) (err error) {
				req := &limitv1.HistoryRequest{Limit: c.args[0]}
				if req.Start, err = start.at(c.env.Now()); err != nil {
					return err
				}
				if req.End, err = end.at(c.env.Now()); err != nil {
					return err
				}
				answer, err := c.Limits.History(ctx, req)
				return c.answer(answer, err, func(w io.Writer) {
					table(w, "START USED MAXIMUM REFUSED", func(row func(...any)) {
						for _, u := range answer.GetUses() {
							row(at(u.GetStart()), u.GetUsed(), u.GetMaximum(), u.GetRefused())
						}
					})
				})
			}
		}),
	}, {
		Name: "quota refusals", Summary: "show what was refused lately, by limit, scope and minute, newest first",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Limits.ListRefusals(ctx, &limitv1.ListRefusalsRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "MINUTE LIMIT SCOPE REFUSED ASKED MAXIMUM", func(row func(...any)) {
					for _, r := range answer.GetRefusals() {
						row(at(r.GetMinute()), r.GetLimit(), r.GetScope(), r.GetCount(), r.GetCurrent(), r.GetMaximum())
					}
				})
			})
		}),
	}, {
		Name: "quota notices", Summary: "show which limits were nearly or wholly used up lately, newest first",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Limits.ListNotices(ctx, &limitv1.ListNoticesRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "TIME LIMIT PERCENT USED MAXIMUM", func(row func(...any)) {
					for _, n := range answer.GetNotices() {
						row(at(n.GetCreatedAt()), n.GetLimit(), n.GetPercent(), n.GetUsed(), n.GetMaximum())
					}
				})
			})
		}),
	}, {
		Name: "quota show", Args: "TENANT", Summary: "show the limits of any tenant; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Limits.ListTenant(ctx, &limitv1.ListTenantRequest{TenantId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printLimits(w, answer.GetLimits()) })
		}),
	}, {
		Name: "quota set", Args: "TENANT LIMIT MAXIMUM", Summary: "replace one limit of a tenant; for operators of the installation",
		Prepare: setQuota,
	}, {
		Name: "quota remove", Args: "TENANT LIMIT", Summary: "give a tenant its plan's limit again; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Limits.RemoveOverride(ctx, &limitv1.RemoveOverrideRequest{TenantId: c.args[0], Limit: c.args[1]})
			return c.answer(answer, err, func(w io.Writer) { printLimits(w, []*limitv1.Limit{answer.GetLimit()}) })
		}),
	}}
}

func setQuota(fs *flag.FlagSet) command.Run {
	reason := fs.String("reason", "", "why, in words that the tenant reads (required)")
	expires := fs.Duration("expires-in", 0, "how long it holds, e.g. 72h; 0: until it is removed")
	return signedIn(func(ctx context.Context, c *call) error {
		maximum, err := strconv.ParseInt(c.args[2], 10, 64)
		if err != nil || maximum < 0 {
			return command.Usage("maximum %q: want a number from 0 on", c.args[2])
		}
		if *reason == "" {
			return command.Usage("no reason: give one by --reason; the tenant reads it")
		}
		req := &limitv1.SetOverrideRequest{TenantId: c.args[0], Limit: c.args[1], Maximum: maximum, Reason: *reason}
		if *expires > 0 {
			req.ExpiresAt = timestamppb.New(c.env.Now().Add(*expires).Truncate(time.Second))
		}
		answer, err := c.Limits.SetOverride(ctx, req)
		return c.answer(answer, err, func(w io.Writer) { printLimits(w, []*limitv1.Limit{answer.GetLimit()}) })
	})(fs)
}

func printLimits(w io.Writer, limits []*limitv1.Limit) {
	table(w, "LIMIT USED MAXIMUM UNIT REFUSED OVERRIDE", func(row func(...any)) {
		for _, l := range limits {
			used, most, override := "", fmt.Sprint(l.GetMaximum()), ""
			if l != nil && l.Used != nil {
				used = fmt.Sprint(l.GetUsed())
			}
			if l.GetUnlimited() {
				most = "none"
			}
			if o := l.GetOverride(); o != nil {
				override = fmt.Sprintf("instead of %d, until %s: %s", l.GetPlanMaximum(), until(o), o.GetReason())
			}
			row(l.GetName(), used, most, l.GetUnit(), l.GetRefused(), override)
		}
	})
}

func until(o *limitv1.Override) string {
	if o.GetExpiresAt() == nil {
		return "removed"
	}
	return at(o.GetExpiresAt())
}
