// Command millwright is the product's one binary; its roles and client verbs are subcommands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second signal ends the process at once; its children die with it.
	context.AfterFunc(ctx, stop)
	code := verbs().Main(ctx, command.Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}
