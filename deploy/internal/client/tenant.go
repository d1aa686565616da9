package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

func tenantCommands() []command.Command {
	return append(lifeCommands(), command.Command{
		Name: "tenant get", Summary: "show the key's tenant, its limits and where its cell listens",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Tenants.Get(ctx, &tenantv1.GetRequest{})
			return c.answer(answer, err, func(w io.Writer) { printTenant(w, answer) })
		}),
	}, command.Command{
		Name: "tenant update", Summary: "change settings of the key's tenant: those that flags name",
		Prepare: verb(updateTenant),
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
		row("role", word(answer.GetRole(), "ROLE_"))
		row("cell", t.GetCell()+" in "+t.GetRegion()+" "+t.GetCellUrl())
		row("ingest", t.GetIngestUrl())
		row("mqtt", t.GetMqttAddress()+" "+t.GetMqttWebsocketUrl())
		row("devices", fmt.Sprintf("at most %d, %d measurements each", l.GetDevices(), l.GetMeasurementsPerDevice()))
		row("events", fmt.Sprintf("%d/s, %d at once, %d a day, %d bytes each", l.GetEventsPerSecond(), l.GetEventsBurst(), l.GetEventsPerDay(), l.GetPayloadBytes()))
	})
}

func keyCommands() []command.Command {
	return []command.Command{{
		Name: "key create", Args: "NAME", Summary: "make an API key and print its secret, this once",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			given := fs.String("role", "operator", "what the key may do: "+roleWords)
			expires := fs.Duration("expires-in", 0, "how long the key is good for, e.g. 720h; 0: until it is revoked")
			return func(ctx context.Context, c *call) error {
				value, err := role(*given)
				if err != nil {
					return err
				}
				req := &tenantv1.CreateKeyRequest{Name: c.args[0], Role: value}
				if *expires > 0 {
					req.ExpiresAt = timestamppb.New(c.env.Now().Add(*expires).Truncate(time.Second))
				}
				answer, err := c.Tenants.CreateKey(ctx, req)
				return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintln(w, answer.GetSecret()) })
			}
		}),
	}, {
		Name: "key list", Summary: "list the tenant's API keys",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Tenants.ListKeys(ctx, &tenantv1.ListKeysRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "KEY NAME ROLE PREFIX CREATED EXPIRES", func(row func(...any)) {
					for _, k := range answer.GetKeys() {
						row(k.GetKeyId(), k.GetName(), word(k.GetRole(), "ROLE_"), k.GetPrefix(), at(k.GetCreatedAt()), at(k.GetExpiresAt()))
					}
				})
			})
		}),
	}, {
		Name: "key revoke", Args: "KEY_ID", Summary: "make an API key useless at once",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Tenants.RevokeKey(ctx, &tenantv1.RevokeKeyRequest{KeyId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "revoked %s\n", c.args[0]) })
		}),
	}}
}
