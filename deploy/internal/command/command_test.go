package command_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

type result struct {
	code     int
	out, err string
}

func run(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	greet := command.Command{
		Name: "device greet", Args: "NAME [TITLE]", Summary: "greet a device",
		Prepare: func(fs *flag.FlagSet) command.Run {
			times := fs.Int("times", 1, "how often")
			output := fs.String("o", "", "form")
			return func(_ context.Context, e command.Env, args []string) error {
				_, err := fmt.Fprintf(e.Out, "%v %d %s", args, *times, *output)
				return err
			}
		},
	}
	failing := func(name string, err error) command.Command {
		return command.Command{Name: name, Summary: name, Prepare: func(*flag.FlagSet) command.Run {
			return func(context.Context, command.Env, []string) error { return err }
		}}
	}
	registry := command.NewRegistry("millwright", []command.Command{
		greet,
		failing("fail", fmt.Errorf("disk is on fire")),
		failing("away", command.Unreachable("nobody answers")),
		failing("said", command.Reported()),
	})
	var out, errs bytes.Buffer
	code := registry.Main(t.Context(), command.Env{
		Out: &out, Err: &errs, Getenv: func(name string) string { return env[name] }, Now: time.Now,
	}, args)
	return result{code, out.String(), errs.String()}
}

func TestMain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		env  map[string]string
		args string
		code int
		out  string
		err  string
	}{
		"flags may follow arguments":         {args: "device greet press_01 --times 3 -o json", out: "[press_01] 3 json"},
		"a variable sets a flag":             {env: map[string]string{"MILLWRIGHT_TIMES": "7"}, args: "device greet a b", out: "[a b] 7 "},
		"the command line beats a variable":  {env: map[string]string{"MILLWRIGHT_TIMES": "7"}, args: "device greet --times 2 a", out: "[a] 2 "},
		"after two dashes nothing is a flag": {args: "device greet -- --times", out: "[--times] 1 "},
		"help goes to the output":            {args: "device greet --help", out: "[MILLWRIGHT_TIMES]"},
		"help lists the verbs":               {args: "help", out: "device greet"},
		"a bad variable is named":            {env: map[string]string{"MILLWRIGHT_TIMES": "x"}, args: "device greet a", code: 2, err: "MILLWRIGHT_TIMES"},
		"an unknown verb":                    {args: "devise", code: 2, err: `no command "devise"`},
		"an unknown second word":             {args: "device gret", code: 2, err: "it has: greet"},
		"an unknown flag":                    {args: "device greet --tmes 3", code: 2, err: "-tmes"},
		"a missing argument":                 {args: "device greet", code: 2, err: "wants NAME"},
		"one argument too many":              {args: "device greet a b c", code: 2, err: `unexpected argument "c"`},
		"a failure":                          {args: "fail", code: 1, err: "disk is on fire"},
		"an unreachable server":              {args: "away", code: 3, err: "nobody answers"},
		"a failure that was reported":        {args: "said", code: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, c.env, strings.Fields(c.args)...)
			if got.code != c.code || !strings.Contains(got.out, c.out) || !strings.Contains(got.err, c.err) {
				t.Fatalf("got exit %d, out %q, err %q; want exit %d, out with %q, err with %q", got.code, got.out, got.err, c.code, c.out, c.err)
			}
			if lines := strings.Count(got.err, "\n"); c.code != 0 && lines > 1 {
				t.Fatalf("the error has %d lines: %q", lines, got.err)
			}
		})
	}
}

func TestCompletionKnowsVerbsAndFlags(t *testing.T) {
	t.Parallel()
	for shell, wants := range map[string][]string{
		"bash": {`"2 device "*) words="greet"`, `*" device greet"*) words="-o --times"`, "complete -o default -F _millwright millwright"},
		"zsh":  {"bashcompinit", `words="-o --times"`},
		"fish": {"-a 'device'", "-a 'greet'", "-l times", "-s o"},
	} {
		got := run(t, nil, "completion", shell)
		for _, want := range wants {
			if got.code != 0 || !strings.Contains(got.out, want) {
				t.Errorf("%s: exit %d, lacks %q:\n%s", shell, got.code, want, got.out)
			}
		}
	}
	if got := run(t, nil, "completion", "tcsh"); got.code != 2 || !strings.Contains(got.err, "bash, zsh or fish") {
		t.Errorf("an unknown shell: %+v", got)
	}
}
