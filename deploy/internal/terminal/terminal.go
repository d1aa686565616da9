// Package terminal speaks with people at a terminal: a slog handler of one line an event, without colour, the part that
// speaks first; and questions, whose answers may be secret. Packages up and client import it.
package terminal

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// partKey is the attribute that names who speaks.
const partKey = "part"

// Handler writes lines such as `12:00:01.204  postgres      ready  in=312ms`. Warnings and errors are marked as such.
type Handler struct {
	shared *shared
	level  slog.Level
	part   string
	attrs  string
}

type shared struct {
	mu sync.Mutex
	w  io.Writer
}

// New returns a handler that writes events of that level and above to w.
func New(w io.Writer, level slog.Level) *Handler {
	return &Handler{shared: &shared{w: w}, level: level, part: "up"}
}

// Enabled reports whether events of a level are written.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// WithAttrs returns a handler that adds attrs to each line.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	for _, a := range attrs {
		next.add(a)
	}
	return &next
}

// WithGroup is not used here; groups are not shown.
func (h *Handler) WithGroup(string) slog.Handler { return h }

// Handle writes one line.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	line := *h
	said := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "line" {
			said = stamp.ReplaceAllString(oneLine(a.Value.String()), "")
			return true
		}
		line.add(a)
		return true
	})
	message := r.Message
	if said != "" {
		message += ": " + said
	}
	mark := ""
	if r.Level >= slog.LevelError {
		mark = "ERROR "
	} else if r.Level >= slog.LevelWarn {
		mark = "WARN "
	}
	h.shared.mu.Lock()
	defer h.shared.mu.Unlock()
	_, err := fmt.Fprintf(h.shared.w, "%s  %-13s %s%s%s\n", r.Time.Format("15:04:05.000"), line.part, mark, message, line.attrs)
	return err
}

func (h *Handler) add(a slog.Attr) {
	if a.Key == partKey {
		h.part = a.Value.String()
		return
	}
	text := oneLine(a.Value.String())
	if text == "" || strings.ContainsAny(text, " \"=") {
		text = strconv.Quote(text)
	}
	h.attrs += "  " + a.Key + "=" + text
}

func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", " | ") }

// stamp is what a child's own log begins a line with; this handler tells time and level itself.
var stamp = regexp.MustCompile(`^time=\S+ level=\S+ (msg=)?`)
