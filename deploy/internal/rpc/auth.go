package rpc

import (
	"context"

	"connectrpc.com/connect"
)

// header adds the caller's credential to every call.
type header struct{ name, value string }

func keyHeader(key string) header { return header{"Authorization", "Bearer " + key} }

// WrapUnary adds the header.
func (h header) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		req.Header().Set(h.name, h.value)
		return next(ctx, req)
	}
}

// WrapStreamingClient adds the header.
func (h header) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		conn.RequestHeader().Set(h.name, h.value)
		return conn
	}
}

// WrapStreamingHandler is for servers.
func (h header) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
