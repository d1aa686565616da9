package tenancy

import "context"

// Call is what is known of a request before anything else: the log line, the audit entry and the answer carry it.
type Call struct {
	// RequestID is the caller's X-Request-Id when it has a sane form, else a random one.
	RequestID string
	// RemoteAddress is the caller's IP address.
	RemoteAddress string
	// Procedure is what was called, e.g. millwright.device.v1.DeviceService/Create.
	Procedure string
}

type callKey struct{}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the request that ctx belongs to; the zero Call outside of one.
func CallFrom(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	return c
}
