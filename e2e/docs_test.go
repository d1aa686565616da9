package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/e2e/stack"
)

// runTheDocumentation runs the commands of the pages that show output, each page in one shell, and compares what they print.
func runTheDocumentation(t *testing.T, s *stack.Stack) {
	for _, program := range []string{"curl", "openssl", "psql", "mosquitto_pub"} {
		need(t, program)
	}
	if _, err := os.Stat(filepath.Join(stack.Root(), "proto", "tools", "node_modules", ".bin", "buf")); err != nil {
		missing(t, "buf: run `make generate` once")
	}
	for _, page := range []string{"enrolment.md", "by-hand.md", "edge.md"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(stack.Root(), "docs", page))
			if err != nil {
				t.Fatal(err)
			}
			blocks := commandBlocks(here(s).Replace(string(text)))
			if len(blocks) < 3 {
				t.Fatalf("the page has %d blocks of commands", len(blocks))
			}
			runBlocks(t, s, blocks)
		})
	}
}

// here turns the addresses and paths that the pages name into those of a stack.
func here(s *stack.Stack) *strings.Replacer {
	pairs := []string{"DATA=.millwright", "DATA=" + s.Data, "CHECKOUT=$PWD", "CHECKOUT=" + stack.Root()}
	for i, port := range []int{8080, 8081, 8443, 8883, 8884, 9090, 8123, 8444, 8885} { // the order of docs/operations.md
		pairs = append(pairs, fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", s.PortBase+i))
	}
	for _, port := range []int{1883, 9091} { // an edge's
		pairs = append(pairs, fmt.Sprintf("127.0.0.1:%d", port), freeAddress())
	}
	return strings.NewReplacer(pairs...)
}

// freeAddress is one that nobody listens on now.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// block is a fenced block of commands, and the block of output that follows it at once, if one does.
type block struct{ commands, output string }

var fences = regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?")

func commandBlocks(page string) (blocks []block) {
	for _, m := range fences.FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, block{commands: m[1], output: m[2]})
	}
	return blocks
}

// ended stands after the output of each block, with the status of its last command.
const ended = "block ended with "

// runBlocks runs them one after the other in one shell, so that variables stay.
func runBlocks(t *testing.T, s *stack.Stack, blocks []block) {
	var all strings.Builder
	all.WriteString("exec 2>&1\n")
	for _, b := range blocks {
		fmt.Fprintf(&all, "%s\nprintf '\\n%s%%s\\n' $?\n", b.commands, ended)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", all.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "MILLWRIGHT_SERVER="+s.Demo.ControlURL, "MILLWRIGHT_KEY="+s.Demo.APIKey,
		"PATH="+filepath.Dir(stack.Binary(t))+":"+os.Getenv("PATH"))
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("bash: %v", err)
	}
	rest := string(out)
	for _, b := range blocks {
		printed, after, ok := strings.Cut(rest, "\n"+ended)
		if !ok {
			t.Fatalf("the shell ended in\n%s\nand had printed\n%s", b.commands, rest)
		}
		status, next, _ := strings.Cut(after, "\n")
		rest = next
		switch {
		case b.output == "" && status != "0":
			t.Errorf("exit %s of\n%s\nwhich printed\n%s", status, b.commands, printed)
		case b.output != "" && !matches(b.output, printed):
			t.Errorf("the page says that\n%s\nprints\n%s\nand it printed\n%s", b.commands, b.output, printed)
		}
	}
}

// matches compares output with what a page says of it: a line that is `…` stands for any lines, also none, and `…` in a line for
// anything on it. How many spaces there are does not count.
func matches(said, printed string) bool {
	var pattern strings.Builder
	pattern.WriteString(`^`)
	for line := range strings.SplitSeq(tidy(said), "\n") {
		if line == "…" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + `\n`)
	}
	pattern.WriteString(`$`)
	return regexp.MustCompile(pattern.String()).MatchString(tidy(printed) + "\n")
}

// tidy leaves one space where there are some, and none around lines and the whole.
func tidy(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
