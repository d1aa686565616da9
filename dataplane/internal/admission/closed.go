package admission

import (
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// closedRetry is when to try again where nothing is taken at all: whatever ends that reaches the cell within a second.
const closedRetry = time.Minute

// closed refuses everything of a tenant that left the cell, or whose events are refused.
func (a *account) closed(n int64) error {
	switch {
	case a.gone:
		return unknown(n)
	case a.limits.EventsRefused:
		return a.explained(&tenancy.LimitError{Limit: tenancy.LimitEventsPerSecond, Scope: tenancy.ScopeTenant, Current: n, RetryAfter: closedRetry})
	}
	return nil
}

// explained adds why a tenant's rate is what it is.
func (a *account) explained(err *tenancy.LimitError) *tenancy.LimitError {
	if err.Scope == tenancy.ScopeTenant {
		err.Reason = a.limits.EventsReason
	}
	return err
}
