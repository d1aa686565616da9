package gateway

import (
	"errors"
	"net/http"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// refusal is the body of an answer to what was not taken, or not as a whole.
type refusal struct {
	Code     string   `json:"code"`
	Message  string   `json:"message"`
	Accepted int      `json:"accepted"`
	Details  []detail `json:"details,omitempty"`
	// Limit is the one that refused.
	Limit *tenancy.LimitError `json:"limit,omitempty"`
}

type detail struct {
	Event  int              `json:"event"`
	Reason telemetry.Reason `json:"reason"`
	Detail string           `json:"detail"`
}

// invalid is the refusal of the events of a message that could not be understood.
func invalid(got telemetry.Result) refusal {
	out := refusal{Code: "invalid_argument", Accepted: len(got.Events), Message: summary(got)}
	for _, bad := range got.Invalid {
		out.Details = append(out.Details, detail{bad.Index, bad.Reason, bad.Detail})
	}
	return out
}

// judge returns the refusal that an error is, and its status in HTTP, which answers over NATS have as well.
func judge(err error) (status int, words refusal) {
	var limit *tenancy.LimitError
	var large tooLarge
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, refusal{Code: "out_of_range", Message: err.Error(), Limit: oversize("", large.size, large.limit)}
	case errors.As(err, &limit) && limit.Limit == tenancy.LimitPayloadBytes:
		return http.StatusRequestEntityTooLarge, refusal{Code: "out_of_range", Message: err.Error() + ": send fewer events at once", Limit: limit}
	case errors.As(err, &limit):
		return http.StatusTooManyRequests, refusal{Code: "resource_exhausted", Message: err.Error(), Limit: limit}
	case errors.Is(err, tenancy.ErrUnauthenticated):
		return http.StatusUnauthorized, refusal{Code: "unauthenticated", Message: err.Error()}
	case errors.Is(err, tenancy.ErrForbidden):
		return http.StatusForbidden, refusal{Code: "permission_denied", Message: err.Error()}
	case errors.Is(err, errEncoding):
		return http.StatusUnsupportedMediaType, refusal{Code: "invalid_argument", Message: "send the body plain or with Content-Encoding: gzip"}
	case errors.Is(err, tenancy.ErrInvalid):
		return http.StatusBadRequest, refusal{Code: "invalid_argument", Message: err.Error()}
	}
	return http.StatusServiceUnavailable, refusal{Code: "unavailable", Message: unavailable(err)}
}
