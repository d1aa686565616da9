package command

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// completionCommand prints a shell's script that completes the registry's verbs and their flags.
func completionCommand(r *Registry) Command {
	return Command{
		Name: "completion", Args: "bash|zsh|fish", Summary: "print a script that completes verbs and flags in a shell",
		Details: "bash: source <(millwright completion bash)\nzsh:  source <(millwright completion zsh)\nfish: millwright completion fish | source",
		Prepare: func(*flag.FlagSet) Run {
			return func(_ context.Context, e Env, args []string) error {
				script, ok := r.script(args[0])
				if !ok {
					return Usage("completion %q: want bash, zsh or fish", args[0])
				}
				_, err := fmt.Fprint(e.Out, script)
				return err
			}
		},
	}
}

func (r *Registry) script(shell string) (string, bool) {
	switch shell {
	case "bash":
		return r.bash(), true
	case "zsh":
		return "autoload -Uz bashcompinit && bashcompinit\n" + r.bash(), true
	case "fish":
		return r.fish(), true
	}
	return "", false
}

// bash chooses by the one or two words after the program's name.
func (r *Registry) bash() string {
	var b strings.Builder
	fmt.Fprintf(&b, "_%s() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words\n  case \"$COMP_CWORD ${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n", r.program)
	fmt.Fprintf(&b, "    \"1 \"*) words=%q ;;\n", strings.Join(r.first(), " "))
	for _, word := range r.first() {
		if below := r.below(word); len(below) > 0 {
			fmt.Fprintf(&b, "    \"2 %s \"*) words=%q ;;\n", word, strings.Join(below, " "))
		}
	}
	for _, c := range r.commands {
		if !c.Hidden {
			fmt.Fprintf(&b, "    *\" %s\"*) words=%q ;;\n", c.Name, strings.Join(flags(c), " "))
		}
	}
	fmt.Fprintf(&b, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _%s %s\n", r.program, r.program)
	return b.String()
}

func (r *Registry) fish() string {
	var b strings.Builder
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }
	for _, word := range r.first() {
		fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -f -a %s\n", r.program, quote(word))
		for _, second := range r.below(word) {
			fmt.Fprintf(&b, "complete -c %s -n %s -f -a %s\n", r.program,
				quote("__fish_seen_subcommand_from "+word+"; and not __fish_seen_subcommand_from "+strings.Join(r.below(word), " ")), quote(second))
		}
	}
	for _, c := range r.commands {
		if c.Hidden {
			continue
		}
		condition := "__fish_seen_subcommand_from " + strings.Join(strings.Fields(c.Name), "; and __fish_seen_subcommand_from ")
		for _, f := range flags(c) {
			kind := "-l"
			if !strings.HasPrefix(f, "--") {
				kind = "-s"
			}
			fmt.Fprintf(&b, "complete -c %s -n %s %s %s\n", r.program, quote(condition), kind, strings.TrimLeft(f, "-"))
		}
	}
	return b.String()
}

// first are the first words of the verbs, sorted.
func (r *Registry) first() []string {
	var words []string
	for _, c := range r.commands {
		if word, _, _ := strings.Cut(c.Name, " "); !c.Hidden && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}

// flags are a verb's flags with their dashes.
func flags(c Command) (list []string) {
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	c.Prepare(fs)
	fs.VisitAll(func(f *flag.Flag) {
		dashes := "--"
		if len(f.Name) == 1 {
			dashes = "-"
		}
		list = append(list, dashes+f.Name)
	})
	return list
}
