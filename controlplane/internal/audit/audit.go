// Package audit describes who changed what, and who was refused. The other nouns build entries, postgres keeps them in
// the same transaction as the change.
package audit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// OK is the outcome of what was done.
const OK = "ok"

// System is the actor of what nobody called for.
const System = "system"

// Entry is one change, or one refused attempt.
type Entry struct {
	ID            int64
	Tenant        tenancy.ID
	OccurredAt    time.Time
	Actor         string
	Action        string
	Object        string
	Outcome       string
	AfterJSON     string
	RemoteAddress string
	RequestID     string
}

// Of describes a change that p made in the call that ctx belongs to. after is the object after the change; its type
// keeps secrets out of JSON.
func Of(ctx context.Context, p tenancy.Principal, now time.Time, object string, after any) Entry {
	e := entry(ctx, p, now)
	e.Object, e.Outcome = object, OK
	if text, err := json.Marshal(after); err == nil && after != nil {
		e.AfterJSON = string(text)
	}
	return e
}

// Refusal describes an attempt that was refused.
func Refusal(ctx context.Context, p tenancy.Principal, now time.Time, reason string) Entry {
	e := entry(ctx, p, now)
	e.Outcome = reason
	return e
}

func entry(ctx context.Context, p tenancy.Principal, now time.Time) Entry {
	call := tenancy.CallFrom(ctx)
	return Entry{
		Tenant: p.Tenant, OccurredAt: now.UTC(), Actor: p.Actor, Action: call.Procedure,
		RemoteAddress: call.RemoteAddress, RequestID: call.RequestID,
	}
}
