package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Registry holds the verbs of a binary.
type Registry struct {
	program  string
	commands []Command
}

// NewRegistry returns a registry with those verbs. program is what usage lines begin with.
func NewRegistry(program string, commands ...[]Command) *Registry {
	r := &Registry{program: program, commands: slices.Concat(commands...)}
	r.commands = append(r.commands, completionCommand(r))
	return r
}

// Main runs the verb that args (without the program's name) call for, reports its error on e.Err and returns the exit
// code of the process.
func (r *Registry) Main(ctx context.Context, e Env, args []string) int {
	err := r.run(ctx, e, args)
	if err != nil && !errors.Is(err, ErrReported) {
		_, _ = fmt.Fprintf(e.Err, "%s: %s\n", r.program, strings.TrimSpace(err.Error()))
	}
	return Code(err)
}

func (r *Registry) run(ctx context.Context, e Env, args []string) error {
	if len(args) == 0 {
		r.list(e.Err)
		return Usage("no command given; see `%s help`", r.program)
	}
	if isHelp(args[0]) {
		return r.help(e, args[1:])
	}
	cmd, rest, err := r.find(args)
	if err != nil {
		return err
	}
	return r.call(ctx, e, cmd, rest)
}

// help answers `help`, `help VERB` and `--help`.
func (r *Registry) help(e Env, args []string) error {
	if len(args) == 0 {
		r.list(e.Out)
		return nil
	}
	cmd, _, err := r.find(args)
	if err != nil {
		return err
	}
	r.usage(e.Out, cmd)
	return nil
}

// find takes the longest verb that args begin with.
func (r *Registry) find(args []string) (Command, []string, error) {
	for words := min(2, len(args)); words > 0; words-- {
		name := strings.Join(args[:words], " ")
		i := slices.IndexFunc(r.commands, func(c Command) bool { return c.Name == name })
		if i >= 0 {
			return r.commands[i], args[words:], nil
		}
	}
	if verbs := r.below(args[0]); len(verbs) > 0 {
		if len(args) == 1 || isHelp(args[1]) {
			return Command{}, nil, Usage("%s needs one of: %s", args[0], strings.Join(verbs, ", "))
		}
		return Command{}, nil, Usage("%s has no %q; it has: %s", args[0], args[1], strings.Join(verbs, ", "))
	}
	return Command{}, nil, Usage("no command %q; see `%s help`", args[0], r.program)
}

// below lists the second words of two-word verbs.
func (r *Registry) below(first string) []string {
	var words []string
	for _, c := range r.commands {
		if rest, ok := strings.CutPrefix(c.Name, first+" "); ok && !c.Hidden {
			words = append(words, rest)
		}
	}
	slices.Sort(words)
	return words
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}
