package rpc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millwright-io/millwright/tenancy"
)

// kinds maps what the domain says to what the protocol says. Everything else is internal.
var kinds = []struct {
	err  error
	code connect.Code
}{
	{tenancy.ErrInvalid, connect.CodeInvalidArgument},
	{tenancy.ErrNotFound, connect.CodeNotFound},
	{tenancy.ErrConflict, connect.CodeFailedPrecondition},
	{tenancy.ErrExists, connect.CodeAlreadyExists},
	{tenancy.ErrForbidden, connect.CodePermissionDenied},
	{tenancy.ErrUnauthenticated, connect.CodeUnauthenticated},
	{tenancy.ErrOverLimit, connect.CodeResourceExhausted},
	{tenancy.ErrUnavailable, connect.CodeUnavailable},
	{context.Canceled, connect.CodeCanceled},
	{context.DeadlineExceeded, connect.CodeDeadlineExceeded},
}

func codeOf(err error) connect.Code {
	if ce := (*connect.Error)(nil); errors.As(err, &ce) {
		return ce.Code()
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.code
		}
	}
	return connect.CodeInternal
}

// sentence is what the caller reads: the error without the name of its kind, on one line.
func sentence(err error) string {
	text := err.Error()
	for _, k := range kinds {
		if trimmed := strings.TrimSuffix(text, ": "+k.err.Error()); trimmed != text {
			text = trimmed
			break
		}
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\n - ", " "), "\n", " ")
	return text
}

// toConnect makes the error that leaves the process. Internal errors go bare: they name the request id and no more.
func toConnect(err error, requestID string) *connect.Error {
	code := codeOf(err)
	var out *connect.Error
	ce := (*connect.Error)(nil)
	switch {
	case code == connect.CodeInternal || code == connect.CodeUnknown:
		out = connect.NewError(connect.CodeInternal, fmt.Errorf("internal error; quote request id %s to your operator", requestID))
	case errors.As(err, &ce):
		out = connect.NewError(code, errors.New(strings.Join(strings.Fields(ce.Message()), " ")))
		for _, d := range ce.Details() {
			out.AddDetail(d)
		}
		for k, v := range ce.Meta() {
			out.Meta()[k] = v
		}
	default:
		out = connect.NewError(code, errors.New(sentence(err)))
	}
	if le := (*tenancy.LimitError)(nil); errors.As(err, &le) {
		explainLimit(out, le)
	}
	out.Meta().Set(requestIDHeader, requestID)
	return out
}

// explainLimit says in headers and details which limit refused, as google.rpc does.
func explainLimit(out *connect.Error, le *tenancy.LimitError) {
	le.SetHeaders(out.Meta())
	details := []proto.Message{
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: le.Scope, Description: le.Error()}}},
		&errdetails.ErrorInfo{Reason: "LIMIT_EXCEEDED", Domain: "millwright", Metadata: map[string]string{
			"limit": le.Limit, "scope": le.Scope, "current": strconv.FormatInt(le.Current, 10), "maximum": strconv.FormatInt(le.Maximum, 10),
		}},
	}
	if le.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(le.RetryAfter)})
	}
	for _, m := range details {
		if d, err := connect.NewErrorDetail(m); err == nil {
			out.AddDetail(d)
		}
	}
}
