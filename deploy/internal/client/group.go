package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
)

func groupCommands() []command.Command {
	return []command.Command{{
		Name: "group list", Summary: "list the groups, or those of a device",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			device := fs.String("device", "", "only the groups that this `DEVICE` is in")
			return func(ctx context.Context, c *call) error {
				answer, err := c.Groups.List(ctx, &groupv1.ListRequest{DeviceId: *device})
				return c.answer(answer, err, func(w io.Writer) { printGroups(w, answer.GetGroups()) })
			}
		}),
	}, {
		Name: "group get", Args: "GROUP", Summary: "show a group, its policy and its devices",
		Prepare: plain(getGroup),
	}, {
		Name: "group create", Args: "GROUP", Summary: "make a group: with --query of the devices that it finds, else by hand",
		Details: `A query is a CEL expression, e.g. --query 'type == "press" && labels.site == "berlin"'.`,
		Prepare: groupVerb(func(ctx context.Context, c *call, g *groupv1.Group) error {
			answer, err := c.Groups.Create(ctx, &groupv1.CreateRequest{GroupId: c.args[0], Name: g.GetName(), Query: g.GetQuery(), Policy: g.GetPolicy()})
			return c.answer(answer, err, func(w io.Writer) { printGroups(w, []*groupv1.Group{answer.GetGroup()}) })
		}),
	}, {
		Name: "group update", Args: "GROUP", Summary: "replace a group's name, query and policy",
		Prepare: groupVerb(updateGroup),
	}, {
		Name: "group delete", Args: "GROUP", Summary: "forget a group; its devices stay",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Groups.Delete(ctx, &groupv1.DeleteRequest{GroupId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "group %s is gone\n", c.args[0]) })
		}),
	}, {
		Name: "group member", Args: "add|remove GROUP DEVICE,DEVICE", Summary: "add devices to a group without a query, or take them out",
		Prepare: plain(changeMembers),
	}, {
		Name: "group preview", Args: "QUERY", Summary: "tell which devices a query finds",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Groups.Preview(ctx, &groupv1.PreviewRequest{Query: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "finds %d of %d devices\n", answer.GetMatching(), answer.GetTotal())
				for _, id := range answer.GetDeviceIds() {
					_, _ = fmt.Fprintln(w, id)
				}
			})
		}),
	}, {
		Name: "device gateway", Args: "NAME", Summary: "show for whom a device speaks, or set it",
		Details: "With --devices or --groups it speaks for exactly those; with --none for nobody.",
		Prepare: verb(prepareGateway),
	}}
}

// groupVerb is a verb with the flags of a group.
func groupVerb(run func(ctx context.Context, c *call, g *groupv1.Group) error) func(fs *flag.FlagSet) command.Run {
	return verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
		name := fs.String("name", "", "what people call it")
		query := fs.String("query", "", "CEL expression that finds its devices")
		topics := fs.String("topics", "", "the only topics that its devices may publish to, with commas between")
		payload := fs.Int("payload-bytes", 0, "the largest payload; 0: as the tenant's limit")
		events := fs.Int("events-per-second", 0, "of all its devices together; 0: as the tenant's limit")
		commands := fs.String("commands", "", "the only commands that its devices may be sent, with commas between; `none` for none")
		return func(ctx context.Context, c *call) error {
			policy := &groupv1.Policy{Topics: words(*topics), PayloadBytes: int32(*payload), EventsPerSecond: int32(*events)} //nolint:gosec // the server refuses what is out of range
			if *commands != "" {
				policy.Commands = &groupv1.CommandRule{}
				if *commands != "none" {
					policy.Commands.Names = words(*commands)
				}
			}
			return run(ctx, c, &groupv1.Group{Name: *name, Query: *query, Policy: policy})
		}
	})
}

