package rpc

import (
	"context"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1/deadletterv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1/telemetryv1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1/tenantv1connect"
)

// Cell returns a client of the cell that the caller's tenant lives in.
func (c *Client) Cell(ctx context.Context) (telemetryv1connect.TelemetryServiceClient, error) {
	url, auth, err := c.atCell(ctx)
	if err != nil {
		return nil, Explain(err)
	}
	return telemetryv1connect.NewTelemetryServiceClient(c.http, url, connect.WithInterceptors(auth), connect.WithReadMaxBytes(256<<20)), nil
}

// DeadLetters returns a client of the same cell.
func (c *Client) DeadLetters(ctx context.Context) (deadletterv1connect.DeadLetterServiceClient, error) {
	url, auth, err := c.atCell(ctx)
	if err != nil {
		return nil, Explain(err)
	}
	return deadletterv1connect.NewDeadLetterServiceClient(c.http, url, connect.WithInterceptors(auth)), nil
}

// atCell returns where the cell is and what it knows the caller by: an API key is good there as it is, a session gets tokens.
func (c *Client) atCell(ctx context.Context) (url string, auth connect.Interceptor, err error) {
	if !c.signedIn {
		answer, err := c.Tenants.Get(ctx, &tenantv1.GetRequest{})
		return answer.GetTenant().GetCellUrl(), c.header, err
	}
	t := &cellTokens{tenants: c.Tenants, server: c.server}
	_, err = t.header(ctx)
	return t.url, t, err
}

// renewBefore is how long before its end a token is replaced.
const renewBefore = 30 * time.Second

// cellTokens adds a cell token to every call and asks for another before it ends. It is safe for concurrent use.
type cellTokens struct {
	tenants tenantv1connect.TenantServiceClient
	server  string

	mu    sync.Mutex
	url   string
	token string
	until time.Time
}

func (t *cellTokens) header(ctx context.Context) (header, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Until(t.until) < renewBefore {
		answer, err := t.tenants.IssueCellToken(ctx, &tenantv1.IssueCellTokenRequest{})
		if err != nil {
			return header{}, err
		}
		t.url, t.token, t.until = answer.GetCellUrl(), answer.GetToken(), answer.GetExpiresAt().AsTime()
	}
	h := sessionHeader(t.server, "")
	h.name, h.value = "Authorization", "Bearer "+t.token
	return h, nil
}

// WrapUnary adds the token.
func (t *cellTokens) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		h, err := t.header(ctx)
		if err != nil {
			return nil, err
		}
		return h.WrapUnary(next)(ctx, req)
	}
}

// WrapStreamingClient adds the token. Without one the cell refuses the stream.
func (t *cellTokens) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		h, err := t.header(ctx)
		if err != nil {
			return next(ctx, spec)
		}
		return h.WrapStreamingClient(next)(ctx, spec)
	}
}

// WrapStreamingHandler is for servers.
func (t *cellTokens) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
