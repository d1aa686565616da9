package client

import (
	"context"
	"flag"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
)

// signedIn is a verb for people and not for keys, such as an operator of the installation.
func signedIn(run func(ctx context.Context, c *call) error) func(fs *flag.FlagSet) command.Run {
	return signedInVerb(func(*flag.FlagSet) func(context.Context, *call) error { return run })
}

// signedInVerb adds the flags of a verb for people. define adds the verb's own.
func signedInVerb(define func(fs *flag.FlagSet) func(ctx context.Context, c *call) error) func(fs *flag.FlagSet) command.Run {
	return func(fs *flag.FlagSet) command.Run {
		person := rpc.PersonFlags(fs)
		form := form(fs)
		run := define(fs)
		return func(ctx context.Context, e command.Env, args []string) error {
			inJSON, err := asJSON(*form)
			if err != nil {
				return err
			}
			client, err := rpc.DialPerson(ctx, *person, e)
			if err != nil {
				return err
			}
			return run(ctx, &call{Client: client, env: e, json: inJSON, args: args})
		}
	}
}
