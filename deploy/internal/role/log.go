package role

import (
	"flag"
	"io"
	"log/slog"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// logOptions says how a role logs.
type logOptions struct {
	level  string
	format string
}

func logFlags(fs *flag.FlagSet) *logOptions {
	o := &logOptions{}
	fs.StringVar(&o.level, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	fs.StringVar(&o.format, "log-format", "text", "form of the log: text or json")
	return o
}

func (o *logOptions) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.level)); err != nil {
		return nil, command.Usage("--log-level %q: want debug, info, warn or error", o.level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch o.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	default:
		return nil, command.Usage("--log-format %q: want text or json", o.format)
	}
}

// oneLine joins the problems of a joined error.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
