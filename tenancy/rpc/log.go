package rpc

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/tenancy"
)

const requestIDHeader = "X-Request-Id"

// begin puts the call into the context and returns what writes its one log line.
func (c *Chain) begin(ctx context.Context, procedure, remote, protocol string, header http.Header) (
	context.Context, func(context.Context, error),
) {
	start := c.deps.Now()
	reached(ctx)
	call := tenancy.Call{
		RequestID: requestID(header), RemoteAddress: remoteAddress(remote), Procedure: strings.TrimPrefix(procedure, "/"),
	}
	return tenancy.WithCall(ctx, call), func(ctx context.Context, err error) {
		attrs := []slog.Attr{
			slog.String("procedure", call.Procedure), slog.String("protocol", protocol), slog.String("code", codeName(err)),
			slog.Duration("duration", c.deps.Now().Sub(start)), slog.String("request_id", call.RequestID),
			slog.String("remote_address", call.RemoteAddress),
		}
		if p, perr := tenancy.PrincipalFrom(ctx); perr == nil {
			attrs = append(attrs, slog.String("tenant", string(p.Tenant)), slog.String("subject", p.Subject))
		}
		level := slog.LevelInfo
		if err != nil {
			attrs = append(attrs, slog.String("error", err.Error()))
			if isInternal(err) {
				level = slog.LevelError
			}
		}
		c.deps.Log.LogAttrs(ctx, level, "request", attrs...)
	}
}

func codeName(err error) string {
	if err == nil {
		return "ok"
	}
	return codeOf(err).String()
}

func isInternal(err error) bool {
	code := codeOf(err)
	return code == connect.CodeInternal || code == connect.CodeUnknown
}

// requestID keeps the caller's id when it has a sane form.
func requestID(header http.Header) string {
	id := header.Get(requestIDHeader)
	if len(id) >= 8 && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == "" {
		return id
	}
	return rand.Text()
}

func remoteAddress(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
