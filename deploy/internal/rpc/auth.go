package rpc

import (
	"context"

	"connectrpc.com/connect"
)

// bearer adds an API key to every call.
type bearer string

func (b bearer) value() string { return "Bearer " + string(b) }

// WrapUnary adds the key.
func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		req.Header().Set("Authorization", b.value())
		return next(ctx, req)
	}
}

// WrapStreamingClient adds the key.
func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		conn.RequestHeader().Set("Authorization", b.value())
		return conn
	}
}

// WrapStreamingHandler is for servers.
func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// nothing adds nothing: the session cookie is the HTTP client's.
type nothing struct{}

func (nothing) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }
func (nothing) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}
func (nothing) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