func updateGroup(ctx context.Context, c *call, g *groupv1.Group) error {
	before, err := c.Groups.Get(ctx, &groupv1.GetRequest{GroupId: c.args[0]})
	if err != nil {
		return rpc.Explain(err)
	}
	if g.GetName() == "" {
		g.Name = before.GetGroup().GetName()
	}
	if g.GetQuery() == "" {
		g.Query = before.GetGroup().GetQuery()
	}
	answer, err := c.Groups.Update(ctx, &groupv1.UpdateRequest{
		GroupId: c.args[0], Name: g.GetName(), Query: g.GetQuery(), Policy: g.GetPolicy(), Version: before.GetGroup().GetVersion(),
	})
	return c.answer(answer, err, func(w io.Writer) { printGroups(w, []*groupv1.Group{answer.GetGroup()}) })
}

func getGroup(ctx context.Context, c *call) error {
	answer, err := c.Groups.Get(ctx, &groupv1.GetRequest{GroupId: c.args[0]})
	if err != nil || c.json {
		return c.answer(answer, err, nil)
	}
	members, err := c.Groups.ListMembers(ctx, &groupv1.ListMembersRequest{GroupId: c.args[0], PageSize: 1000})
	return c.answer(members, err, func(w io.Writer) {
		printGroups(w, []*groupv1.Group{answer.GetGroup()})
		if q := answer.GetGroup().GetQuery(); q != "" {
			_, _ = fmt.Fprintf(w, "\nquery: %s\n", q)
		}
		_, _ = fmt.Fprintf(w, "\n%s\n", strings.Join(members.GetDeviceIds(), "\n"))
	})
}

func changeMembers(ctx context.Context, c *call) error {
	if len(c.args) != 3 {
		return command.Usage("group member: want `add GROUP DEVICES` or `remove GROUP DEVICES`")
	}
	switch c.args[0] {
	case "add":
		answer, err := c.Groups.AddMembers(ctx, &groupv1.AddMembersRequest{GroupId: c.args[1], DeviceIds: words(c.args[2])})
		return c.answer(answer, err, func(w io.Writer) { printGroups(w, []*groupv1.Group{answer.GetGroup()}) })
	case "remove":
		answer, err := c.Groups.RemoveMembers(ctx, &groupv1.RemoveMembersRequest{GroupId: c.args[1], DeviceIds: words(c.args[2])})
		return c.answer(answer, err, func(w io.Writer) { printGroups(w, []*groupv1.Group{answer.GetGroup()}) })
	}
	return command.Usage("group member %s: want add or remove", c.args[0])
}

func prepareGateway(fs *flag.FlagSet) func(context.Context, *call) error {
	devices := fs.String("devices", "", "the devices that it speaks for, with commas between")
	groups := fs.String("groups", "", "the groups whose devices it speaks for, with commas between")
	none := fs.Bool("none", false, "it speaks for nobody")
	return func(ctx context.Context, c *call) error {
		if *devices == "" && *groups == "" && !*none {
			answer, err := c.Gateways.Get(ctx, &devicev1.GetGatewayRequest{DeviceId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printGateway(w, answer.GetGateway()) })
		}
		if *none && *devices+*groups != "" {
			return command.Usage("device gateway: give --none, or --devices and --groups")
		}
		answer, err := c.Gateways.Set(ctx, &devicev1.SetGatewayRequest{DeviceId: c.args[0], DeviceIds: words(*devices), GroupIds: words(*groups)})
		return c.answer(answer, err, func(w io.Writer) { printGateway(w, answer.GetGateway()) })
	}
}

func printGateway(w io.Writer, g *devicev1.Gateway) {
	table(w, "FIELD VALUE", func(row func(...any)) {
		row("device", g.GetDeviceId())
		row("speaks for devices", strings.Join(g.GetDeviceIds(), ","))
		row("speaks for groups", strings.Join(g.GetGroupIds(), ","))
		row("spoken for by", strings.Join(g.GetSpokenForBy(), ","))
	})
}

func printGroups(w io.Writer, groups []*groupv1.Group) {
	table(w, "GROUP NAME BY DEVICES TOPICS PAYLOAD EVENTS/S", func(row func(...any)) {
		for _, g := range groups {
			by := "hand"
			if g.GetQuery() != "" {
				by = "query"
			}
			p := g.GetPolicy()
			row(g.GetGroupId(), g.GetName(), by, g.GetMembers(), strings.Join(p.GetTopics(), ","), orNone(p.GetPayloadBytes()), orNone(p.GetEventsPerSecond()))
		}
	})
}

func orNone(n int32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
