package natswire

import (
	"bytes"
	"strconv"
)

// headerStart begins every header, and an empty line ends it.
const headerStart = "NATS/1.0"

// Get returns the first value of a name in a header, or nil; names differ by case. ok is false when the header is malformed
// up to there.
func Get(header []byte, name string) (value []byte, ok bool) {
	if len(header) == 0 {
		return nil, true
	}
	first, rest, found := bytes.Cut(header, []byte("\r\n"))
	if !found || !bytes.HasPrefix(first, []byte(headerStart)) || !bytes.HasSuffix(header, []byte("\r\n\r\n")) {
		return nil, false
	}
	for {
		line, after, found := bytes.Cut(rest, []byte("\r\n"))
		if !found || len(line) == 0 {
			return nil, found && len(after) == 0
		}
		key, v, found := bytes.Cut(line, []byte(":"))
		if !found || len(key) == 0 {
			return nil, false
		}
		if string(key) == name {
			return bytes.TrimSpace(v), true
		}
		rest = after
	}
}

// AppendMessage writes a MSG without a header.
func AppendMessage(dst []byte, subject, sid string, payload []byte) []byte {
	dst = append(append(dst, "MSG "...), subject...)
	dst = append(append(dst, ' '), sid...)
	dst = strconv.AppendInt(append(dst, ' '), int64(len(payload)), 10)
	dst = append(append(dst, "\r\n"...), payload...)
	return append(dst, "\r\n"...)
}

// AppendError writes an -ERR. What would end its line or its quotes is left out of the words.
func AppendError(dst []byte, words string) []byte {
	dst = append(dst, "-ERR '"...)
	for i := range len(words) {
		switch c := words[i]; {
		case c == '\'':
			dst = append(dst, '"')
		case c >= ' ' && c != 0x7f:
			dst = append(dst, c)
		}
	}
	return append(dst, "'\r\n"...)
}
