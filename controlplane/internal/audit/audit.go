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
	// ID counts the tenant's entries from 1.
	ID            int64
	Tenant        tenancy.ID
	OccurredAt    time.Time
	Actor         string
	Action        string
	Object        string
	Outcome       string
	BeforeJSON    string
	AfterJSON     string
	RemoteAddress string
	RequestID     string
	// Hash chains the entry to the one before, see millwright.audit.v1.Entry. The store makes it, and ID.
	Hash []byte
}

// Filter chooses entries; its zero value chooses all.
type Filter struct {
	Actor string
	// Action is a part of it, Object its beginning.
	Action, Object string
	// Refused chooses refused attempts, Done the others.
	Refused, Done bool
	// Start is included, End is not; zero is no bound.
	Start, End time.Time
}

// Of describes a change that p made in the call that ctx belongs to. after is the object after the change; its type
// keeps secrets out of JSON.
func Of(ctx context.Context, p tenancy.Principal, now time.Time, object string, after any) Entry {
	e := entry(ctx, p, now)
	e.Object, e.Outcome, e.AfterJSON = object, OK, text(after)
	return e
}

// From adds the object before the change.
func (e Entry) From(before any) Entry {
	e.BeforeJSON = text(before)
	return e
}

// Also describes another object that the same call made.
func (e Entry) Also(object string, after any) Entry {
	e.Object, e.BeforeJSON, e.AfterJSON = object, "", text(after)
	return e
}

func text(object any) string {
	if object == nil {
		return ""
	}
	data, err := json.Marshal(object)
	if err != nil {
		return ""
	}
	return string(data)
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
