// Package rpc is the one chain that every request of both planes passes: recover, request id and one log line,
// authenticate, limit, authorize, validate, map errors. For Connect it is an interceptor, for plain HTTP and WebSocket
// a middleware, and REST is transcoded onto the Connect handlers. The planes' rpc packages and composition roots import it.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/validate"

	"github.com/millwright-io/millwright/tenancy"
)

// maxRequestBytes bounds one request message; telemetry comes in by the gateway, not here.
const maxRequestBytes = 8 << 20

// Authenticator verifies a caller's credential. It returns an ErrUnauthenticated with a sentence when there is none or
// a bad one. remoteAddress is the caller's IP address.
type Authenticator func(ctx context.Context, header http.Header, remoteAddress string) (tenancy.Principal, error)

// Deps are what the chain asks.
type Deps struct {
	Authenticate Authenticator
	// Limit counts the request against the caller's share; it returns a *tenancy.LimitError to refuse. Optional.
	Limit     func(ctx context.Context, p tenancy.Principal) error
	Authorize tenancy.Authorizer
	// Refused is told of every refused authorization, for the audit log. Optional.
	Refused func(ctx context.Context, p tenancy.Principal, action tenancy.Action, err error)
	// OverLimit is told of every request of a verified caller that a limit refused, for the tenant's record. Optional.
	OverLimit func(p tenancy.Principal, err *tenancy.LimitError)
	// Timeout bounds a request that is answered once; 0: the caller's own patience does. Streams are not bounded.
	Timeout time.Duration
	Log     *slog.Logger
	Now     func() time.Time
}

// Chain is what a request passes on its way to a handler.
type Chain struct{ deps Deps }

// New returns the chain.
func New(deps Deps) *Chain { return &Chain{deps: deps} }

// Options mount the chain on a Connect handler.
func (c *Chain) Options() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithInterceptors(interceptor{c}, textInterceptor{}, validate.NewInterceptor()),
		connect.WithReadMaxBytes(maxRequestBytes),
		connect.WithCompressMinBytes(1024),
	}
}

// admit authenticates, limits and authorizes; the context it returns carries the principal.
func (c *Chain) admit(ctx context.Context, procedure string, header http.Header) (context.Context, error) {
	action, ok := tenancy.ActionOf(procedure)
	if !ok {
		return ctx, fmt.Errorf("%s is open to nobody: %w", procedure, tenancy.ErrForbidden)
	}
	return c.admitAction(ctx, action, header)
}

func (c *Chain) admitAction(ctx context.Context, action tenancy.Action, header http.Header) (context.Context, error) {
	p, err := c.deps.Authenticate(ctx, header, tenancy.CallFrom(ctx).RemoteAddress)
	if err != nil {
		return ctx, err
	}
	ctx = tenancy.WithPrincipal(ctx, p)
	if c.deps.Limit != nil {
		if err := c.deps.Limit(ctx, p); err != nil {
			return ctx, err
		}
	}
	return ctx, c.Authorize(ctx, p, action)
}

// Authorize implements tenancy.Authorizer for handlers whose request decides what else it needs; refusals are noted as the
// chain's own are.
func (c *Chain) Authorize(ctx context.Context, p tenancy.Principal, action tenancy.Action) error {
	err := c.deps.Authorize.Authorize(ctx, p, action)
	if err != nil && c.deps.Refused != nil {
		c.deps.Refused(ctx, p, action, err)
	}
	return err
}

// guard runs f and turns a panic into an internal error, logged with its stack.
func (c *Chain) guard(ctx context.Context, f func() error) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if r == http.ErrAbortHandler { //nolint:errorlint // net/http itself compares so
			panic(r) //nolint:forbidigo // net/http's own signal to drop the connection must reach net/http
		}
		c.deps.Log.ErrorContext(ctx, "request panicked", slog.Any("panic", r), slog.String("stack", string(debug.Stack())),
			slog.String("request_id", tenancy.CallFrom(ctx).RequestID))
		err = fmt.Errorf("panic: %v", r)
	}()
	return f()
}

// tell notes a limit's refusal; ctx is the one that admit returned.
func (c *Chain) tell(ctx context.Context, err error) {
	le := (*tenancy.LimitError)(nil)
	if c.deps.OverLimit == nil || !errors.As(err, &le) {
		return
	}
	if p, perr := tenancy.PrincipalFrom(ctx); perr == nil {
		c.deps.OverLimit(p, le)
	}
}

type interceptor struct{ chain *Chain }

func (i interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if req.Spec().IsClient {
			return next(ctx, req)
		}
		var res connect.AnyResponse
		patience := ctx
		if i.chain.deps.Timeout > 0 {
			bounded, cancel := context.WithTimeout(ctx, i.chain.deps.Timeout)
			defer cancel()
			ctx = bounded
		}
		ctx, log := i.chain.begin(ctx, req.Spec().Procedure, req.Peer().Addr, req.Peer().Protocol, req.Header())
		id := tenancy.CallFrom(ctx).RequestID
		err := i.chain.guard(ctx, func() (err error) {
			if ctx, err = i.chain.admit(ctx, req.Spec().Procedure, req.Header()); err != nil {
				return err
			}
			res, err = next(ctx, req)
			return err
		})
		if errors.Is(err, context.DeadlineExceeded) && patience.Err() == nil && i.chain.deps.Timeout > 0 {
			err = errors.Join(fmt.Errorf("no answer could be made within %s, try again: %w", i.chain.deps.Timeout, tenancy.ErrUnavailable), err)
		}
		log(ctx, err)
		i.chain.tell(ctx, err)
		if err != nil {
			return nil, toConnect(err, id)
		}
		res.Header().Set(requestIDHeader, id)
		return res, nil
	}
}

func (i interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (i interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		ctx, log := i.chain.begin(ctx, conn.Spec().Procedure, conn.Peer().Addr, conn.Peer().Protocol, conn.RequestHeader())
		id := tenancy.CallFrom(ctx).RequestID
		conn.ResponseHeader().Set(requestIDHeader, id)
		err := i.chain.guard(ctx, func() (err error) {
			if ctx, err = i.chain.admit(ctx, conn.Spec().Procedure, conn.RequestHeader()); err != nil {
				return err
			}
			return next(ctx, conn)
		})
		log(ctx, err)
		i.chain.tell(ctx, err)
		if err != nil {
			return toConnect(err, id)
		}
		return nil
	}
}
