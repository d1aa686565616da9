// Package command is the registry of the binary's verbs: it finds the verb, parses its flags (each of which a
// MILLWRIGHT_… variable can set too), prints help, and turns the verb's error into an exit code. Everything in deploy
// that offers a verb imports it; it imports nothing of ours.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// Command is one verb.
//
//	command.Command{
//		Name: "verify acks", Args: "FILE", Summary: "check that every acknowledged event is stored exactly once",
//		Prepare: func(fs *flag.FlagSet) command.Run {
//			server := fs.String("server", "http://127.0.0.1:8080", "URL of the control plane")
//			return func(ctx context.Context, e command.Env, args []string) error { return verify(ctx, *server, args[0]) }
//		},
//	}
type Command struct {
	// Name is one or two lower-case words.
	Name string
	// Args names the positional arguments, e.g. "NAME FILE". An argument in brackets may be left out, and one that ends
	// in "..." may be given many times. The number of arguments is checked before Run.
	Args string
	// Summary is one line for the list of verbs.
	Summary string
	// Details is shown below the summary by --help. May be empty.
	Details string
	// Hidden leaves the verb out of the list.
	Hidden bool
	// Prepare defines the verb's flags and returns what it does. It must have no other effect: it also runs for --help.
	Prepare func(fs *flag.FlagSet) Run
}

// Run does the verb. It ends when ctx is done. args are the positional arguments. What it prints on e.Out is the verb's
// result; the returned error is printed as one line on e.Err by the caller of Run.
type Run func(ctx context.Context, e Env, args []string) error

// Env is what a verb may use of the world around the process.
type Env struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// Getenv reads an environment variable.
	Getenv func(string) string
	// Now is the clock.
	Now func() time.Time
}

// The exit codes.
const (
	ExitDone        = 0
	ExitCheckFailed = 1
	ExitUsage       = 2
	ExitUnreachable = 3
)

// The kinds of failure that have an exit code of their own. A verb wraps them; any other error exits with
// ExitCheckFailed.
var (
	ErrUsage       = errors.New("usage")
	ErrUnreachable = errors.New("unreachable")
	// ErrReported is a failure that the verb has printed already, so that nothing more is.
	ErrReported = errors.New("reported")
)

// Usage returns an ErrUsage with that sentence.
func Usage(format string, args ...any) error {
	return &kindError{kind: ErrUsage, text: fmt.Sprintf(format, args...)}
}

// Unreachable returns an ErrUnreachable with that sentence.
func Unreachable(format string, args ...any) error {
	return &kindError{kind: ErrUnreachable, text: fmt.Sprintf(format, args...)}
}

// Reported returns an ErrReported: exit code 1, nothing printed.
func Reported() error { return &kindError{kind: ErrReported} }

type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

// Code is the exit code of a verb that ended with err.
func Code(err error) int {
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, ErrUsage):
		return ExitUsage
	case errors.Is(err, ErrUnreachable):
		return ExitUnreachable
	default:
		return ExitCheckFailed
	}
}
