package rpc

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
)

// header adds the caller's credential to every call.
type header struct {
	name, value string
	// unknown is what it means that the server does not know the credential, and what to do about it.
	unknown string
}

func keyHeader(key string) header {
	return header{"Authorization", "Bearer " + key, "the server does not know this API key"}
}

func sessionHeader(server, token string) header {
	return header{"X-Session-Token", token, "this session is not good any more: run `millwright login --server " + server + "` again"}
}

func (h header) set(to http.Header) { to.Set(h.name, h.value) }

// explain puts what the refusal of a credential means in front of it.
func (h header) explain(err error) error {
	if connect.CodeOf(err) != connect.CodeUnauthenticated {
		return err
	}
	return &unknown{means: h.unknown, cause: err}
}

// WrapUnary adds the header.
func (h header) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		h.set(req.Header())
		res, err := next(ctx, req)
		return res, h.explain(err)
	}
}

// WrapStreamingClient adds the header.
func (h header) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		h.set(conn.RequestHeader())
		return conn
	}
}

// WrapStreamingHandler is for servers.
func (h header) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// unknown is a credential that was refused.
type unknown struct {
	means string
	cause error
}

func (u *unknown) Error() string { return u.means + ": " + u.cause.Error() }
func (u *unknown) Unwrap() error { return u.cause }
