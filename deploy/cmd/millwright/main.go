// Command millwright is the product's one binary; its roles and client verbs are subcommands.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go obey(signals, stop)
	code := verbs().Main(ctx, command.Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now,
	}, os.Args[1:])
	os.Exit(code)
}

// exitCut is the code of a process that a second signal ended, as a shell gives it to one that an interrupt ended.
const exitCut = 130

// obey lets the verb end by itself at the first signal, and ends the process at the second; its children die with it.
func obey(signals <-chan os.Signal, stop func()) {
	<-signals
	stop()
	<-signals
	_, _ = fmt.Fprintln(os.Stderr, "millwright: second signal: ended at once, what was still stopping was cut off")
	os.Exit(exitCut)
}
