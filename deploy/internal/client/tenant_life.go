package client

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// lifeCommands found, hand over, suspend and end tenants. They are for people: no key may do this.
func lifeCommands() []command.Command {
	return []command.Command{{
		Name: "tenant list", Summary: "list your organisations and mark the current one", Prepare: signedIn(listTenants),
	}, {
		Name: "tenant create", Args: "NAME", Summary: "found an organisation, and act for it from now on", Prepare: signedInVerb(createTenant),
	}, {
		Name: "tenant transfer", Args: "EMAIL_OR_ID", Summary: "make another member the owner; you become an admin", Prepare: confirmedVerb(transferTenant),
	}, {
		Name: "tenant delete", Summary: "end an organisation: refused at once, removed when the grace period is over", Prepare: confirmedVerb(deleteTenant),
	}, {
		Name: "tenant keep", Summary: "cancel the deletion of an organisation within its grace period", Prepare: confirmedVerb(keepTenant),
	}, {
		Name: "tenant removed", Summary: "show what was removed of the organisations that you had deleted", Prepare: signedIn(listRemoved),
	}, {
		Name: "tenant suspend", Args: "TENANT_ID", Summary: "refuse an organisation's devices and people with a reason; for operators of the installation",
		Prepare: signedInVerb(suspendTenant),
	}, {
		Name: "tenant resume", Args: "TENANT_ID", Summary: "serve a suspended organisation again; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Tenants.Resume(ctx, &tenantv1.ResumeRequest{TenantId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printTenants(w, answer.GetTenant()) })
		}),
	}, {
		Name: "plan list", Summary: "show the plans that an organisation can be founded with",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Tenants.ListPlans(ctx, &tenantv1.ListPlansRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "PLAN FOR DEVICES EVENTS/DAY EVENTS_KEPT MINUTES_KEPT HOURS_KEPT", func(row func(...any)) {
					for _, p := range answer.GetPlans() {
						row(p.GetPlan(), p.GetTitle(), p.GetLimits().GetDevices(), p.GetLimits().GetEventsPerDay(),
							kept(p.GetRetentionDays()), kept(p.GetMinuteRetentionDays()), kept(p.GetHourRetentionDays()))
					}
				})
			})
		}),
	}}
}

// confirmedVerb is a verb that acts for one of the person's organisations, whose short name is typed again to confirm.
func confirmedVerb(run func(ctx context.Context, c *call, confirm string) error) func(fs *flag.FlagSet) command.Run {
	return signedInVerb(func(fs *flag.FlagSet) func(context.Context, *call) error {
		slug := fs.String("tenant", "", "the organisation's short name; it also confirms that you mean it")
		return func(ctx context.Context, c *call) error {
			if *slug == "" {
				return command.Usage("--tenant: name the organisation by its short name")
			}
			mine, err := c.Tenants.List(ctx, &tenantv1.ListRequest{})
			if err != nil {
				return rpc.Explain(err)
			}
			return actFor(ctx, c, mine.GetMemberships(), *slug, run)
		}
	})
}

// actFor runs something for one of the person's organisations, and leaves the session with the one that it acted for before.
func actFor(ctx context.Context, c *call, mine []*tenantv1.Membership, slug string, run func(ctx context.Context, c *call, confirm string) error) (err error) {
	named := slices.IndexFunc(mine, func(m *tenantv1.Membership) bool { return m.GetTenant().GetSlug() == slug })
	if named < 0 {
		return fmt.Errorf("you are a member of no organisation %s; see `millwright tenant list`", slug)
	}
	before := slices.IndexFunc(mine, (*tenantv1.Membership).GetCurrent)
	to := func(i int) error {
		_, err := c.Tenants.Switch(ctx, &tenantv1.SwitchRequest{TenantId: mine[i].GetTenant().GetTenantId()})
		return rpc.Explain(err)
	}
	if named != before {
		if err := to(named); err != nil {
			return err
		}
	}
	if named != before && before >= 0 {
		defer func() { err = errors.Join(err, to(before)) }()
	}
	return run(ctx, c, slug)
}

