package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

const (
	roleWords = "owner, admin, operator, maintenance, quality, finance, viewer, or custom/NAME for a role of the tenant's own"
	// customPrefix begins a role of the tenant's own.
	customPrefix = "custom/"
)

// role reads a role's word.
func role(text string) (tenantv1.Role, string, error) {
	if name, ok := strings.CutPrefix(text, customPrefix); ok && name != "" {
		return tenantv1.Role_ROLE_CUSTOM, name, nil
	}
	value, ok := tenantv1.Role_value["ROLE_"+strings.ToUpper(text)]
	if !ok || value == 0 || tenantv1.Role(value) == tenantv1.Role_ROLE_CUSTOM {
		return 0, "", command.Usage("role %q: want %s", text, roleWords)
	}
	return tenantv1.Role(value), "", nil
}

// roleWord writes the role of a message as role reads it.
func roleWord(m interface {
	GetRole() tenantv1.Role
	GetCustomRole() string
},
) string {
	if m.GetCustomRole() != "" {
		return customPrefix + m.GetCustomRole()
	}
	return word(m.GetRole(), "ROLE_")
}

func roleCommands() []command.Command {
	return []command.Command{{
		Name: "role list", Summary: "show what each role may do",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Roles.List(ctx, &rolev1.ListRequest{})
			return c.answer(answer, err, func(w io.Writer) { printRoles(w, answer.GetRoles()) })
		}),
	}, {
		Name: "role create", Args: "NAME", Summary: "make a role of the tenant's own",
		Prepare: definitionVerb(func(ctx context.Context, c *call, title string, actions []string) error {
			answer, err := c.Roles.Create(ctx, &rolev1.CreateRequest{CustomRole: c.args[0], Title: title, Actions: actions})
			return c.answer(answer, err, func(w io.Writer) { printRoles(w, []*rolev1.Role{answer.GetRole()}) })
		}),
	}, {
		Name: "role update", Args: "NAME", Summary: "replace what a role of the tenant's own may do",
		Prepare: definitionVerb(func(ctx context.Context, c *call, title string, actions []string) error {
			answer, err := c.Roles.Update(ctx, &rolev1.UpdateRequest{CustomRole: c.args[0], Title: title, Actions: actions})
			return c.answer(answer, err, func(w io.Writer) { printRoles(w, []*rolev1.Role{answer.GetRole()}) })
		}),
	}, {
		Name: "role delete", Args: "NAME", Summary: "forget a role of the tenant's own that nobody has",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Roles.Delete(ctx, &rolev1.DeleteRequest{CustomRole: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "deleted %s\n", c.args[0]) })
		}),
	}}
}

// definitionVerb is a verb with the flags that define a role.
func definitionVerb(run func(ctx context.Context, c *call, title string, actions []string) error) func(fs *flag.FlagSet) command.Run {
	return verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
		title := fs.String("title", "", "for whom it is, in a sentence")
		actions := fs.String("actions", "", "the `actions`, with commas between, e.g. devices.read,telemetry.read; `role list` shows them (required)")
		return func(ctx context.Context, c *call) error {
			if *actions == "" {
				return command.Usage("--actions is required")
			}
			return run(ctx, c, *title, words(*actions))
		}
	})
}

func printRoles(w io.Writer, roles []*rolev1.Role) {
	table(w, "ROLE FOR ACTIONS", func(row func(...any)) {
		for _, r := range roles {
			row(roleWord(r), r.GetTitle(), strings.Join(r.GetActions(), ","))
		}
	})
}
