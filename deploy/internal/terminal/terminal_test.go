package terminal_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/deploy/internal/terminal"
)

func TestAnEventIsOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(terminal.New(&out, slog.LevelInfo))
	log.Debug("hidden")
	log.With(slog.String("part", "postgres")).Warn("says", slog.String("line", "FATAL: no\nspace"), slog.Int("restarts", 2))
	log.Info("ready", slog.String("in", "3 s"))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	if want := "postgres      WARN says: FATAL: no | space  restarts=2"; !strings.HasSuffix(lines[0], want) {
		t.Errorf("got %q, want it to end with %q", lines[0], want)
	}
	if want := `up            ready  in="3 s"`; !strings.HasSuffix(lines[1], want) {
		t.Errorf("got %q, want it to end with %q", lines[1], want)
	}
}