func listTenants(ctx context.Context, c *call) error {
	answer, err := c.Tenants.List(ctx, &tenantv1.ListRequest{})
	return c.answer(answer, err, func(w io.Writer) {
		printMemberships(w, answer.GetMemberships())
	})
}

// printMemberships marks the organisation that the session acts for.
func printMemberships(w io.Writer, mine []*tenantv1.Membership) {
	table(w, "CURRENT SLUG NAME ROLE STATUS PLAN REGION TENANT NOTE", func(row func(...any)) {
		for _, m := range mine {
			t, mark := m.GetTenant(), ""
			if m.GetCurrent() {
				mark = "*"
			}
			row(mark, t.GetSlug(), t.GetName(), roleWord(m), word(t.GetStatus(), "TENANT_STATUS_"), t.GetPlan(), t.GetRegion(), t.GetTenantId(), note(m))
		}
	})
}

// note is what keeps a person from acting for an organisation, or is about to.
func note(m *tenantv1.Membership) string {
	if m.GetSecondFactorMissing() {
		return "requires a second factor"
	}
	return noteOf(m.GetTenant())
}

func noteOf(t *tenantv1.Tenant) string {
	for _, s := range t.GetSteps() {
		if s.GetState() == tenantv1.StepState_STEP_STATE_RUNNING {
			return strings.TrimSpace(s.GetTitle() + ": " + s.GetDetail())
		}
	}
	if d := t.GetDeletion(); d != nil {
		return "to be removed on " + at(d.GetDueAt())
	}
	return t.GetSuspension().GetReason()
}

func printTenants(w io.Writer, tenants ...*tenantv1.Tenant) {
	table(w, "TENANT SLUG NAME STATUS PLAN REGION CELL NOTE", func(row func(...any)) {
		for _, t := range tenants {
			row(t.GetTenantId(), t.GetSlug(), t.GetName(), word(t.GetStatus(), "TENANT_STATUS_"), t.GetPlan(), t.GetRegion(), t.GetCell(), noteOf(t))
		}
	})
}

func createTenant(fs *flag.FlagSet) func(context.Context, *call) error {
	slug := fs.String("slug", "", "short name in links; made from the name when empty")
	region := fs.String("region", "", "where its data lives, see `region list`; empty: any")
	plan := fs.String("plan", "", "see `plan list`; empty: team")
	return func(ctx context.Context, c *call) error {
		answer, err := c.Tenants.Create(ctx, &tenantv1.CreateRequest{Name: c.args[0], Slug: *slug, Region: *region, Plan: *plan})
		if err == nil {
			err = c.actFrom(ctx, answer.GetTenant())
		}
		return c.answer(answer, err, func(w io.Writer) { printTenants(w, answer.GetTenant()) })
	}
}

func transferTenant(ctx context.Context, c *call, confirm string) error {
	id := c.args[0]
	if strings.Contains(id, "@") {
		list, err := c.Members.List(ctx, &memberv1.ListRequest{})
		if err != nil {
			return rpc.Explain(err)
		}
		i := slices.IndexFunc(list.GetMembers(), func(m *memberv1.Member) bool { return strings.EqualFold(m.GetEmail(), id) })
		if i < 0 {
			return fmt.Errorf("%s has no member %s: invite them first", confirm, id)
		}
		id = list.GetMembers()[i].GetMemberId()
	}
	answer, err := c.Tenants.TransferOwnership(ctx, &tenantv1.TransferOwnershipRequest{MemberId: id, Confirm: confirm})
	return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "%s owns %s now\n", c.args[0], confirm) })
}

func deleteTenant(ctx context.Context, c *call, confirm string) error {
	answer, err := c.Tenants.Delete(ctx, &tenantv1.DeleteRequest{Confirm: confirm})
	return c.answer(answer, err, func(w io.Writer) { printTenants(w, answer.GetTenant()) })
}

func keepTenant(ctx context.Context, c *call, _ string) error {
	answer, err := c.Tenants.CancelDeletion(ctx, &tenantv1.CancelDeletionRequest{})
	return c.answer(answer, err, func(w io.Writer) { printTenants(w, answer.GetTenant()) })
}

