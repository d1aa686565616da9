package main

import (
	"context"
	"flag"
	"fmt"
	"slices"

	"github.com/millwright-io/millwright/deploy/internal/bench"
	"github.com/millwright-io/millwright/deploy/internal/client"
	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/edge"
	"github.com/millwright-io/millwright/deploy/internal/replay"
	"github.com/millwright-io/millwright/deploy/internal/role"
	"github.com/millwright-io/millwright/deploy/internal/simulate"
	"github.com/millwright-io/millwright/deploy/internal/up"
	"github.com/millwright-io/millwright/deploy/internal/verify"
)

// verbs lists everything the binary can do, in the order of its help.
func verbs() *command.Registry {
	return command.NewRegistry("millwright", slices.Concat(
		up.Commands(version),
		role.Commands(),
		edge.Commands(),
		client.Commands(),
		simulate.Commands(),
		replay.Commands(),
		verify.Commands(),
		bench.Commands(),
		[]command.Command{versionCommand()},
	))
}

func versionCommand() command.Command {
	return command.Command{
		Name: "version", Summary: "print the version of this binary",
		Prepare: func(*flag.FlagSet) command.Run {
			return func(_ context.Context, e command.Env, _ []string) error {
				_, err := fmt.Fprintln(e.Out, version)
				return err
			}
		},
	}
}
