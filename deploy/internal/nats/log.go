package nats

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// logger takes what the server says; its notices are details, and it must never end this process.
type logger struct {
	log  *slog.Logger
	last lastWords
}

func (l *logger) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *logger) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *logger) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *logger) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *logger) Debugf(string, ...any)           {}
func (l *logger) Tracef(string, ...any)           {}

func (l *logger) say(level slog.Level, format string, v []any) {
	text := fmt.Sprintf(format, v...)
	if level > slog.LevelDebug {
		if !notable(text) {
			return
		}
		l.last.Store(text)
	}
	l.log.Log(context.Background(), level, "says", slog.String("line", text))
}

// lastWords is the last problem, for the error of a failed start.
type lastWords struct{ text atomic.Pointer[string] }

func (w *lastWords) Store(text string) { w.text.Store(&text) }

func (w *lastWords) Load() string {
	if text := w.text.Load(); text != nil {
		return *text
	}
	return "none"
}
