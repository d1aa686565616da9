package warehouse

import "strings"

// token is a piece of SQL text. Its text is the source's, quotes included.
type token struct {
	kind  tokenKind
	text  string
	start int
	end   int
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenNumber
	tokenText   // '…'
	tokenQuoted // `…` or "…"
	tokenSign   // one character
)

// lexer cuts SQL of the admin into tokens, to find where the rows of an INSERT begin and to read the statements about
// users. It decides nothing about what a tenant may do: that is the engine's parser and the engine's grants.
type lexer struct {
	sql string
	at  int
}

func (l *lexer) next() token {
	l.skipBlank()
	start := l.at
	if start >= len(l.sql) {
		return token{kind: tokenEnd, start: start, end: start}
	}
	c := l.sql[start]
	kind := tokenSign
	switch {
	case isWordStart(c):
		kind = tokenWord
		for l.at < len(l.sql) && (isWordStart(l.sql[l.at]) || isDigit(l.sql[l.at])) {
			l.at++
		}
	case isDigit(c):
		kind = tokenNumber
		for l.at < len(l.sql) && (isDigit(l.sql[l.at]) || isWordStart(l.sql[l.at]) || l.sql[l.at] == '.') {
			l.at++
		}
	case c == '\'':
		kind = tokenText
		l.skipQuoted(c)
	case c == '`' || c == '"':
		kind = tokenQuoted
		l.skipQuoted(c)
	default:
		l.at++
	}
	return token{kind: kind, text: l.sql[start:l.at], start: start, end: l.at}
}

func (l *lexer) skipBlank() {
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			l.at++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest) - 1
			}
			l.at += end + 1
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			if end < 0 {
				end = len(rest) - 2
			}
			l.at += end + 2
		default:
			return
		}
	}
}

func (l *lexer) skipQuoted(quote byte) {
	l.at++
	for l.at < len(l.sql) {
		switch l.sql[l.at] {
		case '\\':
			l.at++
		case quote:
			l.at++
			if l.at >= len(l.sql) || l.sql[l.at] != quote {
				return
			}
		}
		l.at++
	}
	l.at = min(l.at, len(l.sql))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// is tells whether the token is the keyword, in any case.
func (t token) is(keyword string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, keyword)
}

// value is the name or text that the token stands for, without its quotes.
func (t token) value() string {
	if t.kind != tokenText && t.kind != tokenQuoted || len(t.text) < 2 {
		return t.text
	}
	quote, body := t.text[0], t.text[1:len(t.text)-1]
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		c := body[i]
		if c == quote && i+1 < len(body) && body[i+1] == quote {
			i++
		} else if c == '\\' && i+1 < len(body) {
			i++
			c = unescape(body[i])
		}
		b.WriteByte(c)
	}
	return b.String()
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case '0':
		return 0
	}
	return c
}
