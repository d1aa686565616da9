package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// VariablePrefix begins the name of every variable that sets a flag.
const VariablePrefix = "MILLWRIGHT_"

// Variable is the environment variable that sets a flag when the command line does not. One-letter flags have none.
func Variable(name string) string {
	if len(name) < 2 {
		return ""
	}
	return VariablePrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func (r *Registry) call(ctx context.Context, e Env, cmd Command, args []string) error {
	fs := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	run := cmd.Prepare(fs)
	positional, err := parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		r.usage(e.Out, cmd)
		return nil
	}
	if err != nil {
		return Usage("%s: %s; see `%s %s --help`", cmd.Name, err, r.program, cmd.Name)
	}
	if err := fromEnvironment(fs, e.Getenv); err != nil {
		return Usage("%s: %s", cmd.Name, err)
	}
	if err := checkArgs(cmd.Args, positional); err != nil {
		return Usage("%s: %s; see `%s %s --help`", cmd.Name, err, r.program, cmd.Name)
	}
	return run(ctx, e, positional)
}

// parse lets flags and positional arguments come in any order; after "--" nothing is a flag.
func parse(fs *flag.FlagSet, args []string) (positional []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return positional, nil
		}
		if taken := len(args) - len(rest); taken > 0 && args[taken-1] == "--" {
			return append(positional, rest...), nil
		}
		positional = append(positional, rest[0])
		args = rest[1:]
	}
}

// fromEnvironment sets the flags that the command line left alone.
func fromEnvironment(fs *flag.FlagSet, getenv func(string) string) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var problem error
	fs.VisitAll(func(f *flag.Flag) {
		name := Variable(f.Name)
		if given[f.Name] || name == "" || problem != nil {
			return
		}
		if value := getenv(name); value != "" {
			if err := fs.Set(f.Name, value); err != nil {
				problem = fmt.Errorf("%s=%q: %w", name, value, err)
			}
		}
	})
	return problem
}

func checkArgs(spec string, args []string) error {
	least, most := 0, 0
	for name := range strings.FieldsSeq(spec) {
		if !strings.HasPrefix(name, "[") {
			least++
		}
		most++
		if strings.Contains(name, "...") {
			most = 1 << 20
		}
	}
	switch {
	case len(args) < least:
		return fmt.Errorf("wants %s", spec)
	case len(args) > most && spec == "":
		return fmt.Errorf("takes no argument, got %q", args[0])
	case len(args) > most:
		return fmt.Errorf("unexpected argument %q", args[most])
	}
	return nil
}

// list prints every verb.
func (r *Registry) list(w io.Writer) {
	_, _ = fmt.Fprintf(w, "usage: %s COMMAND [flags]\n\n", r.program)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.commands {
		if !c.Hidden {
			_, _ = fmt.Fprintf(table, "  %s\t%s\n", c.Name, c.Summary)
		}
	}
	_ = table.Flush()
	_, _ = fmt.Fprintf(w, "\n`%s COMMAND --help` lists a command's flags. Exit codes: 0 done, 1 failed or a check failed, 2 usage, 3 could not reach the server.\n", r.program)
}

// usage prints one verb with its flags.
func (r *Registry) usage(w io.Writer, cmd Command) {
	fs := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
	cmd.Prepare(fs)
	line := strings.TrimSpace(cmd.Name + " " + cmd.Args)
	_, _ = fmt.Fprintf(w, "usage: %s %s [flags]\n\n%s\n", r.program, line, cmd.Summary)
	if cmd.Details != "" {
		_, _ = fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(cmd.Details))
	}
	first := true
	fs.VisitAll(func(f *flag.Flag) {
		if first {
			_, _ = fmt.Fprintf(w, "\nflags:\n")
			first = false
		}
		printFlag(w, f)
	})
}

func printFlag(w io.Writer, f *flag.Flag) {
	kind, text := flag.UnquoteUsage(f)
	dashes := "--"
	if len(f.Name) == 1 {
		dashes = "-"
	}
	_, _ = fmt.Fprintf(w, "  %s\n      %s", strings.TrimSpace(dashes+f.Name+" "+kind), text)
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
		_, _ = fmt.Fprintf(w, " (default %s)", f.DefValue)
	}
	if name := Variable(f.Name); name != "" {
		_, _ = fmt.Fprintf(w, " [%s]", name)
	}
	_, _ = fmt.Fprintln(w)
}
