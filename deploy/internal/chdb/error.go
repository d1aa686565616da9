package chdb

import (
	"regexp"
	"strconv"
	"strings"
)

// Error is an exception of the engine. Text is its whole form: "Code: N. DB::Exception: … (NAME)".
type Error struct {
	Code int
	Text string
}

func (e *Error) Error() string { return e.Text }

var codePattern = regexp.MustCompile(`^(?:.*?\n)?\s*Code: (\d+)\.`)

func parseError(msg string) *Error {
	msg = strings.TrimSpace(msg)
	if m := codePattern.FindStringSubmatch(msg); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil {
			return &Error{Code: code, Text: msg}
		}
	}
	return &Error{Code: 1002, Text: "Code: 1002. DB::Exception: " + msg + " (UNKNOWN_EXCEPTION)"}
}
