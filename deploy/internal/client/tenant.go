package client

import (
	"context"
	"fmt"
	"io"

	"github.com/millwright-io/millwright/deploy/internal/command"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

func tenantCommands() []command.Command {
	return append(lifeCommands(), command.Command{
		Name: "tenant get", Summary: "show the organisation that the key or session acts for, its limits and where its cell listens",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Tenants.Get(ctx, &tenantv1.GetRequest{})
			return c.answer(answer, err, func(w io.Writer) { printTenant(w, answer) })
		}),
	}, command.Command{
		Name: "tenant update", Summary: "change settings of that organisation: those that flags name",
		Prepare: verb(updateTenant),
	}, command.Command{
		Name: "tenant switch", Args: "SLUG_OR_ID", Summary: "act for another of your organisations, from now on",
		Prepare: signedIn(switchTenant),
	}, command.Command{
		Name: "tenant second-factor", Args: "required|optional", Summary: "say whether people must sign in with a second factor to act for the organisation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			if c.args[0] != "required" && c.args[0] != "optional" {
				return command.Usage("tenant second-factor %q: want required or optional", c.args[0])
			}
			answer, err := c.Tenants.RequireSecondFactor(ctx, &tenantv1.RequireSecondFactorRequest{Required: c.args[0] == "required"})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "a second factor is %s now\n", c.args[0]) })
		}),
	})
}

func printTenant(w io.Writer, answer *tenantv1.GetResponse) {
	t, l := answer.GetTenant(), answer.GetTenant().GetLimits()
	table(w, "FIELD VALUE", func(row func(...any)) {
		row("tenant", t.GetTenantId())
		row("name", t.GetName())
		row("slug", t.GetSlug())
		row("status", word(t.GetStatus(), "TENANT_STATUS_"))
		if why := t.GetSuspension().GetReason(); why != "" {
			row("suspended", why)
		}
		if d := t.GetDeletion(); d != nil {
			row("deleted", "on "+at(d.GetDueAt())+", asked for by "+d.GetRequestedBy())
		}
		row("plan", t.GetPlan())
		printSettings(row, t.GetSettings())
		row("role", roleWord(answer))
		row("second factor", map[bool]string{true: "required of people", false: "not required"}[t.GetSecondFactorRequired()])
		row("cell", t.GetCell()+" in "+t.GetRegion()+" "+t.GetCellUrl())
		row("ingest", t.GetIngestUrl())
		row("mqtt", t.GetMqttAddress()+" "+t.GetMqttWebsocketUrl())
		row("nats", t.GetNatsUrl())
		row("devices", fmt.Sprintf("at most %d, %d measurements each", l.GetDevices(), l.GetMeasurementsPerDevice()))
		row("events", fmt.Sprintf("%d/s, %d at once, %d a day, %d bytes each", l.GetEventsPerSecond(), l.GetEventsBurst(), l.GetEventsPerDay(), l.GetPayloadBytes()))
	})
}

func switchTenant(ctx context.Context, c *call) error {
	mine, err := c.Tenants.List(ctx, &tenantv1.ListRequest{})
	if err != nil {
		return c.answer(mine, err, nil)
	}
	for _, m := range mine.GetMemberships() {
		if t := m.GetTenant(); t.GetSlug() == c.args[0] || t.GetTenantId() == c.args[0] {
			answer, err := c.Tenants.Switch(ctx, &tenantv1.SwitchRequest{TenantId: t.GetTenantId()})
			if err == nil {
				err = c.KeepTenant(t)
			}
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "you act for %s now\n", t.GetName()) })
		}
	}
	return fmt.Errorf("you are a member of no organisation %s; see `millwright tenant list`", c.args[0])
}

// actFrom makes the session act for an organisation from now on.
func (c *call) actFrom(ctx context.Context, t *tenantv1.Tenant) error {
	if _, err := c.Tenants.Switch(ctx, &tenantv1.SwitchRequest{TenantId: t.GetTenantId()}); err != nil {
		return err
	}
	return c.KeepTenant(t)
}
