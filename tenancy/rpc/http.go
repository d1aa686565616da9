package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/tenancy"
)

// HTTP guards a plain HTTP or WebSocket handler as the interceptor guards an RPC; name is what the log calls it. The
// handler finds the principal in the request's context. Refusals are JSON: {"code", "message"} with the fitting status.
func (c *Chain) HTTP(name string, action tenancy.Action, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, log := c.begin(r.Context(), name, r.RemoteAddr, "http", r.Header)
		id := tenancy.CallFrom(ctx).RequestID
		w.Header().Set(requestIDHeader, id)
		admitted := false
		err := c.guard(ctx, func() (err error) {
			if ctx, err = c.admitAction(ctx, action, r.Header); err != nil {
				return err
			}
			admitted = true
			next.ServeHTTP(w, r.WithContext(ctx))
			return nil
		})
		log(ctx, err)
		c.tell(ctx, err)
		if err != nil && !admitted {
			WriteError(ctx, w, err)
		}
	})
}

// WriteError answers a plain HTTP request with an error as the chain maps it; internal errors go bare.
func WriteError(ctx context.Context, w http.ResponseWriter, err error) {
	ce := toConnect(err, tenancy.CallFrom(ctx).RequestID)
	body := map[string]any{"code": ce.Code().String(), "message": ce.Message()}
	if le := (*tenancy.LimitError)(nil); errors.As(err, &le) {
		le.SetHeaders(w.Header())
		body["limit"] = le
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(statusOf(ce.Code()))
	_ = json.NewEncoder(w).Encode(body)
}

func statusOf(code connect.Code) int {
	switch code {
	case connect.CodeInvalidArgument, connect.CodeOutOfRange, connect.CodeFailedPrecondition:
		return http.StatusBadRequest
	case connect.CodeUnauthenticated:
		return http.StatusUnauthorized
	case connect.CodePermissionDenied:
		return http.StatusForbidden
	case connect.CodeNotFound:
		return http.StatusNotFound
	case connect.CodeAlreadyExists, connect.CodeAborted:
		return http.StatusConflict
	case connect.CodeResourceExhausted:
		return http.StatusTooManyRequests
	case connect.CodeCanceled:
		return 499
	case connect.CodeUnavailable:
		return http.StatusServiceUnavailable
	case connect.CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case connect.CodeUnimplemented:
		return http.StatusNotImplemented
	default:
		return http.StatusInternalServerError
	}
}

// webSocketToken is the subprotocol by which a browser, which cannot set headers on a WebSocket, sends its token:
// `Sec-WebSocket-Protocol: millwright, bearer.<token>`. The server answers with `millwright`.
const webSocketToken = "bearer."

// Bearer returns the token of a request: from `Authorization: Bearer`, or from a WebSocket's subprotocols. A token in
// the URL is not looked for: URLs end in logs.
func Bearer(header http.Header) string {
	if scheme, token, ok := strings.Cut(header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(token)
	}
	for _, line := range header.Values("Sec-Websocket-Protocol") {
		for _, p := range strings.Split(line, ",") {
			if token, ok := strings.CutPrefix(strings.TrimSpace(p), webSocketToken); ok {
				return token
			}
		}
	}
	return ""
}