func listRemoved(ctx context.Context, c *call) error {
	answer, err := c.Tenants.ListRemoved(ctx, &tenantv1.ListRemovedRequest{})
	return c.answer(answer, err, func(w io.Writer) {
		table(w, "TENANT NAME REMOVED VERIFIED WHAT", func(row func(...any)) {
			for _, r := range answer.GetTenants() {
				var what []string
				for _, name := range slices.Sorted(maps.Keys(r.GetCounts())) {
					what = append(what, fmt.Sprintf("%s=%d", name, r.GetCounts()[name]))
				}
				row(r.GetTenantId(), r.GetName(), at(r.GetRemovedAt()), at(r.GetVerifiedAt()), strings.Join(what, " "))
			}
		})
	})
}

func suspendTenant(fs *flag.FlagSet) func(context.Context, *call) error {
	reason := fs.String("reason", "", "what devices and people who are refused are told")
	return func(ctx context.Context, c *call) error {
		answer, err := c.Tenants.Suspend(ctx, &tenantv1.SuspendRequest{TenantId: c.args[0], Reason: *reason})
		return c.answer(answer, err, func(w io.Writer) { printTenants(w, answer.GetTenant()) })
	}
}

func printSettings(row func(...any), s *tenantv1.Settings) {
	row("time zone", s.GetTimeZone())
	row("units", word(s.GetUnits(), "UNITS_"))
	row("events kept", kept(s.GetRetentionDays()))
	row("minutes kept", kept(s.GetMinuteRetentionDays()))
	row("hours kept", kept(s.GetHourRetentionDays()))
	row("alerts", fmt.Sprintf("from %s to %s", word(s.GetAlertSeverity(), "ALERT_SEVERITY_"), strings.Join(s.GetAlertRecipients(), ", ")))
}

func kept(days int32) string {
	if days == 0 {
		return "as long as the plan allows"
	}
	return fmt.Sprintf("%d days", days)
}

// updateTenant changes what its flags name, on the version that it read a moment before.
func updateTenant(fs *flag.FlagSet) func(context.Context, *call) error {
	name := fs.String("name", "", "the organisation's name")
	zone := fs.String("time-zone", "", "of the IANA database, e.g. Europe/Berlin")
	units := fs.String("units", "", "of the console's charts: metric or imperial")
	days := fs.Int("retention-days", -1, "how long events are kept; 0: as long as the plan allows")
	minutes := fs.Int("minute-retention-days", -1, "how long the minutes made of events are kept, as long as those or longer; 0: as long as the plan allows")
	hours := fs.Int("hour-retention-days", -1, "how long the hours made of minutes are kept, as long as those or longer; 0: as long as the plan allows")
	recipients := fs.String("alert-recipients", "-", "e-mail addresses with commas between; empty: nobody")
	severity := fs.String("alert-severity", "", "the least that is told by e-mail: info, warning or critical")
	return func(ctx context.Context, c *call) error {
		got, err := c.Tenants.Get(ctx, &tenantv1.GetRequest{})
		if err != nil {
			return rpc.Explain(err)
		}
		s := got.GetTenant().GetSettings()
		if *name != "" {
			s.Name = *name
		}
		if *zone != "" {
			s.TimeZone = *zone
		}
		if *days >= 0 {
			s.RetentionDays = int32(*days)
		}
		if *minutes >= 0 {
			s.MinuteRetentionDays = int32(*minutes)
		}
		if *hours >= 0 {
			s.HourRetentionDays = int32(*hours)
		}
		if *recipients != "-" {
			s.AlertRecipients = words(*recipients)
		}
		if *units != "" {
			s.Units = tenantv1.Units(tenantv1.Units_value["UNITS_"+strings.ToUpper(*units)])
		}
		if *severity != "" {
			s.AlertSeverity = tenantv1.AlertSeverity(tenantv1.AlertSeverity_value["ALERT_SEVERITY_"+strings.ToUpper(*severity)])
		}
		answer, err := c.Tenants.UpdateSettings(ctx, &tenantv1.UpdateSettingsRequest{Settings: s, Version: s.GetVersion()})
		return c.answer(answer, err, func(w io.Writer) {
			table(w, "FIELD VALUE", func(row func(...any)) {
				row("name", answer.GetSettings().GetName())
				printSettings(row, answer.GetSettings())
			})
		})
	}
}
