package trace

import (
	"context"
	"encoding/hex"
	"strings"
)

// Context is a place in a trace that travels. The zero value is no place.
type Context struct {
	trace [16]byte
	span  [8]byte
}

// Valid reports whether it is a place.
func (c Context) Valid() bool { return c.trace != [16]byte{} && c.span != [8]byte{} }

// String is the place as it travels: trace and span in hexadecimal digits.
func (c Context) String() string {
	return hex.EncodeToString(c.trace[:]) + "-" + hex.EncodeToString(c.span[:])
}

// ParseContext reads what String wrote.
func ParseContext(text string) (c Context, ok bool) {
	trace, span, _ := strings.Cut(text, "-")
	if len(trace) != 2*len(c.trace) || len(span) != 2*len(c.span) || strings.ToLower(text) != text {
		return Context{}, false
	}
	if _, err := hex.Decode(c.trace[:], []byte(trace)); err != nil {
		return Context{}, false
	}
	if _, err := hex.Decode(c.span[:], []byte(span)); err != nil {
		return Context{}, false
	}
	return c, c.Valid()
}

// asked reads a traceparent of W3C Trace Context. It is false for one that does not ask to be sampled, or is none.
func asked(traceparent string) (Context, bool) {
	parts := strings.SplitN(traceparent, "-", 5)
	if len(traceparent) > 256 || len(parts) < 4 || len(parts[0]) != 2 || len(parts[3]) != 2 || parts[0] == "ff" || len(parts) == 5 && parts[0] == "00" {
		return Context{}, false
	}
	var flags [1]byte
	if _, err := hex.Decode(flags[:], []byte(parts[3])); err != nil || flags[0]&1 == 0 {
		return Context{}, false
	}
	return ParseContext(parts[1] + "-" + parts[2])
}

type contextKey struct{}

// With hands a followed message on.
func With(ctx context.Context, s *Span) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, s)
}

// From is the message that With handed on, or nil.
func From(ctx context.Context) *Span {
	s, _ := ctx.Value(contextKey{}).(*Span)
	return s
}
