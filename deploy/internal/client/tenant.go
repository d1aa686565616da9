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
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

func tenantCommands() []command.Command {
	return []command.Command{{
		Name: "tenant get", Summary: "show the key's tenant, its limits and where its cell listens",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Tenants.Get(ctx, &tenantv1.GetRequest{})
			return c.answer(answer, err, func(w io.Writer) { printTenant(w, answer) })
		}),
	}}
}

func printTenant(w io.Writer, answer *tenantv1.GetResponse) {
	t, l := answer.GetTenant(), answer.GetTenant().GetLimits()
	table(w, "FIELD VALUE", func(row func(...any)) {
		row("tenant", t.GetTenantId())
		row("name", t.GetName())
		row("slug", t.GetSlug())
		row("status", word(t.GetStatus(), "TENANT_STATUS_"))
		row("plan", t.GetPlan())
		row("role", word(answer.GetRole(), "ROLE_"))
		row("cell", t.GetCell()+" "+t.GetCellUrl())
		row("ingest", t.GetIngestUrl())
		row("mqtt", t.GetMqttAddress()+" "+t.GetMqttWebsocketUrl())
		row("devices", fmt.Sprintf("at most %d, %d measurements each", l.GetDevices(), l.GetMeasurementsPerDevice()))
		row("events", fmt.Sprintf("%d/s, %d at once, %d a day, %d bytes each", l.GetEventsPerSecond(), l.GetEventsBurst(), l.GetEventsPerDay(), l.GetPayloadBytes()))
	})
}

// roles are the words of the roles on the command line.
func role(text string) (tenantv1.Role, error) {
	value, ok := tenantv1.Role_value["ROLE_"+strings.ToUpper(text)]
	if !ok || value == 0 {
		return 0, command.Usage("role %q: want owner, admin, operator or viewer", text)
	}
	return tenantv1.Role(value), nil
}

func keyCommands() []command.Command {
	return []command.Command{{
		Name: "key create", Args: "NAME", Summary: "make an API key and print its secret, this once",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			given := fs.String("role", "operator", "what the key may do: owner, admin, operator or viewer")
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

func memberCommands() []command.Command {
	return []command.Command{{
		Name: "member list", Summary: "list the people of the tenant",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Tenants.ListMembers(ctx, &tenantv1.ListMembersRequest{})
			return c.answer(answer, err, func(w io.Writer) { printMembers(w, answer.GetMembers()) })
		}),
	}, {
		Name: "member add", Args: "EMAIL", Summary: "give a person who has an account a role in the tenant",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			given := fs.String("role", "viewer", "owner, admin, operator or viewer")
			return func(ctx context.Context, c *call) error {
				value, err := role(*given)
				if err != nil {
					return err
				}
				answer, err := c.Tenants.AddMember(ctx, &tenantv1.AddMemberRequest{Email: c.args[0], Role: value})
				return c.answer(answer, err, func(w io.Writer) { printMembers(w, []*tenantv1.Member{answer.GetMember()}) })
			}
		}),
	}, {
		Name: "member remove", Args: "EMAIL_OR_ID", Summary: "take a person out of the tenant",
		Prepare: plain(removeMember),
	}}
}

func printMembers(w io.Writer, members []*tenantv1.Member) {
	table(w, "MEMBER EMAIL ROLE SINCE", func(row func(...any)) {
		for _, m := range members {
			row(m.GetMemberId(), m.GetEmail(), word(m.GetRole(), "ROLE_"), at(m.GetCreatedAt()))
		}
	})
}

// removeMember looks an e-mail address up first.
func removeMember(ctx context.Context, c *call) error {
	id := c.args[0]
	if strings.Contains(id, "@") {
		list, err := c.Tenants.ListMembers(ctx, &tenantv1.ListMembersRequest{})
		if err != nil {
			return c.answer(list, err, nil)
		}
		i := slices.IndexFunc(list.GetMembers(), func(m *tenantv1.Member) bool { return strings.EqualFold(m.GetEmail(), id) })
		if i < 0 {
			return fmt.Errorf("the tenant has no member %s; see `millwright member list`", id)
		}
		id = list.GetMembers()[i].GetMemberId()
	}
	answer, err := c.Tenants.RemoveMember(ctx, &tenantv1.RemoveMemberRequest{MemberId: id})
	return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "removed %s\n", c.args[0]) })
}
