package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
)

func keyCommands() []command.Command {
	return []command.Command{{
		Name: "key create", Args: "NAME", Summary: "make an API key and print its secret, this once",
		Prepare: verb(prepareKey),
	}, {
		Name: "key list", Summary: "list the tenant's API keys, and when and where each was used last",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Keys.List(ctx, &keyv1.ListRequest{})
			return c.answer(answer, err, func(w io.Writer) { printKeys(w, answer.GetKeys()) })
		}),
	}, {
		Name: "key rotate", Args: "KEY_ID", Summary: "give a key another secret and print it, this once",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			overlap := fs.Duration("overlap", 24*time.Hour, "how long the present secret stays good; 0s ends it now")
			return func(ctx context.Context, c *call) error {
				answer, err := c.Keys.Rotate(ctx, &keyv1.RotateRequest{KeyId: c.args[0], Overlap: durationpb.New(*overlap)})
				return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintln(w, answer.GetSecret()) })
			}
		}),
	}, {
		Name: "key revoke", Args: "KEY_ID", Summary: "make an API key useless at once",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Keys.Revoke(ctx, &keyv1.RevokeRequest{KeyId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "revoked %s\n", c.args[0]) })
		}),
	}}
}

func prepareKey(fs *flag.FlagSet) func(context.Context, *call) error {
	given := fs.String("role", "", "what the key may do: "+roleWords+" (operator when it is no service account's)")
	scopes := fs.String("scopes", "", "the `actions` of the role that it may do, with commas between, e.g. devices.read,telemetry.read; empty: all")
	facilities := fs.String("facilities", "", "the facilities that it is confined to, with commas between; empty: all")
	account := fs.String("service-account", "", "the service account that it speaks for")
	expires := fs.Duration("expires-in", 0, "how long the key is good for, e.g. 720h; 0: until it is revoked")
	return func(ctx context.Context, c *call) error {
		req := &keyv1.CreateRequest{Name: c.args[0], Scopes: words(*scopes), Facilities: words(*facilities), ServiceAccountId: *account}
		if *given == "" && *account == "" {
			*given = "operator"
		}
		if *given != "" {
			var err error
			if req.Role, req.CustomRole, err = role(*given); err != nil {
				return err
			}
		}
		if *expires > 0 {
			req.ExpiresAt = timestamppb.New(c.env.Now().Add(*expires).Truncate(time.Second))
		}
		answer, err := c.Keys.Create(ctx, req)
		return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintln(w, answer.GetSecret()) })
	}
}

func printKeys(w io.Writer, keys []*keyv1.Key) {
	table(w, "KEY NAME ROLE SCOPES FACILITIES ACCOUNT PREFIX ENDS USED FROM AT", func(row func(...any)) {
		for _, k := range keys {
			for _, s := range k.GetSecrets() {
				ends := at(s.GetExpiresAt())
				if ends == "" {
					ends = at(k.GetExpiresAt())
				}
				row(k.GetKeyId(), k.GetName(), roleWord(k), strings.Join(k.GetScopes(), ","), strings.Join(k.GetFacilities(), ","),
					k.GetServiceAccountId(), s.GetPrefix(), ends, at(s.GetLastUsedAt()), s.GetLastUsedAddress(), s.GetLastUsedAtPlane())
			}
		}
	})
}

func accountCommands() []command.Command {
	return []command.Command{{
		Name: "account list", Summary: "list the tenant's service accounts",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Keys.ListServiceAccounts(ctx, &keyv1.ListServiceAccountsRequest{})
			return c.answer(answer, err, func(w io.Writer) { printAccounts(w, answer.GetServiceAccounts()) })
		}),
	}, {
		Name: "account create", Args: "NAME", Summary: "make a service account: a role that several keys can have",
		Prepare: accountVerb(func(ctx context.Context, c *call, a *keyv1.ServiceAccount) error {
			answer, err := c.Keys.CreateServiceAccount(ctx, &keyv1.CreateServiceAccountRequest{
				ServiceAccountId: c.args[0], Title: a.GetTitle(), Role: a.GetRole(), CustomRole: a.GetCustomRole(), Facilities: a.GetFacilities(),
			})
			return c.answer(answer, err, func(w io.Writer) { printAccounts(w, []*keyv1.ServiceAccount{answer.GetServiceAccount()}) })
		}),
	}, {
		Name: "account update", Args: "NAME", Summary: "give a service account, and so all of its keys, another role",
		Prepare: accountVerb(func(ctx context.Context, c *call, a *keyv1.ServiceAccount) error {
			answer, err := c.Keys.UpdateServiceAccount(ctx, &keyv1.UpdateServiceAccountRequest{
				ServiceAccountId: c.args[0], Title: a.GetTitle(), Role: a.GetRole(), CustomRole: a.GetCustomRole(), Facilities: a.GetFacilities(),
			})
			return c.answer(answer, err, func(w io.Writer) { printAccounts(w, []*keyv1.ServiceAccount{answer.GetServiceAccount()}) })
		}),
	}, {
		Name: "account delete", Args: "NAME", Summary: "forget a service account and revoke its keys",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Keys.DeleteServiceAccount(ctx, &keyv1.DeleteServiceAccountRequest{ServiceAccountId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "deleted %s\n", c.args[0]) })
		}),
	}}
}

// accountVerb is a verb with the flags that describe a service account.
func accountVerb(run func(ctx context.Context, c *call, a *keyv1.ServiceAccount) error) func(fs *flag.FlagSet) command.Run {
	return verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
		given := fs.String("role", "viewer", roleWords)
		title := fs.String("title", "", "what it is, for people")
		facilities := fs.String("facilities", "", "the facilities that it is confined to, with commas between; empty: all")
		return func(ctx context.Context, c *call) (err error) {
			a := &keyv1.ServiceAccount{Title: *title, Facilities: words(*facilities)}
			if a.Role, a.CustomRole, err = role(*given); err != nil {
				return err
			}
			return run(ctx, c, a)
		}
	})
}

func printAccounts(w io.Writer, accounts []*keyv1.ServiceAccount) {
	table(w, "ACCOUNT TITLE ROLE FACILITIES KEYS CREATED BY", func(row func(...any)) {
		for _, a := range accounts {
			row(a.GetServiceAccountId(), a.GetTitle(), roleWord(a), strings.Join(a.GetFacilities(), ","), a.GetKeys(), at(a.GetCreatedAt()), a.GetCreatedBy())
		}
	})
}
